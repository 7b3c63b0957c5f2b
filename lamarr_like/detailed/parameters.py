"""Every number that the reference detector assumes, in one table.

Sources: [D] LHCb detector, JINST 3 (2008) S08005; [P] LHCb performance, Int. J. Mod. Phys. A30
(2015) 1530022, arXiv:1412.6352; [R] RICH performance, EPJC 73 (2013) 2431; [PDG] Review of Particle
Physics.  "Chosen" marks what no publication gives directly and what was set so that a published
figure comes out; those are the numbers to tune.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import PipelineError


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
    velo_r_min: float = 9.8  # 8.2 [D]; beams off the middle and inner strips of no use (chosen:
    # distance of first hits, by the covariance of the 2016 parametrisation)
    velo_r_max: float = 42.0
    velo_support_r: float = 65.0  # hybrids with the read-out chips about the sensors, taken as
    # thick as these [D]; how far out they reach is chosen
    velo_pitch_inner: float = 0.038  # strip pitch at r_min and r_max
    velo_pitch_outer: float = 0.100
    velo_resolution: float = 0.28  # over pitch: 10-28 um with alignment (chosen: IP at high pT)
    velo_efficiency: float = 0.985
    velo_x0: float = 0.0108  # radiation lengths of one station: 2 x 0.3 mm silicon and support
    foil_radius: float = 6.6  # RF foil, 0.3 mm aluminium, corrugated, 5.5 to 8 mm [D]
    foil_x0: float = 0.050  # chosen: IP slope against 1/pT; folds make many crossings
    velo_exit_z: float = 790.0
    velo_exit_x0: float = 0.016  # 2 mm aluminium window [D]

    # --- TT [D]: four silicon layers x u v x, +-5 degrees
    tt_z: tuple[float, ...] = (2330.0, 2370.0, 2600.0, 2640.0)
    tt_half_x: float = 760.0
    tt_half_y: float = 650.0
    tt_hole: float = 38.0
    tt_resolution: float = 0.083  # 0.053 [P] and alignment (chosen: error of the slope in x)
    tt_efficiency: float = 0.985
    tt_x0: float = 0.011  # with cables and box

    # --- T stations [D]: three stations of x u v x; silicon inside, straw double layers outside
    t_centres: tuple[float, ...] = (7948.0, 8630.0, 9315.0)
    t_layer_dz: tuple[float, ...] = (-165.0, -55.0, 55.0, 165.0)
    t_half_x: float = 2980.0
    t_half_y: float = 2417.0
    it_half_x: tuple[float, ...] = (625.0, 265.0)  # two boxes that make the cross
    it_half_y: tuple[float, ...] = (105.0, 210.0)
    t_hole: float = 75.0
    it_resolution: float = 0.122  # 0.055 [P] and alignment (chosen: dp/p at 100-200 GeV)
    it_efficiency: float = 0.985
    ot_resolution: float = 0.268  # 0.205 [P] and alignment (chosen)
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
        (1000.0, 0.017),  # RICH1 entrance and VELO flange
        (1500.0, 0.026),  # C4F10 and beam pipe
        (2050.0, 0.021),  # RICH1 mirror, carbon fibre
        (2165.0, 0.012),  # RICH1 exit
        (4000.0, 0.031),  # air and beam-pipe supports in the magnet
        (6000.0, 0.031),
        (9500.0, 0.020),  # RICH2 entrance
        (10700.0, 0.020),  # CF4
        (11700.0, 0.110),  # RICH2 mirrors and exit
        (12100.0, 0.060),  # M1
    )
    beam_pipe_slope: float = 0.0105  # particles below this angle stay in the pipe (10 mrad) [D]
    # the first section of the pipe is a cone of 25 mrad about the beam, 1 mm of beryllium [D]:
    # particles below that angle cross its wall at a grazing angle (flanges and bellows, and the
    # rounding off at the edge of the cone, chosen: efficiency at eta > 4)
    pipe_z: float = 1350.0
    pipe_angle: float = 0.0285
    pipe_x0: float = 0.0044  # of the wall at normal incidence
    pipe_least: float = 0.008  # rad, least angle between particle and wall

    # --- physics of matter [PDG]
    scattering_tail: float = 25.0  # MeV^2, characteristic chi_c^2 p^2 beta^2 of a radiation length:
    # 0.157 Z (Z + 1) X0 / A, 23 in carbon, 26 in silicon (Bethe, Phys. Rev. 89 (1953) 1256)
    scattering_tail_range: tuple[float, float] = (12.0, 100.0)  # MeV / beta: three widths of the
    # core in a tenth of a radiation length; momentum transfer where light nuclei stop being points
    interaction_per_x0: float = 0.29  # nuclear interaction lengths of a pion per radiation length:
    # silicon 0.16, aluminium 0.18, air 0.30, carbon 0.36, plastic 0.39 [PDG]; for protons 20 % of
    # an interaction length up to RICH2, as in [D]
    pipe_interaction_per_x0: float = 0.59  # beryllium [PDG]
    # cross-sections of pi+, pi-, K+, K-, p, pbar on nuclei over that of pions at 30 GeV, and their
    # powers of the momentum: those on protons [PDG] to the power of 0.67, which takes pions to
    # protons on carbon (117.8 and 85.8 g/cm^2 [PDG])
    interaction_of: tuple[float, ...] = (1.0, 1.0, 0.84, 0.90, 1.37, 1.50)
    interaction_fall: tuple[float, ...] = (0.07, 0.07, -0.02, 0.09, 0.03, 0.15)
    elastic_share: float = 0.45  # elastic and quasi-elastic over inelastic cross-section (chosen:
    # losses at low against high momentum)
    elastic_kick: float = 140.0  # MeV, transverse in each projection: slopes of 25-50 / GeV^2
    ionisation_per_x0: float = 50.0  # MeV lost by a minimum-ionising particle per X0

    # --- pattern recognition (chosen so that the published efficiencies come out)
    velo_min_stations: int = 3
    velo_found: float = 0.995
    forward_found: float = 0.985
    forward_low_p: float = 1200.0  # MeV: share lost is about the square of this over p, as windows
    # end somewhere and deflections grow
    # windows of the direction at T2 and of y [mm] there about the path that VELO and x give:
    # constant, and MeV, mm MeV over p as scattering goes
    forward_window_tx: tuple[float, float] = (2.2e-3, 40.0)
    forward_window_y: tuple[float, float] = (20.0, 320e3)
    upstream_found: float = 0.75
    upstream_low_p: float = 1800.0
    upstream_high_p: float = 40e3  # MeV: TT alone cannot tell the momentum of stiff tracks
    downstream_found: float = 0.65
    downstream_low_p: float = 1500.0
    occupancy_loss: float = 0.015  # efficiency lost per 100 VELO segments
    chi2_max: float = 4.0  # chi2 per degree of freedom [P: < 4 in the best-track selection]
    ghost_window_y: float = 210.0  # mm at T2 between a VELO line and a T segment
    ghost_window_x: float = 210.0  # mm between their straight lines in the middle of the magnet
    ghost_accept: float = 1.0
    ghost_tt_found: float = 0.46  # chance that a stray TT hit is picked up, per layer
    ghost_tt_spread: float = 0.35  # mm, of such hits about the trajectory

    # particles that fly backward through three stations: slope and constant against the forward
    # ones of a collision, and k of the negative binomial (Pythia, 2500 inelastic collisions at
    # 13 TeV, straight lines through these stations)
    backward_law: tuple[float, float, float] = (0.46, 1.5, 2.5)

    # --- segments that are no particle of the event (chosen: nTracks of triggered events, and how
    # loosely it goes with nSPDHits)
    clone_share: float = 0.02  # clones of segments
    ghost_segments: float = 0.01  # wrong segments, per segment and 100 segments of the event
    spill_collisions: float = 1.1  # visible interactions of a crossing in Run 2
    spill_segments: float = 5.0  # segments that one in a neighbouring crossing leaves

    # --- RICH [R]; saturated yields and resolutions per photon are published.  Yields are those of
    # quiet events (pp -> pp mu mu); 20 and 16 are counted in busy ones, where rings overlap
    rich_index: tuple[float, float] = (1.0014, 1.0005)  # C4F10, CF4
    rich_yield: tuple[float, float] = (24.5, 17.6)
    rich_expected: tuple[float, float] = (28.3, 22.7)  # that the likelihood believes in: yields of
    # LHCb's simulation [R, table of the yields]
    rich_resolution: tuple[float, float] = (1.487e-3, 0.622e-3)  # core; with its tail and the
    # common error of a ring the published width 1.618 and 0.68 mrad comes out
    rich_ring_error: tuple[float, float] = (0.4e-3, 0.15e-3)  # that all photons of a ring share:
    # alignment of mirrors and photon detectors, refractive index (chosen: mis-ID at high momentum)
    rich_assumed: tuple[float, float] = (0.60, 0.50)  # error per photon in the likelihood over the
    # true one (chosen: efficiency of kaons at high momentum)
    rich_track_error: tuple[float, float] = (0.3e-3, 0.15e-3)  # direction, constant part
    rich_track_scatter: tuple[float, float] = (2.5, 1.8)  # rad MeV: sigma = value / p
    # polar acceptance [D]; from there on a part of the ring, whose radius is 53 and 32 mrad, meets
    # the beam pipe, up to where it is whole (chosen: kaons above eta 4)
    rich_theta_min: tuple[float, float] = (0.025, 0.015)
    rich_theta_whole: tuple[float, float] = (0.060, 0.025)
    rich_slope_x: tuple[float, float] = (0.300, 0.120)  # x/z in the middle of the gas
    rich_slope_y: tuple[float, float] = (0.250, 0.100)
    # where it ends, over these limits, and over how much it falls: what flies at an edge is seen in
    # part (chosen: kaons of the outermost tracks have their ring in RICH 1)
    rich_outer_end: tuple[float, float] = (1.2, 1.25)
    rich_outer_width: float = 0.12
    rich_gas: tuple[tuple[float, float], ...] = ((1000.0, 2050.0), (9500.0, 11700.0))  # entrance
    # window to mirrors
    rich_noise: tuple[float, float] = (20.0, 12.0)  # dark counts and scattered light an event
    rich_background: tuple[float, float] = (0.07, 0.07)  # stray photons per Cherenkov photon
    rich_cell: tuple[float, float] = (0.056, 0.0175)  # photon detectors: 75 mm over the focal
    # length of the mirrors, 1.35 and 4.3 m [D]
    rich_floor: tuple[float, float] = (800.0, 1500.0)  # 1/rad^2, least background that the
    # likelihood assumes (chosen)
    # clusters of hits that are no photons of a ring: charged particles that cross the windows of
    # photon detectors, ion feedback; for each particle that shines, mean number of further hits of
    # each, their spread [rad] (chosen: mis-ID of pions and its growth with occupancy)
    rich_cluster: tuple[float, float] = (0.015, 0.03)
    rich_cluster_size: float = 5.0
    rich_cluster_width: float = 1e-3
    rich_unexplained: tuple[float, float] = (1.5, 1.5)  # background assumed by the likelihood over
    # what tracks leave unexplained in a photon detector: it lets few of these pass for a ring
    # (chosen: mis-ID of pions at DLLK > 0)
    rich_shadow: float = 0.07  # rings of which a part meets dead tubes, gaps or edges (chosen)
    rich_tail: float = 0.06  # photons with wrong emission point or reflection
    rich_tail_scale: float = 3.0

    # errors of a T segment in x and y at the middle station [mm] and of its slopes, from the hit
    # resolutions above over a lever arm of 1.4 m with stereo angles of 5 degrees
    t_segment_error: tuple[tuple[float, float], tuple[float, float]] = (
        (0.088, 1.1),
        (1.65e-4, 1.1e-3),
    )

    # --- SPD [D]
    spd_z: float = 12300.0
    spd_half_x: float = 3780.0
    spd_half_y: float = 3080.0
    spd_hole_x: float = 320.0
    spd_hole_y: float = 240.0
    spd_efficiency: float = 0.98
    spd_noise: float = 1.5  # noise cells an event
    spd_backsplash: float = 0.95  # further cells lit by each particle that showers behind (chosen:
    # nSPDHits over nTracks of LHCb events)
    spd_backsplash_radius: float = 250.0

    # --- calorimeters [D]; fitted to Geant4: showers of photons and electrons of 1-60 GeV in a
    # lead and scintillator shashlik of 66 x (2 mm + 4 mm), lateral formulae and fluctuations of
    # Grindhammer and Peters, arXiv:hep-ex/0001020
    calo_ecal_regions: tuple[tuple[float, int, int, int, int], ...] = (  # cell, cells, hole
        (121.2, 64, 52, 32, 20),
        (60.6, 64, 40, 32, 24),
        (40.4, 48, 36, 16, 12),
    )
    calo_hcal_regions: tuple[tuple[float, int, int, int, int], ...] = (
        (262.6, 32, 26, 16, 14),
        (131.3, 32, 28, 4, 4),
    )
    calo_face_z: float = 12520.0
    calo_plane_z: float = 12689.0  # plane that positions refer to
    calo_hcal_z: float = 13330.0
    calo_lead_x0: float = 2.5  # between SPD and preshower
    calo_gap: float = 200.0  # from that lead to the ECAL
    calo_ecal_x0: float = 25.0
    calo_x0_mm: float = 16.4  # 6 mm of shashlik are 0.366 X0
    calo_critical_energy: float = 12.0  # MeV, effective (fitted: depth of the showers)
    calo_photon_depth: float = 0.5  # in ln E: the pair of a photon are two showers (fitted)
    calo_moliere: float = 39.0  # mm, scale of the core (fitted: lateral profile)
    calo_tail_scale: float = 1.0  # scale of the tail against the core (fitted)
    calo_grain: float = 25.0  # MeV, independent portions of a shower (fitted: spread of barycentre)
    calo_sampling: float = 0.084  # sqrt(GeV), stochastic term of a whole shower (fitted)
    calo_constant: float = 0.005  # calibration of cells, adds to leakage to make 0.8 % [D]
    calo_cut: float = 0.025  # MeV, mean energy below which a cell is left out (fitted: tail of the
    # lateral profile of Geant4, which ends sooner than the formula)

    # --- minimum-ionising particles and hadrons in the calorimeters
    calo_mip: tuple[float, float] = (320.0, 20.0)  # MeV at the scale of electromagnetic showers,
    # most probable value and width: 53 MeV visible in 264 mm of scintillator over a sampling
    # fraction of 0.146, less the Landau tail
    calo_hcal_mip: tuple[float, float] = (1700.0, 150.0)
    calo_prs_mip: tuple[float, float] = (2.6, 0.25)  # 15 mm of scintillator
    calo_prs_mip_x0: float = 9.0  # MeV of shower per X0 that look like one such particle
    calo_lambda: tuple[float, float, float] = (0.1, 1.1, 5.6)  # lead, ECAL, HCAL [D]
    calo_lambda_of: tuple[float, float, float] = (1.18, 1.30, 1.0)  # pi, K, p against protons
    calo_hadron_em: tuple[float, float] = (1.2, 2.2)  # Beta law of the share of pi0 (chosen: mean
    # 0.35, as measured for first interactions)
    calo_hadron_response: float = 0.4  # of the rest, against electrons
    calo_hadron_width: float = 60.0  # mm
    calo_hadron_core: float = 2.5  # widening of pi0 showers of an interaction
    calo_hcal_resolution: float = 0.7  # sqrt(GeV) [P: (69 +- 5) %]

    # --- readout of the calorimeters [D]
    calo_count: float = 2.5  # MeV of transverse energy per ADC count
    calo_noise: float = 1.2  # counts
    calo_et_max: float = 10240.0  # MeV, 12 bits
    calo_hcal_noise: float = 15.0  # MeV of transverse energy
    calo_stray: float = 0.5  # cells an event with energy of the crossing before (chosen)
    calo_stray_et: float = 60.0  # MeV, mean transverse energy of these

    # --- clusters
    calo_seed_et: float = 50.0  # MeV, least transverse energy of a local maximum [D]
    calo_cluster_et: float = 75.0  # of a cluster
    calo_energy_scale: tuple[float, float, float] = (0.995, 0.9955, 0.9935)  # by region (fitted)
    calo_resolution: tuple[float, float] = (0.09, 0.008)  # quoted for clusters [P]
    calo_prs_weight: tuple[float, float] = (3.05, -0.45)  # energy lost in the lead by preshower
    # energy, at 5 GeV and per unit of ln E (fitted: 3e4 photons)
    calo_depth: tuple[float, float, float] = (118.0, 17.0, -10.0)  # mm behind the face at 1.25 GeV,
    # per unit of ln E and of ln(1 + preshower energy / MeV) (fitted: photons at an angle)
    calo_place: tuple[tuple[float, float], ...] = ((6.0, 17.0), (2.6, 9.0), (1.35, 6.2))  # mm,
    # mm sqrt(GeV): errors of x and y by region (fitted to photons)
    calo_track_error: tuple[float, float, float] = (0.66, 4.5, 6e3)  # mm in x, in y, mm MeV of
    # scattering behind the T stations: errors of an extrapolated track, from t_segment_error
    calo_merged_width: float = 1.0  # spread over that of a photon: wider ones are tried
    calo_merged_scale: float = 1.13  # of the mass of the halves, which share cells (fitted: pi0)
    calo_match_chi2: float = 25.0  # 2 degrees of freedom, track and cluster
    calo_brem_window: float = 1.5  # cells, between a track's first direction and a cluster
    calo_merged_et: float = 2000.0  # MeV, clusters above are tried as merged pi0
    calo_link_share: float = 0.01  # least share of a particle for a link

    # --- muon system: stations M2 to M5 [D, sec. 6]; [M] muon identification, JINST 8 (2013) P10020
    muon_z: tuple[float, ...] = (15200.0, 16400.0, 17600.0, 18800.0)
    muon_inner: tuple[float, float] = (300.0, 250.0)  # half the opening of M2 in x and y; the other
    # stations and the regions, each twice as large as the one inside it, follow by projection
    # pads over half the opening: 6.3 x 31 mm in R1 of M2, 50 x 250 mm in R4, 31 x 39 mm in R1 of M5
    muon_columns: tuple[int, ...] = (48, 48, 12, 12)
    muon_rows: tuple[int, ...] = (8, 8, 8, 8)
    # blocks: z of start and end, radiation and interaction lengths, minimum ionisation [MeV]: 25 X0
    # of ECAL with the preshower, 5.6 interaction lengths of HCAL taken as iron, 80 cm iron filters;
    # beam plugs fill the openings of the calorimeters here (chosen)
    muon_matter: tuple[tuple[float, ...], ...] = (
        (12320.0, 12920.0, 27.5, 1.2, 250.0),
        (13500.0, 14900.0, 53.5, 5.6, 1073.0),
        (15400.0, 16200.0, 45.5, 4.77, 913.0),
        (16600.0, 17400.0, 45.5, 4.77, 913.0),
        (17800.0, 18600.0, 45.5, 4.77, 913.0),
    )
    muon_efficiency: float = 0.997  # of a station, > 0.99 [JINST 8 (2013) P02022]
    muon_meson_length: float = 1.22  # pion over proton interaction length in iron [PDG]
    # charged particles at the maximum of a shower of 1 GeV that can leak, and their power of the
    # energy (chosen: some 20 to 30 % of pions of 30 GeV leave hits behind 7 interaction lengths)
    muon_leak: float = 0.25
    muon_leak_power: float = 0.85
    muon_leak_radius: float = 100.0  # mm, mean distance of leaking particles from the axis (chosen)
    muon_cascade: float = 0.05  # muons above 1 GeV from decays in a shower: 3 pions per unit of
    # rapidity, 0.2 m of iron over 56 m of decay length per GeV, twice that for the kaons among
    # them, is 0.02; the gap of half a metre behind the ECAL, where pions of showers that start
    # there fly freely, makes it two to three times as much (chosen: mis-ID above 10 GeV)
    muon_stray: tuple[float, ...] = (0.24, 0.10, 0.06, 0.06)  # low-energy hits for each hadron that
    # arrives, by station (chosen: mis-ID of protons and its growth with occupancy)
    muon_stray_p: float = 1000.0  # MeV, of hadrons that count for them
    muon_noise: tuple[float, ...] = (1.5, 0.7, 0.5, 0.7)  # hits of every event (chosen)
    # fields of interest: a, b, c of a + b exp(-c p/GeV) pads for R1 to R4, one row a station;
    # fitted to hold 99.65 % of this detector's muons in each coordinate, then widened as at LHCb
    # (by how much: chosen, kaons with isMuon in PIDCalib's maps, which decayed with a kink)
    muon_field_x: tuple[tuple[float, ...], ...] = (
        (2.95, 23.64, 0.075, 2.13, 16.33, 0.102, 1.92, 15.62, 0.181, 1.59, 10.96, 0.248),
        (3.5, 32.07, 0.069, 2.44, 24.99, 0.103, 2.0, 22.77, 0.172, 1.59, 14.86, 0.214),
        (1.45, 10.7, 0.078, 1.18, 9.12, 0.123, 1.14, 9.36, 0.223, 0.76, 5.43, 0.257),
        (1.58, 14.42, 0.075, 1.3, 12.3, 0.121, 1.21, 10.75, 0.203, 0.75, 4.6, 0.185),
    )
    muon_field_y: tuple[tuple[float, ...], ...] = (
        (1.28, 3.33, 0.106, 1.14, 2.55, 0.181, 1.08, 4.77, 0.459, 0.67, 3.92, 0.537),
        (1.32, 5.66, 0.093, 1.17, 7.16, 0.195, 1.1, 5.77, 0.33, 0.68, 3.45, 0.338),
        (1.34, 4.88, 0.059, 1.22, 10.82, 0.18, 1.17, 16.64, 0.403, 0.69, 4.13, 0.272),
        (1.49, 8.39, 0.068, 1.31, 10.79, 0.146, 1.16, 7.93, 0.215, 0.67, 2.53, 0.151),
    )
    muon_field_scale: float = 1.4
    # likelihoods: the cumulative of D^2 is 1 / (1 + (D^2 / m)^-b), a tanh of its logarithm; fitted
    # to muons, 2.5-100 GeV, among minimum-bias events: m = a + (p0/p)^k, b = b0 + b1 / m by region
    # at M2; and to protons that pass isMuon, 2.5-60 GeV, rounded: m and b by region alone, as at
    # LHCb [M]
    muon_d2_floor: tuple[float, ...] = (0.785, 0.671, 0.643, 0.639)  # a, set by the pads
    muon_d2_p: tuple[float, ...] = (66.5e3, 34.0e3, 17.4e3, 9.45e3)  # p0 [MeV]: scattering
    muon_d2_power: tuple[float, ...] = (1.875, 1.975, 2.076, 2.377)  # k
    muon_d2_shape: tuple[float, float] = (1.353, 0.988)  # b0, b1
    muon_bg_d2: tuple[float, ...] = (340.0, 150.0, 53.0, 46.0)  # m of other tracks
    muon_bg_shape: tuple[float, ...] = (1.23, 1.23, 1.11, 1.21)  # b of other tracks
    muon_around: tuple[float, float] = (0.72, 2.09)  # mean number of further hits about muons and
    # other tracks that pass isMuon (same samples)
    muon_missing: tuple[float, float] = (0.009, 0.49)  # chance that M4 or M5 has no hit for muons
    # and others that pass isMuon at 6-10 GeV (same samples)

    # --- primary vertices
    pv_min_tracks: int = 5  # [P]
    velo_only_pt: float = 500.0  # MeV, assumed for VELO segments without momentum (400 [P]; chosen:
    # vertices along z)


DEFAULT = Parameters()
"""The reference detector as shipped."""


def changed(words: Sequence[str]) -> Parameters:
    """The reference detector with some other numbers.

    Args:
        words: ``velo_resolution=0.4``, or ``rich_yield=12,9`` where there are several.

    Raises:
        PipelineError: if there is no such number, or it cannot be what is said.
    """
    found: dict[str, int | float | tuple[int | float, ...]] = {}
    for word in words:
        name, _, text = word.partition("=")
        now = getattr(DEFAULT, name, None) if name in Parameters.__dataclass_fields__ else None
        several = now if isinstance(now, tuple) else (now,)
        if not all(isinstance(one, int | float) for one in several):
            raise PipelineError(f"--set {word}: the detector has no plain number {name!r}")
        kind = int if all(isinstance(one, int) for one in several) else float
        try:
            values = tuple(kind(one) for one in text.split(","))
        except ValueError:
            values = ()
        if len(values) != len(several) or not np.isfinite(values).all():
            raise PipelineError(f"--set {word}: must be like {name}={','.join(map(str, several))}")
        found[name] = values if isinstance(now, tuple) else values[0]
    return replace(DEFAULT, **found)  # type: ignore[arg-type]
