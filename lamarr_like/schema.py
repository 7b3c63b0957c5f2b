"""The columns: name, unit, type and meaning of everything that travels through the chain.

Inside the package all lengths are mm, momenta MeV (c = 1), times ns and angles rad; slopes are
dx/dz and dy/dz.  The z axis is the beam line, x is the bending direction of the dipole.  Columns
of the generated truth start with ``mc_``.  The export name is the branch name in ROOT files, in
the NanoAOD manner (``Track_px`` with the counter ``nTrack``); spelling of published LHCb variables
(``RichDLLk``, ``chi2PerDoF``) is kept there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .arrays import Mask
from .errors import SchemaError

SCHEMA_VERSION = 1

TABLES = (
    *("event", "particle", "vertex", "weight"),
    *("track", "reco_vertex", "cluster", "cluster_link"),
)
"""Tables of a batch; every one but ``event`` is jagged (any number of rows an event)."""

EXPORT_PREFIX = {
    "particle": "GenPart",
    "vertex": "GenPV",
    "weight": "GenWeight",
    "track": "Track",
    "reco_vertex": "PV",
    "cluster": "Cluster",
    "cluster_link": "ClusterLink",
}
"""Branch prefix of each jagged table in ROOT files; event columns have none."""

TRACK_TYPES = {"none": 0, "long": 3, "upstream": 4, "downstream": 5}
"""LHCb track-type codes; 0 means that no track was reconstructed."""


@dataclass(frozen=True)
class Column:
    """Declaration of one column.

    Args:
        table: table that holds it, one of `TABLES`.
        name: name inside the package.
        unit: unit as text, ``""`` for a pure number.
        dtype: NumPy type it is stored with.
        doc: its meaning in one line.
        export: name of the branch in ROOT files, without the table's prefix.
        shape: of the value of one row, ``()`` for a number: the whole column is an array of shape
            ``(n, *shape)``.
    """

    table: str
    name: str
    unit: str
    dtype: str
    doc: str
    export: str
    shape: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Numbers in the value of one row."""
        return math.prod(self.shape)

    @property
    def branch(self) -> str:
        """Full branch name in ROOT files."""
        prefix = EXPORT_PREFIX.get(self.table)
        return f"{prefix}_{self.export}" if prefix else self.export


_DECLARED = """
event event_id - int64 eventNumber | number of the event in the production, unique and stable
event run_number - int32 runNumber | run number, 0 where the source has none
event polarity - int16 Polarity | sign of the field along y, where it was chosen; -1 is magnet down
event group_id - int64 groupNumber | generated event that several draws of the detector share
event generator_event - int64 generatorEventNumber | number of the event in its input
event mc_weight - float64 genWeight | generator weight of the event, the first of all of them
event n_spd_hits - int32 nSPDHits | hits in the scintillating pad detector
event n_tracks - int32 nTracks | reconstructed (best) tracks, ghosts and secondaries included
event n_pvs - int32 nPVs | reconstructed primary vertices
vertex mc_pv_id - int32 id | position of the generated primary vertex in its event
vertex mc_x mm float64 x | x of the collision
vertex mc_y mm float64 y | y of the collision
vertex mc_z mm float64 z | z of the collision
vertex mc_t ns float64 t | time of the collision
weight mc_weight_id - int32 id | which weight it is: position in weight_names of the provenance
weight mc_weight_value - float64 value | generator weight; the first of an event is genWeight
particle mcparticle_id - int32 id | position of the generated particle in its event
particle mc_pdg_id - int32 pdgId | PDG identifier
particle mc_status - int32 status | status code as in the source; 1 (or LHCb 999) for stable
particle mc_stable - bool isStable | left by the generator to the detector, so it flies through it
particle mc_px MeV float64 px | generated momentum, x
particle mc_py MeV float64 py | generated momentum, y
particle mc_pz MeV float64 pz | generated momentum, z
particle mc_energy MeV float64 energy | generated energy
particle mc_vx mm float64 vx | x of the production vertex
particle mc_vy mm float64 vy | y of the production vertex
particle mc_vz mm float64 vz | z of the production vertex
particle mc_vt ns float64 vt | time of the production vertex
particle mc_mother_id - int32 motherIdx | mcparticle_id of the mother kept in the table, -1 for none
particle mc_pv_id - int32 pvIdx | primary vertex of the collision, -1 for none
particle mc_charge - int8 charge | electric charge in units of e
particle mc_ctb_x mm float64 ctbX | x of the straight line's point closest to the z axis
particle mc_ctb_y mm float64 ctbY | y of the straight line's point closest to the z axis
particle mc_ctb_z mm float64 ctbZ | z of the straight line's point closest to the z axis
particle mc_ecal_x mm float32 ecalX | x at the ECAL plane after the dipole kick
particle mc_ecal_y mm float32 ecalY | y at the ECAL plane after the dipole kick
particle mc_t3_x mm float32 t3X | x at the last tracking station after the dipole kick
particle reconstructible_long - bool isRecbleLong | leaves the hits of a long track (detailed only)
particle in_acceptance - bool inAcceptance | reconstructible if nothing disturbs its path on the way
particle track_type - int8 trackType | 0 not reconstructed, 3 long, 4 upstream, 5 downstream
track weight - float64 weight | statistical weight (sWeight) of the track, for trainings
track track_id - int32 id | position of the track in its event
track mcparticle_id - int32 genPartIdx | generated particle that made the track, -1 for none
track track_type - int8 type | 3 long, 4 upstream, 5 downstream
track origin - int8 origin | 0 generated particle, 1 secondary of the detector material, 2 ghost
track charge - int8 charge | reconstructed charge
track x mm float64 x | x of the state closest to the z axis
track y mm float64 y | y of the state closest to the z axis
track z mm float64 z | z of the state closest to the z axis
track tx - float64 tx | slope dx/dz of that state
track ty - float64 ty | slope dy/dz of that state
track p MeV float64 p | momentum of that state
track px MeV float32 px | momentum, x
track py MeV float32 py | momentum, y
track pz MeV float32 pz | momentum, z
track pt MeV float32 pt | transverse momentum
track eta - float32 eta | pseudorapidity of the reconstructed momentum
track chi2_per_dof - float32 chi2PerDoF | chi2 per degree of freedom of the track fit
track n_dof - int32 nDoF | degrees of freedom of the track fit
track ghost_prob - float32 ghostProb | probability that the track is a ghost
track decay_z mm float32 genDecayZ | z of its particle's decay before the calorimeters, 0 for none
track out_of_range - bool outOfRange | true particle outside the training sample (fast chain only)
track rich_dll_e - float32 RichDLLe | RICH log-likelihood difference, electron minus pion
track rich_dll_mu - float32 RichDLLmu | RICH log-likelihood difference, muon minus pion
track rich_dll_k - float32 RichDLLk | RICH log-likelihood difference, kaon minus pion
track rich_dll_p - float32 RichDLLp | RICH log-likelihood difference, proton minus pion
track rich_dll_bt - float32 RichDLLbt | RICH log-likelihood difference, below threshold minus pion
track in_ecal - bool inAccEcal | extrapolates to the ECAL face
track ecal_energy MeV float32 CaloEcalE | ECAL energy about the extrapolated track
track prs_energy MeV float32 CaloPrsE | preshower energy about the track
track hcal_energy MeV float32 CaloHcalE | HCAL energy about the track
track calo_dll_e - float32 CaloPIDe | calorimeter log-likelihood difference, electron minus pion
track calo_dll_mu - float32 CaloPIDmu | calorimeter log-likelihood difference, muon minus pion
track has_brem - bool hasBremAdded | a cluster of bremsstrahlung was found for the track
track brem_energy MeV float32 bremEnergy | energy of that cluster, 0 for none; add it to an electron
track in_muon - bool inAccMuon | extrapolates to the stations M2 and M3
track is_muon - bool isMuon | hits of the muon stations in its fields of interest, by momentum
track muon_mu_ll - float32 MuonMuLL | log-likelihood of the muon hits for a muon, 0 without isMuon
track muon_bg_ll - float32 MuonBgLL | the same for anything else, 0 without isMuon
track pid_e - float32 PIDe | combined log-likelihood difference, electron minus pion
track pid_mu - float32 PIDmu | combined log-likelihood difference, muon minus pion
track pid_k - float32 PIDK | combined log-likelihood difference, kaon minus pion
track pid_p - float32 PIDp | combined log-likelihood difference, proton minus pion
track prob_nn_e - float32 ProbNNe | probability to be an electron, by a classifier
track prob_nn_mu - float32 ProbNNmu | probability to be a muon, by a classifier
track prob_nn_pi - float32 ProbNNpi | probability to be a pion, by a classifier
track prob_nn_k - float32 ProbNNk | probability to be a kaon, by a classifier
track prob_nn_p - float32 ProbNNp | probability to be a proton, by a classifier
track prob_nn_ghost - float32 ProbNNghost | probability to be a ghost, by a classifier
cluster cluster_id - int32 id | position of the cluster in its event
cluster x mm float32 x | x of the shower in the plane z
cluster y mm float32 y | y of the shower in the plane z
cluster z mm float32 z | plane of the position, at the depth of the shower
cluster energy MeV float32 energy | energy, corrected for leakage
cluster et MeV float32 et | transverse energy of a photon from the origin
cluster sigma_energy MeV float32 sigmaEnergy | expected resolution of the energy
cluster sigma_x mm float32 sigmaX | expected resolution of x and of y
cluster region - int8 region | 0 outer, 1 middle, 2 inner
cluster spread mm float32 spread | root mean square radius of the cells' energy
cluster prs_energy MeV float32 prsEnergy | preshower energy in front of the cluster
cluster photon_id - float32 photonID | likeness of a photon from 0 to 1, charged and hadronic below
cluster is_not_h - float32 isNotH | likeness of an electromagnetic shower from 0 to 1
cluster is_not_e - float32 isNotE | likeness of a shower without a track from 0 to 1
cluster is_matched - bool isMatched | a reconstructed track points to it; else a neutral hypothesis
cluster merged_mass MeV float32 mergedMass | mass of its two halves as a merged pi0, 0 for none
cluster mcparticle_id - int32 genPartIdx | generated particle of the largest share, -1 for none
cluster mc_share - float32 genShare | its share of the energy
cluster_link cluster_id - int32 clusterIdx | cluster of the link
cluster_link mcparticle_id - int32 genPartIdx | generated particle that gave energy to it
cluster_link weight - float32 weight | share of the cluster's energy
reco_vertex pv_id - int32 id | position of the reconstructed vertex in its event
reco_vertex mc_pv_id - int32 genPVIdx | generated primary vertex it belongs to, -1 for none
reco_vertex x mm float64 x | x of the vertex
reco_vertex y mm float64 y | y of the vertex
reco_vertex z mm float64 z | z of the vertex
reco_vertex n_tracks - int32 nTracks | tracks in the vertex fit
reco_vertex sigma_x mm float32 sigmaX | uncertainty of x
reco_vertex sigma_y mm float32 sigmaY | uncertainty of y
reco_vertex sigma_z mm float32 sigmaZ | uncertainty of z
"""

COVARIANCE_AXES = ("x", "y", "tx", "ty", "qop")
"""Order of the track covariance; ``qop`` is q/p in 1/MeV."""

_AXIS_UNIT = {"x": "mm", "y": "mm", "tx": "", "ty": "", "qop": "1/MeV"}


def _covariance_columns() -> list[Column]:
    columns = []
    for i, a in enumerate(COVARIANCE_AXES):
        for j, b in enumerate(COVARIANCE_AXES[: i + 1]):
            unit = " ".join(u for u in (_AXIS_UNIT[b], _AXIS_UNIT[a]) if u)
            doc = f"covariance of {b} and {a} of the state closest to the z axis"
            # float64: in float32 rounding could spoil positive definiteness.
            columns.append(Column("track", f"cov{j}{i}", unit, "float64", doc, f"cov{j}{i}"))
    return columns


def _declared_columns() -> list[Column]:
    columns = []
    for line in _DECLARED.strip().splitlines():
        head, doc = line.split(" | ")
        table, name, unit, dtype, export = head.split()
        columns.append(Column(table, name, "" if unit == "-" else unit, dtype, doc, export))
    return columns


COLUMNS: dict[tuple[str, str], Column] = {
    (c.table, c.name): c for c in _declared_columns() + _covariance_columns()
}
"""Every declared column by (table, name)."""

COVARIANCE_NAMES = tuple(c.name for c in _covariance_columns())
"""Names of the 15 covariance columns, lower triangle row by row."""

MIRRORED: dict[str, tuple[str, ...]] = {
    "vertex": ("mc_x",),
    "particle": ("mc_px", "mc_vx", "mc_ctb_x", "mc_ecal_x", "mc_t3_x"),
    "track": (
        *("x", "tx", "px"),
        *(f"cov{j}{i}" for i in range(5) for j in range(i + 1) if (i in (0, 2)) != (j in (0, 2))),
    ),
    "cluster": ("x",),
    "reco_vertex": ("x",),
}
"""Columns that change their sign in a mirror across the plane of y and z, by table."""

RICH_DLL_NAMES = ("rich_dll_e", "rich_dll_mu", "rich_dll_k", "rich_dll_p", "rich_dll_bt")
"""The five RICH variables in their published order."""


def column(table: str, name: str) -> Column:
    """The declaration of a column.

    Raises:
        SchemaError: if there is no such column.
    """
    try:
        return COLUMNS[table, name]
    except KeyError:
        known = ", ".join(n for t, n in COLUMNS if t == table) or "none"
        raise SchemaError(f"no column {name!r} in table {table!r}; it has: {known}") from None


def table_columns(table: str) -> list[Column]:
    """All columns declared for a table, in order of declaration."""
    return [c for c in COLUMNS.values() if c.table == table]


def by_branch() -> dict[str, Column]:
    """Every column by its branch name in ROOT files."""
    return {c.branch: c for c in COLUMNS.values()}


def require(table: str, have: Iterable[str], need: Iterable[str], where: str) -> None:
    """Check that a table has the columns that somebody needs.

    Args:
        table: name of the table.
        have: columns it has.
        need: columns it must have.
        where: who needs them (file, stage), for the message.

    Raises:
        SchemaError: naming the missing columns.
    """
    missing = sorted(set(need) - set(have))
    if missing:
        raise SchemaError(f"{where}: table {table!r} lacks the columns {', '.join(missing)}")


def as_declared(table: str, name: str, values: np.ndarray) -> np.ndarray:
    """Cast an array to the type that its column declares (no copy where it already has it).

    Args:
        table: table of the column.
        name: name of the column.
        values: shape ``(n, *shape)`` with the shape that the column declares.

    Raises:
        SchemaError: if the shape is another one, or a value does not fit the type.
    """
    given = np.asarray(values)
    declared = column(table, name)
    check_shape(declared, given)
    limits = _limits(given.dtype, declared.dtype)
    if limits is None or _between(given, *limits):
        return given.astype(declared.dtype, copy=False)
    misfit = misfits(given, declared.dtype)
    if misfit is not None and misfit.any():
        raise SchemaError(
            f"{table}.{name} = {given[misfit].flat[0]} does not fit {declared.dtype}; "
            f"it is {declared.doc}"
        )
    return given.astype(declared.dtype, copy=False)


def check_shape(declared: Column, values: np.ndarray, where: str = "") -> None:
    """Refuse an array whose rows have another shape than their column declares.

    Args:
        declared: the column.
        values: the array, of any shape.
        where: what is looked at, for the message.

    Raises:
        SchemaError: naming the column and both shapes.
    """
    if values.shape[1:] != declared.shape or not values.ndim:
        wanted = f"({', '.join(['n', *map(str, declared.shape)])}{',' * (not declared.shape)})"
        raise SchemaError(
            f"{where}{': ' if where else ''}{declared.table}.{declared.name} has the shape "
            f"{values.shape}, not {wanted}; it is {declared.doc}"
        )


def misfits(values: np.ndarray, dtype: str) -> Mask | None:
    """Values that another type cannot hold: too large for it, or NaN where it is of integers.

    Args:
        values: numbers.
        dtype: the type they are to have.

    Returns:
        Flags of the shape of `values`; None if the types say that all fit.
    """
    limits = _limits(values.dtype, dtype)
    if limits is None:
        return None
    low, high = limits
    if np.dtype(dtype).kind == "f":
        flags: Mask = (values < low) | (values > high)
        return flags & np.isfinite(values) if flags.any() else flags
    if values.dtype.kind != "f":
        # Comparisons of NumPy with Python integers are exact, whatever the types.
        out: Mask = (values < low) | (values > high)
        return out
    # The largest integers are no floats; the power of two behind them is.
    with np.errstate(invalid="ignore"):
        inside = (values > float(low) - 1.0) | (values == float(low))
        result: Mask | None = ~(inside & (values < float(high + 1)))
        return result


def _between(values: np.ndarray, low: Any, high: Any) -> bool:
    """Whether no value is out of a range, nor NaN: two calls of NumPy, which small arrays feel."""
    if not values.size:
        return True
    top = values.max()
    # The largest integers are no floats; the power of two behind them is.
    below = top < float(high + 1) if values.dtype.kind == "f" and type(high) is int else top <= high
    return bool(values.min() >= low and below)


@cache
def _limits(have: np.dtype[Any], dtype: str) -> tuple[Any, Any] | None:
    """Smallest and largest value that another type can hold; None if it can hold all of a type."""
    want = np.dtype(dtype)
    if have.kind not in "iuf" or want.kind not in "iuf" or have == want:
        return None
    if want.kind == "f":
        largest = np.finfo(want).max
        return None if have.kind != "f" or want.itemsize >= have.itemsize else (-largest, largest)
    limits = np.iinfo(want)
    if have.kind != "f":
        own = np.iinfo(have)
        if own.min >= limits.min and own.max <= limits.max:
            return None
    return limits.min, limits.max
