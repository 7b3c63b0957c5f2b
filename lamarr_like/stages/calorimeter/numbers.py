r"""How many clusters each source owns, in an event of which the SPD hits are known.

What the network says of a source depends on nSPDHits, but on its own it does not learn what
counts: how many hits there are beyond those that the generated particles let expect.  A photon
that converts has about four more than one that does not, and it owns two clusters.  Lit cells
``n`` are ``S = -C log(1 - n / C)`` hits on ``C`` cells, which are taken as a sum over the sources,

.. math:: S = \sum_i h(kind_i, k_i) + \epsilon, \qquad \epsilon \sim N(0, v E[S]),

with ``k`` the number of clusters, and the numbers are drawn given ``S`` by conditional simulation
(Matheron's rule: A. G. Journel and C. J. Huijbregts, "Mining Geostatistics", Academic Press, 1978,
ch. VII): numbers drawn by themselves and an epsilon make hits ``S'``; then the probabilities are
tilted to those given one more source of the difference,

.. math:: p(k) \to p(k) \exp\left(\frac{(S - S') d(k) - d(k)^2}{Var[S]}\right), \qquad
    d(k) = h(k) - E[h],

of which the last term leaves ``p`` as it is on average (``S - S'`` varies by twice ``Var[S]``), and
with the same uniform numbers the sources get their numbers.  A tilt by all of ``S - E[S]`` of every
source by itself would give the same means, but forget that they share the hits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Ints
from ...engine.translator.translation import chosen

NUMBERS = 4
"""Numbers of clusters of a source that have figures of their own: none, one, two, more."""
_FARTHEST = 4.0
"""Standard deviations of the hits that are made up for at the most."""
_FULLEST = 0.95
"""Share of the cells that are lit at the most."""


class Hits(NamedTuple):
    """SPD hits that sources let expect.

    Attributes:
        expected: hits of sources of each kind, shape ``(SOURCE_KINDS,)``.
        table: hits of those that own none, one, ... clusters, up to a constant of each kind; shape
            ``(SOURCE_KINDS, NUMBERS)``.
        spread: variance that is left, over the expected hits.
        cells: cells that they are spread over, see `arrived`.
    """

    expected: Sequence[float]
    table: Sequence[Sequence[float]]
    spread: float
    cells: float


@dataclass(frozen=True)
class Numbers:
    """Chooses the number of clusters of each source (`translation.Choose`).

    Args:
        offsets: sources of event ``i`` are ``offsets[i]:offsets[i + 1]``.
        kinds: kind of each source (`source_kinds`), shape ``(n_sources,)``.
        odds: factors of the probabilities of each number, shape ``(n_sources, NUMBERS)``.
        hits: SPD hits that sources let expect; None if the numbers do not depend on them.
        lit: SPD cells with a hit of each event, shape ``(n_events,)``.
        normals: a standard normal number for each event, shape ``(n_events,)``.
    """

    offsets: Ints
    kinds: Ints
    odds: Floats
    hits: Hits | None
    lit: Floats
    normals: Floats

    def __call__(self, chances: Floats, uniforms: Floats) -> Ints:
        """Number of clusters of each source, shape ``(n_sources,)``; see `translation.Choose`."""
        of = np.minimum(np.arange(chances.shape[1]), NUMBERS - 1)
        chances = chances * self.odds[:, of]
        own = chosen(chances, uniforms)
        if self.hits is None or not len(own):
            return own
        n = len(self.offsets) - 1
        event = np.repeat(np.arange(n), np.diff(self.offsets))
        hits = np.asarray(self.hits.table)[self.kinds][:, of]
        # One after the other: the result of a row is the same in any company.
        total = np.cumsum(chances, axis=1)[:, -1]
        mean = np.cumsum(chances * hits, axis=1)[:, -1] / total
        beyond = hits - mean[:, None]
        variance = np.cumsum(chances * beyond**2, axis=1)[:, -1] / total
        expected = np.bincount(event, np.asarray(self.hits.expected)[self.kinds], minlength=n)
        rest = self.hits.spread * np.maximum(expected, 1.0)
        whole = rest + np.bincount(event, variance, minlength=n)
        made = np.bincount(event, beyond[np.arange(len(own)), own], minlength=n)
        found = arrived(self.lit, self.hits.cells) - expected
        pull = (found - made - np.sqrt(rest) * self.normals) / np.sqrt(whole)
        slope = np.clip(pull, -_FARTHEST, _FARTHEST) / np.sqrt(whole)
        tilt = slope[event, None] * beyond - beyond**2 / whole[event, None]
        return chosen(chances * np.exp(tilt), uniforms)


def arrived(lit: Floats, cells: float) -> Floats:
    """Hits that light so many of some cells on average, the shape of `lit`."""
    return -cells * np.log1p(-np.minimum(lit / cells, _FULLEST))
