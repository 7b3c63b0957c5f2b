"""Decays of three bodies that follow a histogram: of one squared mass (q2), or a Dalitz plot.

What comes out is distributed as the histogram is, flat within each bin and cut at the borders of
phase space; phase space itself does not weigh it.  The mass of the first pair is drawn by its own
distribution, then the angle that gives the second, so that a narrow peak costs little.

Histograms are those of a ROOT file, or an npz file with ``values``, shape ``(nx,)`` or ``(nx,
ny)``, and the edges ``x`` and ``y`` (no pickles).
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import integrate

from ...arrays import Floats, Ints
from ...errors import SourceError
from ..phasespace import break_up
from .law import Complex

MAX_BINS = 4_000_000
"""Most bins of a histogram."""

_MAX_BYTES = 16 * MAX_BINS + 1_000_000

_POINTS = 4000
_ROOM = 1.1
"""Factor on the greatest weight that was found on a grid."""

_LEAST = 1e-4
"""Share of drawings that must be accepted."""


class Histogram(NamedTuple):
    """A histogram of squared masses.

    Attributes:
        values: density in each bin, shape ``(nx, ny)``; ``ny`` is 1 for one axis.
        x, y: edges [MeV^2]; no ``y`` for one axis.
    """

    values: Floats
    x: Floats
    y: Floats | None


def read_histogram(path: Path, name: str | None, unit: float = 1.0) -> Histogram:
    """A histogram from a ROOT or npz file.

    Args:
        path: the file.
        name: of the histogram in a ROOT file; None for the only one.
        unit: what the edges are multiplied with to give MeV^2.

    Raises:
        SourceError: if it cannot be read, or holds what no density can.
    """
    values, edges = _from_npz(path) if path.suffix == ".npz" else _from_root(path, name)
    values = np.asarray(values, dtype=np.float64)
    edges = [np.asarray(one, dtype=np.float64) * unit for one in edges]
    if values.ndim not in (1, 2) or len(edges) != values.ndim or values.size > MAX_BINS:
        raise SourceError(f"{path}: a histogram of one or two axes and {MAX_BINS} bins at most")
    if values.shape != tuple(len(one) - 1 for one in edges):
        raise SourceError(f"{path}: values {values.shape} do not go with the edges")
    if any(not np.isfinite(one).all() or (np.diff(one) <= 0.0).any() for one in edges):
        raise SourceError(f"{path}: edges must rise")
    if not np.isfinite(values).all() or (values < 0.0).any() or not values.any():
        raise SourceError(f"{path}: contents must be 0 or more, and not all 0")
    widths = np.diff(edges[0])[:, None]
    if values.ndim == 1:
        return Histogram(values[:, None] / widths, edges[0], None)
    return Histogram(values / (widths * np.diff(edges[1])), edges[0], edges[1])


def _from_npz(path: Path) -> tuple[Floats, list[Floats]]:
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(one.file_size for one in packed.infolist())
        if size > _MAX_BYTES:
            raise SourceError(f"{path} holds {size} bytes; {_MAX_BYTES} are the most")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("values", "x", "y") if name in file.files}
    except SourceError:
        raise
    except Exception as error:  # files of strangers break in many ways
        raise SourceError(f"{path}: cannot be read as npz ({error})") from None
    if not {"values", "x"} <= arrays.keys():
        raise SourceError(f"{path}: holds no arrays 'values' and 'x' (and 'y' for two axes)")
    return arrays["values"], [arrays[name] for name in ("x", "y") if name in arrays]


def _from_root(path: Path, name: str | None) -> tuple[Floats, list[Floats]]:
    import uproot

    try:
        with uproot.open(path) as file:
            kinds = file.classnames(recursive=True, cycle=False)
            found = [k for k, kind in kinds.items() if kind.startswith(("TH1", "TH2"))]
            if name is None and len(found) == 1:
                (name,) = found
            if name not in found:
                listed = ", ".join(found[:20]) or "none"
                raise SourceError(f"{path}: say which histogram; there are {listed}")
            size = file.key(name).data_uncompressed_bytes
            if size > _MAX_BYTES:
                raise SourceError(f"{path}: {name} has {size} bytes; {_MAX_BYTES} are the most")
            histogram = file[name]
            values = histogram.values(flow=False)
            edges = [histogram.axis(i).edges(flow=False) for i in range(values.ndim)]
    except SourceError:
        raise
    except Exception as error:  # files of strangers break in many ways
        raise SourceError(f"{path}: cannot be read as ROOT ({error})") from None
    return values, edges


class Shape:
    """A decay of three bodies by a histogram of the squared masses of two pairs.

    The first axis is the mass of the first two daughters, the second that of the last two.

    Args:
        histogram: the density.
        mass: of what decays and of the three daughters [MeV].
        where: name of the file, for messages.

    Raises:
        SourceError: if the histogram lies outside of phase space, or is so narrow that drawing
            from it is hopeless.
    """

    replaces = True

    def __init__(
        self, histogram: Histogram, mass: tuple[float, float, float, float], where: str
    ) -> None:
        self.histogram = histogram
        if histogram.y is not None:
            steps = histogram.values * np.diff(histogram.y)
            self.total = np.concatenate(
                [np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1
            )
        whole, *parts = mass
        low, high = parts[0] + parts[1], whole - parts[2]
        pair = np.unique(
            np.concatenate(
                [
                    np.linspace(low, high, _POINTS),
                    np.sqrt(np.clip(histogram.x, low**2, high**2)) * (1.0 + 1e-9),
                    np.sqrt(np.clip(histogram.x, low**2, high**2)) * (1.0 - 1e-9),
                ]
            )
        )
        full = np.stack([pair * 0.0 + m for m in (whole, 0.0, *parts)], axis=1)
        full[:, 1] = pair
        density = self._density(full)
        mean = integrate.trapezoid(density, pair) / (high - low)
        if not mean > 0.0:
            raise SourceError(f"{where}: the histogram has nothing within phase space")
        self.most = float(density.max()) * _ROOM
        if mean < _LEAST * self.most:
            raise SourceError(
                f"{where}: one drawing in {self.most / mean:.0f} would be accepted: wider bins"
            )

    def _density(self, mass: Floats) -> Floats:
        """Density of the mass of the first pair, shape ``(n,)``."""
        pair = mass[:, 1]
        row = np.searchsorted(self.histogram.x, pair**2, "right").astype(np.int64) - 1
        inside = (row >= 0) & (row < len(self.histogram.values))
        row = np.where(inside, row, 0)
        possible = inside & (mass[:, 0] > pair + mass[:, 4]) & (pair > mass[:, 2] + mass[:, 3])
        if self.histogram.y is None:
            part = self.histogram.values[row, 0]
        else:
            low, high = (self._second(mass, s) for s in (1.0, -1.0))
            part = self._below(row, high) - self._below(row, low)
        return np.where(possible, 2.0 * pair * np.maximum(part, 0.0), 0.0)

    def _second(self, mass: Floats, cosine: Floats | float) -> Floats:
        """Squared mass of the last two daughters, shape ``(n,)``."""
        whole, pair, one, two, three = mass.T
        p = break_up(pair, one, two)
        energy = (pair**2 + two**2 - one**2) / (2.0 * pair)
        other = (whole**2 - pair**2 - three**2) / (2.0 * pair)
        momentum = np.sqrt(np.maximum(other**2 - three**2, 0.0))
        return np.asarray(two**2 + three**2 + 2.0 * (energy * other - p * momentum * cosine))

    def _below(self, row: Ints, value: Floats) -> Floats:
        """Integral of a row of the histogram up to a value, shape ``(n,)``."""
        edges = self.histogram.y
        assert edges is not None
        value = np.clip(value, edges[0], edges[-1])
        k = np.clip(np.searchsorted(edges, value, "right") - 1, 0, len(edges) - 2)
        found: Floats = self.total[row, k] + self.histogram.values[row, k] * (value - edges[k])
        return found

    def mass_weight(self, mass: Floats) -> Floats:
        """Share of evenly drawn masses of the pair that are accepted, shape ``(n,)``.

        Args:
            mass: of what decays, of the pair, of the daughters [MeV], shape ``(n, 5)``.
        """
        return np.minimum(self._density(mass) / self.most, 1.0)

    def amplitudes(self, cosine: Floats, phi: Floats, mass: Floats) -> Complex:
        """Roots of the density, shape ``(n, 1, 1, 1, 1)``.

        Args:
            cosine, phi: direction of the first daughter, shape ``(n,)``.
            mass: as above, shape ``(n, 5)``.
        """
        values, x, y = self.histogram
        found = np.ones(len(cosine))
        if y is not None:
            row = np.clip(np.searchsorted(x, mass[:, 1] ** 2, "right") - 1, 0, len(values) - 1)
            second = self._second(mass, cosine)
            k = np.searchsorted(y, second, "right") - 1
            inside = (k >= 0) & (k < values.shape[1])
            found = np.where(inside, values[row, np.where(inside, k, 0)], 0.0)
        return np.sqrt(found).astype(np.complex128).reshape(-1, 1, 1, 1, 1)

    def greatest(self, mass: Floats) -> Floats:
        """Greatest density in the rows of the masses, shape ``(n,)``.

        Args:
            mass: as above, shape ``(n, 5)``.
        """
        values, x, y = self.histogram
        if y is None:
            return np.ones(len(mass))
        row = np.clip(np.searchsorted(x, mass[:, 1] ** 2, "right") - 1, 0, len(values) - 1)
        return np.asarray(values.max(axis=1)[row])

    def conjugated(self) -> Shape:
        """Itself: masses know no charge."""
        return self
