"""The sparse readout of pads and time buckets, into which responses are summed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Keys, ReadColumns
from ..responses.detectors import tpc_pads
from ..responses.hits import Hits, hits_of
from ..responses.model import ResponseModel
from .geometry import BUCKETS, SECTORS, row_pads
from .tracks import Segments, Tracks

SATURATION = 4095.0
"""Largest amplitude of 12 bits [ADC]."""

STRIDE = 128
"""More than the pads of any row, and the empty ones that keep rows apart."""

SPAN = 512
"""More than the buckets."""

_FIRST_PAD, _FIRST_BUCKET = 4, 8

Responder = Callable[[ReadColumns, Keys], Hits]
"""Gives the cells of responses in their windows, from conditions and keys of shapes ``(n,)``."""


class Readout(NamedTuple):
    """Cells with an amplitude, sorted by number; shapes ``(m,)``.

    Attributes:
        cell: `STRIDE` pads and `SPAN` buckets for each row of each sector, side and event.
        value: amplitudes [ADC].
    """

    cell: Ints
    value: Floats


def detailed(conditions: ReadColumns, keys: Keys) -> Hits:
    """Cells of the detailed simulation; see `Responder` for the shapes."""
    checked = tpc_pads.TPC_PADS.checked(conditions, "segments")
    return hits_of(tpc_pads.simulate(checked, keys))


def generated(model: ResponseModel) -> Responder:
    """Cells of a generator.

    Args:
        model: of a response with the conditions of segments, or some of them.
    """
    return model.hits


def read_out(tracks: Tracks, crossed: Segments, hits: Hits) -> Readout:
    """Responses summed where they overlap, within the pads and buckets that there are.

    Args:
        tracks: of some events.
        crossed: their segments, m of them.
        hits: cells of their responses.
    """
    track, row = crossed.track[hits.row], crossed.row[hits.row]
    window = [np.floor(crossed.conditions[name]).astype(np.int64) for name in ("pad", "drift")]
    pad = window[0][hits.row] - _FIRST_PAD + hits.cell[:, 0]
    bucket = window[1][hits.row] - _FIRST_BUCKET + hits.cell[:, 1]
    there = (pad >= 0) & (pad < row_pads()[row]) & (bucket >= 0) & (bucket < BUCKETS)
    line = row_number(tracks, track, row)
    cell = ((line * STRIDE + pad + 1) * SPAN + bucket + 1)[there]
    found, owner = np.unique(cell, return_inverse=True)
    value = np.bincount(owner, weights=hits.value[there], minlength=len(found))
    return Readout(found, np.minimum(value, SATURATION))


def row_number(tracks: Tracks, track: Ints, row: Ints) -> Ints:
    """Number of a row among those of all sectors, sides and events; shapes ``(m,)``."""
    sector = (tracks.event * 2 + (tracks.side > 0)) * SECTORS + tracks.sector
    found: Ints = sector[track] * 64 + row
    return found
