"""Every number that the reference detector assumes, in one table.

Sources: [D] LHCb detector, JINST 3 (2008) S08005; [P] LHCb performance, Int. J. Mod. Phys. A30
(2015) 1530022, arXiv:1412.6352; [R] RICH performance, EPJC 73 (2013) 2431; [PDG] Review of Particle
Physics.  "Chosen" marks what no publication gives directly and what was set so that a published
figure comes out; those are the numbers to tune.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parameters:
    """Parameters of the reference detector; lengths mm, momenta MeV, angles rad, fields T."""

    # --- dipole [D]: 4 T m, centre near z = 5.2 m; the Gaussian profile is chosen
    bending_power: float = 4.0  # T m
    magnet_centre: float = 5200.0
    magnet_width: float = 1520.0
    polarity: int = -1  # sign of By; "magnet down"
    aperture_x: float = 0.33  # opening of the yoke as slope from the origin, 3 < z < 7.5 m
    aperture_y: float = 0.28

    # --- VELO [D]: 21 stations with an R and a phi sensor, 8.2 < r < 42 mm
    velo_z: tuple[float, ...] = (
        *np.arange(-175.0, 276.0, 30.0).tolist(),
        *(435.0, 585.0, 635.0, 685.0, 735.0),
    )
    velo_r_min: float = 8.2
    velo_r_max: float = 42.0
    velo_pitch_inner: float = 0.038  # strip pitch at r_min and r_max
    velo_pitch_outer: float = 0.100
    velo_resolution: float = 0.27  # over pitch: 10-27 um with alignment (chosen: IP at high pT)
    velo_efficiency: float = 0.985
    velo_x0: float = 0.0095  # radiation lengths of one station: 2 x 0.3 mm silicon and support
    foil_radius: float = 5.5  # RF foil, 0.3 mm aluminium, corrugated [D]
    foil_x0: float = 0.075  # chosen: IP slope against 1/pT; folds make many crossings
    velo_exit_z: float = 790.0
    velo_exit_x0: float = 0.022  # 2 mm aluminium window [D]

    # --- TT [D]: four silicon layers x u v x, +-5 degrees
    tt_z: tuple[float, ...] = (2330.0, 2370.0, 2600.0, 2640.0)
    tt_half_x: float = 760.0
    tt_half_y: float = 650.0
    tt_hole: float = 38.0
    tt_resolution: float = 0.075  # 0.053 [P] and alignment (chosen)
    tt_efficiency: float = 0.985
    tt_x0: float = 0.024  # with cables and box

    # --- T stations [D]: three stations of x u v x; silicon inside, straw double layers outside
    t_centres: tuple[float, ...] = (7948.0, 8630.0, 9315.0)
    t_layer_dz: tuple[float, ...] = (-165.0, -55.0, 55.0, 165.0)
    t_half_x: float = 2980.0
    t_half_y: float = 2417.0
    it_half_x: tuple[float, ...] = (625.0, 265.0)  # two boxes that make the cross
    it_half_y: tuple[float, ...] = (105.0, 210.0)
    t_hole: float = 75.0
    it_resolution: float = 0.100  # 0.055 [P] and alignment (chosen: dp/p at 100-200 GeV)
    it_efficiency: float = 0.985
    ot_resolution: float = 0.245  # 0.205 [P] and alignment (chosen)
    ot_efficiency: float = 0.92  # per monolayer, gaps between straws included
    t_x0: float = 0.0135  # one layer of either kind, frames included
    stereo_angle: float = 0.0872665  # 5 degrees

    hit_error_spread: float = 0.25  # log-normal spread of the error of single hits: size of the
    # cluster, angle, drift distance (chosen; the resolutions above are root mean squares)
    outlier_fraction: float = 0.02  # hits pulled by a neighbour or noise (chosen)
    outlier_scale: float = 3.0

    # --- passive material as thin sheets (z, radiation lengths); components [D, sec. 2.1], their
    # sum upstream of the T stations chosen: dp/p = 0.5 % below 20 GeV
    passive: tuple[tuple[float, float], ...] = (
        (1000.0, 0.025),  # RICH1 entrance and VELO flange
        (1500.0, 0.072),  # C4F10 and beam pipe
        (2050.0, 0.051),  # RICH1 mirror, carbon fibre
        (2165.0, 0.025),  # RICH1 exit
        (4000.0, 0.022),  # air and beam-pipe supports in the magnet
        (6000.0, 0.022),
        (9500.0, 0.020),  # RICH2 entrance
        (10700.0, 0.020),  # CF4
        (11700.0, 0.110),  # RICH2 mirrors and exit
        (12100.0, 0.060),  # M1
    )
    beam_pipe_slope: float = 0.0105  # particles below this angle stay in the pipe (10 mrad) [D]

    # --- physics of matter [PDG]
    scattering_tail: float = 0.02  # single large-angle scatters on top of Highland's core
    scattering_tail_scale: float = 2.8
    interaction_per_x0: float = 0.33  # nuclear interaction lengths per radiation length: 60 % X0
    # and 20 % lambda up to RICH2 [D, sec. 2]
    ionisation_per_x0: float = 50.0  # MeV lost by a minimum-ionising particle per X0

    # --- pattern recognition (chosen so that the published efficiencies come out)
    velo_min_stations: int = 3
    velo_found: float = 0.995
    forward_found: float = 0.995
    forward_low_p: float = 900.0  # MeV: search windows are too small below a few GeV
    upstream_found: float = 0.75
    upstream_low_p: float = 500.0
    downstream_found: float = 0.78
    downstream_low_p: float = 1500.0
    occupancy_loss: float = 0.02  # efficiency lost per 100 VELO segments
    chi2_max: float = 4.0  # chi2 per degree of freedom [P: < 4 in the best-track selection]
    ghost_window_y: float = 110.0  # mm at T2 between a VELO line and a T segment
    ghost_window_x: float = 110.0  # mm between their straight lines in the middle of the magnet
    ghost_accept: float = 1.0
    ghost_tt_found: float = 0.5  # chance that a stray TT hit is picked up, per layer
    ghost_tt_spread: float = 0.35  # mm, of such hits about the trajectory

    # --- RICH [R]; saturated yields and resolutions per photon are published
    rich_index: tuple[float, float] = (1.0014, 1.0005)  # C4F10, CF4
    rich_yield: tuple[float, float] = (20.0, 16.0)
    rich_resolution: tuple[float, float] = (1.48e-3, 0.622e-3)  # core; with its tail the
    # published width 1.618 and 0.68 mrad comes out
    rich_track_error: tuple[float, float] = (0.3e-3, 0.15e-3)  # direction, constant part
    rich_track_scatter: tuple[float, float] = (2.5, 1.8)  # rad MeV: sigma = value / p
    rich_theta_min: tuple[float, float] = (0.025, 0.015)  # polar acceptance
    rich_slope_x: tuple[float, float] = (0.300, 0.120)
    rich_slope_y: tuple[float, float] = (0.250, 0.100)
    rich_noise: tuple[float, float] = (20.0, 12.0)  # dark counts and scattered light an event
    rich_background: tuple[float, float] = (0.10, 0.10)  # stray photons per Cherenkov photon
    rich_tail: float = 0.10  # photons with wrong emission point or reflection
    rich_tail_scale: float = 3.0

    # --- SPD [D]
    spd_z: float = 12300.0
    spd_half_x: float = 3780.0
    spd_half_y: float = 3080.0
    spd_hole_x: float = 320.0
    spd_hole_y: float = 240.0
    spd_efficiency: float = 0.98
    spd_noise: float = 1.5  # noise cells an event
    spd_backsplash: float = 1.1  # further cells lit by each particle that showers behind (chosen:
    # nSPDHits over nTracks of LHCb events)
    spd_backsplash_radius: float = 250.0

    # --- primary vertices
    pv_min_tracks: int = 5  # [P]
    velo_only_pt: float = 400.0  # MeV, assumed for VELO segments without momentum [P]


DEFAULT = Parameters()
"""The reference detector as shipped."""
