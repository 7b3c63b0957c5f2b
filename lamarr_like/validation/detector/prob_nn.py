"""ProbNN beside LHCb's measured efficiencies, where the folder of foreign data has them.

The maps hold efficiencies and no populations: those of the maps that ship, of the same calibration
samples in the same bins, stand for them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import SourceError
from ...events import EventBatch
from ...statistics.matching import where
from ..bins import Cut, picked
from ..series import Series
from .calibration import axis_series, compare, difference_rows
from .maps import Map, load_map
from .results import Row, Section
from .sample import PROB_NN, long_tracks

MEAN_LIMIT, SLICE_LIMIT = 0.04, 0.08
"""What is asked of the mean difference, and of that in any slice of momentum."""
TITLE = "ProbNN beside PIDCalib 2016"

_FILE = "run2-rdx-2016-mu-{}-p_eta_ntracks.root"
MAPS = (
    (Cut("K: ProbNNk > 0.2", lambda t: t["prob_nn_k"] > 0.2, "K", key="rdx_K"), "K_nnk_gt"),
    (Cut("pi: ProbNNk > 0.2", lambda t: t["prob_nn_k"] > 0.2, "pi", key="rdx_Pi"), "Pi_nnk_gt"),
    (Cut("pi: ProbNNp > 0.2", lambda t: t["prob_nn_p"] > 0.2, "pi", key="rdx_Pi"), "Pi_nnp_gt"),
)
"""Cut with the key of the map whose population it gets, and its part of the file's name."""


def prob_nn_section(batch: EventBatch, folder: Path) -> Section:
    """Compare the cuts of `MAPS`.

    Args:
        batch: detailed events.
        folder: of the maps.

    Raises:
        SourceError: if a map cannot be read.
    """
    if any(name not in batch.track for name in PROB_NN):
        return Section("prob_nn", TITLE, skipped="the samples were made without ProbNN")
    tracks = long_tracks(batch, *PROB_NN)
    rows: list[Row] = []
    views: list[Series] = []
    for cut, part in MAPS:
        measured = read_map(folder / _FILE.format(part), load_map(cut.key))
        chosen = where(tracks, cut.rows(tracks))
        cells = compare(chosen, picked(chosen, cut.passes), measured)
        rows += difference_rows(cut, cells, measured, len(chosen["p"]), MEAN_LIMIT, SLICE_LIMIT)
        views += axis_series(cut, cells, measured)
    notes = (
        "Measured with MC15TuneV1, magnet up; populations are those of the DLLK maps of the same "
        "samples.",
    )
    return Section("prob_nn", TITLE, tuple(rows), tuple(views), notes)


def read_map(path: Path, population: Map) -> Map:
    """A map of efficiencies with the population of another one.

    Args:
        path: ROOT file with the histogram ``eff``.
        population: map of the same bins.

    Raises:
        SourceError: if the file cannot be read or has other bins.
    """
    import uproot

    try:
        with uproot.open(path) as file:
            values, *edges = file["eff"].to_numpy()
            errors = file["eff"].errors()
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{path}: no map of efficiencies named 'eff' ({error})") from None
    for found, wanted in zip(edges, population[:3], strict=True):
        if not np.array_equal(found, wanted):
            raise SourceError(f"{path}: 'eff' has other bins than the maps that ship")
    # Cells in which no track was seen have neither a value nor an error.
    known = (errors > 0.0) & (values >= 0.0) & (values <= 1.0)
    return population._replace(passing=np.where(known, values * population.total, -1.0))
