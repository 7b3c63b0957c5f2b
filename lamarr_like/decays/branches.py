"""Names of the branches of a ``DecayTree``: those of DaVinci, each declared once.

A branch of a particle is its name and one of `PARTICLE_BRANCHES` of its kind, such as ``B0_M`` or
``Kplus_PIDK``; branches of the event have no prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import schema

TREE = "DecayTree"
"""Name of the tree in the folder of its decay."""

GENERATED_TREE = "MCDecayTree"
"""Name of the tree of generated decays beside it."""

KINDS = ("any", "track", "photon", "pi0", "composite", "head", "flying")
"""Kinds of particles: all; leaves; what decays; the head; daughters with a vertex of their own."""


@dataclass(frozen=True)
class Branch:
    """Declaration of one branch.

    Args:
        kind: one of `KINDS`, or ``event``.
        quantity: name inside the package: for tracks, photons and events it may be a column.
        unit: as text, ``""`` for a pure number.
        dtype: NumPy type it is stored with.
        export: name in ROOT files, behind that of the particle.
        doc: its meaning in one line.
    """

    kind: str
    quantity: str
    unit: str
    dtype: str
    export: str
    doc: str


_DECLARED = """
event run_number - int32 runNumber | run number
event event_id - int64 eventNumber | number of the event in the production
event n_tracks - int32 nTracks | reconstructed (best) tracks
event n_spd_hits - int32 nSPDHits | hits in the scintillating pad detector
event n_pvs - int32 nPVs | reconstructed primary vertices
event mc_weight - float64 genWeight | generator weight of the event
event polarity - int16 Polarity | sign of the field along y; -1 is magnet down
event candidate - int32 nCandidate | number of the candidate in its event, from 0
event candidates - int32 totCandidates | candidates of this decay in the event
any p MeV float64 P | momentum at the vertex it comes from; a composite's at its decay
any pt MeV float64 PT | transverse momentum
any energy MeV float64 PE | energy
any px MeV float64 PX | momentum, x
any py MeV float64 PY | momentum, y
any pz MeV float64 PZ | momentum, z
any eta - float64 ETA | pseudorapidity
any phi rad float64 PHI | azimuth
any mass MeV float64 M | mass; of tracks and photons that of the hypothesis
any pdg_id - int32 ID | PDG identifier of the hypothesis
any mc_pdg_id - int32 TRUEID | PDG identifier of the generated particle, 0 for none
any mc_px MeV float64 TRUEP_X | generated momentum, x
any mc_py MeV float64 TRUEP_Y | generated momentum, y
any mc_pz MeV float64 TRUEP_Z | generated momentum, z
any mc_energy MeV float64 TRUEP_E | generated energy
any mc_pt MeV float64 TRUEPT | generated transverse momentum
any mc_vx mm float64 TRUEORIGINVERTEX_X | generated origin, x
any mc_vy mm float64 TRUEORIGINVERTEX_Y | generated origin, y
any mc_vz mm float64 TRUEORIGINVERTEX_Z | generated origin, z
any mc_mother_id - int32 MC_MOTHER_ID | PDG identifier of the generated mother, 0 for none
track ip mm float64 IP_OWNPV | impact parameter to its best primary vertex
track ip_chi2 - float64 IPCHI2_OWNPV | its chi2, errors of track and vertex included
track least_ip mm float64 MINIP | least impact parameter to any primary vertex
track least_ip_chi2 - float64 MINIPCHI2 | least chi2 of an impact parameter to any primary vertex
track track_type - int32 TRACK_Type | 3 long, 4 upstream, 5 downstream
track chi2_per_dof - float32 TRACK_CHI2NDOF | chi2 per degree of freedom of the track fit
track n_dof - int32 TRACK_NDOF | degrees of freedom of the track fit
track ghost_prob - float32 TRACK_GhostProb | probability that the track is a ghost
track charge - int32 TRACK_Charge | charge
track decay_z mm float32 TRUEDECAY_Z | generated decay in flight, z; 0 for none
track out_of_range - bool TRACK_outOfRange | particle outside the training sample (fast only)
photon cluster_x mm float64 CaloHypo_X | x of the shower
photon cluster_y mm float64 CaloHypo_Y | y of the shower
photon cluster_z mm float64 CaloHypo_Z | z of the shower
pi0 is_merged - bool isMerged | one cluster holds both photons
pi0 merged_mass MeV float32 mergedMass | mass of the halves of that cluster, 0 for two clusters
composite mass_error MeV float64 MERR | standard deviation of the mass
composite x mm float64 ENDVERTEX_X | decay vertex, x
composite y mm float64 ENDVERTEX_Y | decay vertex, y
composite z mm float64 ENDVERTEX_Z | decay vertex, z
composite x_error mm float64 ENDVERTEX_XERR | standard deviation of x
composite y_error mm float64 ENDVERTEX_YERR | standard deviation of y
composite z_error mm float64 ENDVERTEX_ZERR | standard deviation of z
composite chi2 - float64 ENDVERTEX_CHI2 | chi2 of the vertex fit, NaN without one
composite vertex_dof - int32 ENDVERTEX_NDOF | its degrees of freedom, 0 without one
composite pv_x mm float64 OWNPV_X | best primary vertex, x
composite pv_y mm float64 OWNPV_Y | best primary vertex, y
composite pv_z mm float64 OWNPV_Z | best primary vertex, z
composite pv_x_error mm float64 OWNPV_XERR | standard deviation of x
composite pv_y_error mm float64 OWNPV_YERR | standard deviation of y
composite pv_z_error mm float64 OWNPV_ZERR | standard deviation of z
composite ip mm float64 IP_OWNPV | impact parameter to the best primary vertex
composite ip_chi2 - float64 IPCHI2_OWNPV | its chi2
composite least_ip mm float64 MINIP | least impact parameter to any primary vertex
composite least_ip_chi2 - float64 MINIPCHI2 | least chi2 of an impact parameter to any of them
composite corrected_mass MeV float64 MCORR | mass and what a massless lost particle balances
composite largest_doca mm float64 MAXDOCA | largest distance between two of its tracks, NaN for one
composite distance mm float64 FD_OWNPV | distance of the decay from the best primary vertex
composite distance_chi2 - float64 FDCHI2_OWNPV | its chi2
composite dira - float64 DIRA_OWNPV | cosine between that way and the momentum
composite mc_end_x mm float64 TRUEENDVERTEX_X | generated decay vertex, x
composite mc_end_y mm float64 TRUEENDVERTEX_Y | generated decay vertex, y
composite mc_end_z mm float64 TRUEENDVERTEX_Z | generated decay vertex, z
composite mc_tau ns float64 TRUETAU | generated decay time
generated reconstructed - bool Reconstructed | whether it was reconstructed (MCDecayTree only)
head tau ns float64 TAU | decay time from the best primary vertex
head tau_error ns float64 TAUERR | its standard deviation
head tau_chi2 - float64 TAUCHI2 | chi2 of its fit
head category - int32 BKGCAT | what it is: see lamarr_like.decays.category
flying origin_x mm float64 ORIVX_X | decay vertex of the mother, x
flying origin_y mm float64 ORIVX_Y | decay vertex of the mother, y
flying origin_z mm float64 ORIVX_Z | decay vertex of the mother, z
flying origin_distance mm float64 FD_ORIVX | distance of the decay from there
flying origin_distance_chi2 - float64 FDCHI2_ORIVX | its chi2
flying origin_dira - float64 DIRA_ORIVX | cosine between that way and the momentum
flying tau ns float64 TAU | decay time from the decay vertex of the mother
flying tau_error ns float64 TAUERR | its standard deviation
flying tau_chi2 - float64 TAUCHI2 | chi2 of its fit
"""
_FITTED = """
any px MeV float64 PX | momentum, x
any py MeV float64 PY | momentum, y
any pz MeV float64 PZ | momentum, z
any energy MeV float64 PE | energy
any p MeV float64 P | momentum
any pt MeV float64 PT | transverse momentum
any eta - float64 ETA | pseudorapidity
any phi rad float64 PHI | azimuth
any mass MeV float64 M | mass
composite mass_error MeV float64 MERR | standard deviation of the mass, 0 where it is held
flying x mm float64 ENDVERTEX_X | decay vertex, x
flying y mm float64 ENDVERTEX_Y | decay vertex, y
flying z mm float64 ENDVERTEX_Z | decay vertex, z
flying ctau mm float64 CTAU | decay time times c, from a vertex that is in the fit
flying ctau_error mm float64 CTAUERR | its standard deviation
head chi2 - float64 CHI2 | chi2 of the fit
head n_dof - int32 NDOF | its degrees of freedom
head converged - bool CONVERGED | whether it has converged; all else is NaN where not
head pv_x mm float64 PV_X | primary vertex after the fit, x (fits with PV)
head pv_y mm float64 PV_Y | primary vertex after the fit, y
head pv_z mm float64 PV_Z | primary vertex after the fit, z
"""
_ISOLATED = """
composite least_rise - float64 SMALLESTDELTACHI2 | least rise of the vertex chi2 by another track
composite least_rise_mass MeV float64 SMALLESTDELTACHI2MASS | mass with that track, as a pion
composite close_tracks - int32 NOPARTWITHINDCHI2WDW | other tracks that raise it by less than 9
"""
_CONES = """
composite cone_tracks - int32 CONEMULT | other long tracks in the cone
composite cone_p MeV float64 CONEP | momentum of their sum
composite cone_pt MeV float64 CONEPT | transverse momentum of their sum
composite cone_p_asymmetry - float64 PASY | (P - CONEP) / (P + CONEP)
composite cone_pt_asymmetry - float64 PTASY | (PT - CONEPT) / (PT + CONEPT)
"""

_AS_IN_SCHEMA = {
    "track": (
        *("rich_dll_e", "rich_dll_mu", "rich_dll_k", "rich_dll_p", "rich_dll_bt"),
        *("has_brem", "brem_energy", "calo_dll_e", "calo_dll_mu", "in_ecal", "in_muon"),
        *("is_muon", "muon_mu_ll", "muon_bg_ll", "pid_e", "pid_mu", "pid_k", "pid_p"),
        *("prob_nn_e", "prob_nn_mu", "prob_nn_pi", "prob_nn_k", "prob_nn_p", "prob_nn_ghost"),
    ),
    "photon": ("photon_id", "is_not_h", "is_not_e"),
}
"""Columns of tracks and of the clusters of photons that keep the export name of the schema."""


def _read(text: str) -> list[Branch]:
    branches = []
    for line in text.strip().splitlines():
        head, doc = line.split(" | ")
        kind, quantity, unit, dtype, export = head.split()
        branches.append(Branch(kind, quantity, "" if unit == "-" else unit, dtype, export, doc))
    return branches


def _declared() -> list[Branch]:
    branches = _read(_DECLARED)
    for kind, names in _AS_IN_SCHEMA.items():
        table = "track" if kind == "track" else "cluster"
        for c in (schema.column(table, name) for name in names):
            branches.append(Branch(kind, c.name, c.unit, c.dtype, c.export, c.doc))
    return branches


BRANCHES = tuple(_declared())
"""Every declared branch."""

FITTED = tuple(_read(_FITTED))
"""Branches of a fit of the decay tree; its name stands between the particle and the export."""

ISOLATED = tuple(_read(_ISOLATED))
"""Branches of the isolation of a vertex."""

CONES = tuple(_read(_CONES))
"""Branches of a cone; its radius stands behind the export, as in ``B0_PTASY_0_50``."""


def of_kind(*kinds: str) -> list[Branch]:
    """Branches of some kinds, in order of declaration."""
    return [b for b in BRANCHES if b.kind in kinds]
