"""The detector that the stages assume beside that of the detailed simulation.

The two rooms never import each other, so that only this says where they agree.  A pair that differs
is written down with both values: whoever changes one is told that the models were trained with the
other, and that the reason beside the constant in `lamarr_like.stages` has to hold still.
"""

import numpy as np
import pytest

from lamarr_like.decays import fringe
from lamarr_like.detailed import field, matter, muon, parameters, trackfit, vertexing
from lamarr_like.detailed.calorimeter import cells, objects
from lamarr_like.detailed.geometry import RICH1, RICH2, TT, build_planes
from lamarr_like.physics import particles, passage
from lamarr_like.stages import geometry as assumed
from lamarr_like.stages.calorimeter import tables
from lamarr_like.stages.identification import muon as muon_stage
from lamarr_like.stages.identification.rich import RADIATORS
from lamarr_like.stages.identification.rich_photons import LIGHT
from lamarr_like.stages.tracking import ideal_fit
from lamarr_like.stages.vertices import vertex_pull

PAR = parameters.DEFAULT
PLANES = build_planes(PAR)
STATIONS = {f"m{k}": z for k, z in enumerate(PAR.muon_z, start=2)}
SHEETS = dict(PAR.passive)


def borders():
    ecal = cells.ecal(PAR)
    return tuple(map(tuple, ecal.half.tolist()))


EQUAL = {
    "saturation of a cell of the ECAL": (assumed.CELL_ET, PAR.calo_et_max),
    "VELO radii": ((assumed.VELO_INNER, assumed.VELO_OUTER), (PAR.velo_r_min, PAR.velo_r_max)),
    "VELO stations": (assumed.VELO_STATIONS, PAR.velo_z),
    "VELO pitch": (assumed.VELO_PITCH, (PAR.velo_pitch_inner, PAR.velo_pitch_outer)),
    "VELO material": (assumed.VELO_X0, PAR.velo_x0),
    "VELO supports": (assumed.VELO_SUPPORT, PAR.velo_support_r),
    "T stations": (assumed.T_STATION_Z, PAR.t_centres),
    "T acceptance": (assumed.T_HALF, (PAR.t_half_x, PAR.t_half_y)),
    "T opening": (assumed.T_HOLE, PAR.t_hole),
    "inner tracker": (assumed.INNER_TRACKER, np.transpose([PAR.it_half_x, PAR.it_half_y])),
    "T material": (ideal_fit._T_X0, len(PAR.t_layer_dz) * PAR.t_x0),
    "T information": (
        ideal_fit._T_WEIGHTS,
        (
            4.0 * PAR.it_efficiency / PAR.it_resolution**2,
            8.0 * PAR.ot_efficiency / PAR.ot_resolution**2,
        ),
    ),
    "stereo angle": (ideal_fit._STEREO, PAR.stereo_angle),
    "TT layers": (assumed.TT_LAYER_Z, PAR.tt_z),
    "TT angles": ([a for _, a in ideal_fit._TT_LAYERS], PLANES.angle[PLANES.kind == TT][::-1]),
    "TT acceptance": (
        (*assumed.TT_HALF, assumed.TT_HOLE),
        (PAR.tt_half_x, PAR.tt_half_y, PAR.tt_hole),
    ),
    "TT material": (ideal_fit._TT_X0, PAR.tt_x0),
    "magnet": (
        (assumed.MAGNET_Z, assumed.MAGNET_WIDTH),
        (PAR.magnet_centre, PAR.magnet_width),
    ),
    "start of the field": (fringe.FIELD_START, field.FIELD_START),
    "start of the TT": (assumed.TT_START, PAR.tt_z[0]),
    "field": (ideal_fit._KICK, field.KAPPA * 1e3 * PAR.bending_power),
    "foil radius": (assumed.FOIL_RADIUS, PAR.foil_radius),
    "sheets before the TT": (
        sorted(assumed.MATTER_BEFORE_TT),
        sorted(
            [(z, x0) for z, x0 in PAR.passive if z < PAR.tt_z[0]]
            + [(PAR.velo_exit_z, PAR.velo_exit_x0)]
        ),
    ),
    "beam pipe": (
        (*assumed.PIPE_CONE, assumed.PIPE_SLOPE, ideal_fit._PIPE[0]),
        (PAR.pipe_z, PAR.pipe_x0, PAR.pipe_angle, PAR.pipe_least, PAR.beam_pipe_slope, PAR.pipe_z),
    ),
    "HCAL": (
        (*assumed.HCAL_CELLS, *assumed.HCAL_BORDER, assumed.HCAL_Z),
        (
            *(region[0] for region in PAR.calo_hcal_regions),
            *cells.hcal(PAR).half[1],
            PAR.calo_hcal_z + objects._HCAL_DEPTH,
        ),
    ),
    "prior of the fit": (ideal_fit._PRIOR, trackfit.PRIOR),
    "steps of the vertex fit": (vertex_pull.CUTS, vertexing.ANNEALING),
    "ECAL plane": (assumed.ECAL_Z, PAR.calo_plane_z),
    "ECAL cells": (assumed.CELLS, cells.ecal(PAR).size),
    "ECAL borders": (assumed.BORDERS, borders()),
    "ECAL opening": (assumed.HOLE, cells.ecal(PAR).hole[-1]),
    "ECAL resolution": (
        tables.RESOLUTION["energy"],
        (*(value**2 for value in PAR.calo_resolution), 0.0),
    ),
    "SPD opening": (assumed.SPD_HOLE, (PAR.spd_hole_x, PAR.spd_hole_y)),
    "muon stations": (
        list(assumed.MUON_STATION_Z.values()),
        [STATIONS[name] for name in assumed.MUON_STATION_Z],
    ),
    "muon opening": (assumed.MUON_INNER, PAR.muon_inner),
    "momenta of isMuon": (
        (muon_stage.MIN_MOMENTUM, *muon_stage.STEPS),
        (muon.MIN_MOMENTUM, muon.REACHES_M4, muon.NEEDS_ALL),
    ),
    "refractive indices": ([r.n for r in RADIATORS.values()], PAR.rich_index),
    "indices of what the likelihood believes": ([x.n for x in LIGHT.values()], PAR.rich_index),
    "photons that it believes in": ([x.photons for x in LIGHT.values()], PAR.rich_expected),
    "angles at which rings are seen": (
        [x.inner for x in LIGHT.values()],
        np.transpose([PAR.rich_theta_min, PAR.rich_theta_whole]),
    ),
    "slopes at which rings are lost": (
        [x.outer for x in LIGHT.values()],
        np.transpose([PAR.rich_slope_x, PAR.rich_slope_y]) * np.array(PAR.rich_outer_end)[:, None],
    ),
    "rims at which rings are lost": (
        [x.rim for x in LIGHT.values()],
        PAR.rich_outer_width / np.array(PAR.rich_outer_end),
    ),
    "planes of the RICH": (
        [x.z for x in LIGHT.values()],
        [PLANES.z[PLANES.kind == kind][0] for kind in (RICH1, RICH2)],
    ),
    "inner edge of the RICH": ([r.inner for r in RADIATORS.values()], PAR.rich_theta_min),
    "outer edges of the RICH": (
        [r.outer for r in RADIATORS.values()],
        np.transpose([PAR.rich_slope_x, PAR.rich_slope_y]),
    ),
    "flight of mesons": (
        list(particles.LIFETIME_LENGTH.values()),
        [matter.C_TAU[matter.SPECIES_OF_PDG[pdg]] for pdg in particles.LIFETIME_LENGTH],
    ),
    "masses": (
        list(particles.MASSES.values()),
        [matter.MASS[matter.SPECIES_OF_PDG[pdg]] for pdg in particles.MASSES],
    ),
}

DIFFERENT = {
    # Those of busy events; the models were trained with them.
    "photons of RICH 1": (RADIATORS["c4f10"].photons, 20.0, PAR.rich_yield[0], 24.5),
    "photons of RICH 2": (RADIATORS["cf4"].photons, 16.0, PAR.rich_yield[1], 17.6),
    "VELO error": (ideal_fit._VELO_ERROR, 0.275, PAR.velo_resolution, 0.28),
    "foil material": (assumed.FOIL_X0, 0.045, PAR.foil_x0, 0.050),
    "TT error": (ideal_fit._TT_ERROR, 0.075, PAR.tt_resolution, 0.083),
    "sheets in the magnet": (ideal_fit._MAGNET_X0, 0.025, SHEETS[4000.0], 0.031),
    "wall of the beam pipe": (ideal_fit._PIPE[1], 0.0036, PAR.pipe_x0, 0.0044),
    "angle of the beam pipe": (ideal_fit._PIPE[2], 0.026, PAR.pipe_angle, 0.0285),
    "least angle to the beam pipe": (ideal_fit._PIPE[3], 0.006, PAR.pipe_least, 0.008),
    "kick": (assumed.KICK, 1199.16983, 1e3 * passage.CURVATURE * PAR.bending_power, 1199.169832),
    "middle of the TT": (assumed.TT_Z, 2450.0, sum(PAR.tt_z) / 4.0, 2485.0),
    "last T layer": (assumed.T3_Z, 9400.0, PAR.t_centres[2] + PAR.t_layer_dz[-1], 9480.0),
    "depth of showers": (assumed.CELL_Z, 12650.0, PAR.calo_face_z + 130.0, 12650.0),
    "SPD width": (assumed.SPD_HALF[0], 3800.0, PAR.spd_half_x, 3780.0),
    "SPD height": (assumed.SPD_HALF[1], 3100.0, PAR.spd_half_y, 3080.0),
    "angle per photon, C4F10": (
        *(RADIATORS["c4f10"].resolution, 1.618e-3),
        *(PAR.rich_resolution[0], 1.487e-3),
    ),
    "angle per photon, CF4": (
        *(RADIATORS["cf4"].resolution, 0.68e-3),
        *(PAR.rich_resolution[1], 0.622e-3),
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_both_detectors_agree(name):
    stages, detailed = (np.asarray(values, dtype=float) for values in EQUAL[name])
    assert stages.shape == detailed.shape
    assert stages == pytest.approx(detailed, rel=1e-12)


@pytest.mark.parametrize("name", DIFFERENT)
def test_both_sides_of_a_difference_are_known(name):
    ours, known_ours, theirs, known_theirs = DIFFERENT[name]
    assert ours == known_ours, "models have to be trained again"
    assert theirs == pytest.approx(known_theirs, rel=1e-12)
