"""Control of what is drawn: latent numbers that move one property of an array each.

After CorrVAE (Wang et al., arXiv:2210.01796): of the normal numbers of a draw the first are
*bridging latents* ``w``.  Normal scores ``y`` of the `lamarr_like.responses.properties` are
``y = A w``, with a matrix whose mask of zeros was learnt, so that properties that go together share
a latent and others have one for themselves.  A draw with wanted values moves ``w`` by the shortest
step that makes ``y`` what it must be; what is not asked for stays likely.  Then it is measured and
moved again by what it missed.  A latent itself can be asked for as well, by its number: ``w0``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Floats, Floats32, Ints
from ..engine.model_tables import file_of
from ..engine.onnx_session import Network
from ..errors import ArtefactError, SchemaError
from ..files.forms import Items, Number, Record, Text
from .coded import CodedBlocks
from .frame import Placement
from .hits import Hits
from .properties import REACH, TOTAL, WIDTH, Law, from_natural, names_of, of_hits, to_natural

MOST_LATENTS = 64

CONTROL = Record(
    {
        "properties": Items(Text(most=200), least=1, most=MOST_LATENTS),
        "mixing": Items(
            Items(Number(-1.001, 1.001), least=1, most=MOST_LATENTS), least=1, most=MOST_LATENTS
        ),
    },
    ("properties", "mixing"),
)
"""Form of what ``config.json`` says of a `Control`."""

Wanted = Mapping[str, "float | Floats"]
"""Values by the name of the property or latent: one for all particles, or shape ``(n,)``."""

Draw = Callable[[Callable[[Floats32], Floats32]], Hits]
Seen = Callable[[Hits], Hits]

AIMS = 16
"""How often latents of a wanted draw are moved by what it missed."""

_GAIN = 0.8
"""Part of what was missed by which latents are moved first."""

_CHANGES = (1.25, 0.5)
"""How that part changes where a draw came nearer, and where not."""

_RENEWED = 3
"""Draws after which one that is still far from what is wanted gets other noise."""

_FAR = 0.04
"""Squared distance, in normal scores, beyond which it is far."""

_LEAST_PART = 1e-3
"""Least singular value of a mixing matrix: with less no latent moves some property."""


class Control:
    """Moves latent numbers.

    Args:
        blocks: what makes arrays of codes, and normalises what is given.
        law: of the properties.
        mixing: rows of unit norm, shape ``(n_properties, n_latents)``.

    Attributes:
        names: of the properties.
        latents: names of the latents.
    """

    def __init__(self, blocks: CodedBlocks, law: Law, mixing: Floats) -> None:
        self.blocks, self.law, self.mixing = blocks, law, mixing
        self.response = blocks.layout.response
        self.names = names_of(self.response)
        self.latents = tuple(f"w{i}" for i in range(mixing.shape[1]))

    def moved(
        self, normals: Floats32, placement: Placement, wanted: Wanted, where: str
    ) -> Floats32:
        """Normal numbers for which the properties are the wanted ones, shape ``(n, n_normals)``.

        Latents that are asked for are set first: a property that is as well may move them again.

        Args:
            normals: of a free draw, of that shape.
            placement: of the `n` particles.
            wanted: checked, see `checked_wanted`; shapes ``(n,)``.
            where: name for messages.

        Raises:
            SchemaError: if a value is beyond what such a particle gives.
        """
        found, own = normals.copy(), len(self.latents)
        for i, name in enumerate(self.latents):
            if name in wanted:
                found[:, i] = wanted[name]
        scores = self._asked(placement, wanted, where)
        latents = found[:, :own].astype(np.float64)
        found[:, :own] = latents + self._step(scores - _product(latents, self.mixing))
        return found

    def aimed(
        self, draw: Draw, seen: Seen, placement: Placement, wanted: Wanted, where: str
    ) -> Hits:
        """Draws whose properties are the wanted ones: made, measured, and made better.

        As a decoder gives properties of its latents but nearly, latents are moved by what was
        missed, with all other random numbers as they were.  Not every property can be had with
        every noise: where it is still far after some draws, the other normal numbers change
        places.  For each particle the draw is taken that came nearest.

        Args:
            draw: hits in the frame for a rule of what becomes of normal numbers.
            seen: of hits in the frame those that an array has.
            placement, wanted, where: as for `moved`.

        Raises:
            SchemaError: as `moved`.
        """
        target = self._target(placement, wanted, where)
        n = len(target)
        step, taken = np.zeros((n, len(self.latents))), np.zeros((n, len(self.latents)))
        best, gain = np.full(n, np.inf), np.full(n, _GAIN)
        missed, kept = np.zeros_like(target), np.zeros(n, dtype=np.int64)
        tries, turns = [], np.zeros(n, dtype=np.int64)
        for number in range(AIMS + 1):
            turn = np.where((best > _FAR) & (number > _RENEWED), number, turns)
            tries.append(draw(partial(self._shifted, step, turn, placement, wanted, where)))
            away = target - self.measured(placement, seen(tries[-1]))[1]
            # What has too little in it is as far as can be.
            squares = np.where(np.isnan(target), 0.0, np.where(np.isnan(away), 1e3, away) ** 2)
            distance = squares.sum(axis=1)
            nearer = distance < best
            best[nearer], kept[nearer] = distance[nearer], number
            taken[nearer], missed[nearer] = step[nearer], away[nearer]
            turns[nearer] = turn[nearer]
            gain *= np.where(nearer, *_CHANGES)
            step = taken + gain[:, None] * self._step(missed)
        return _chosen(tries, kept)

    def _shifted(
        self,
        step: Floats,
        turn: Ints,
        placement: Placement,
        wanted: Wanted,
        where: str,
        normals: Floats32,
    ) -> Floats32:
        """As `moved`, a step further and with other numbers turned, shape ``(n, n_normals)``.

        Args:
            step: of the latents, shape ``(n, n_latents)``.
            turn: by how many places what is no latent of a property is turned, shape ``(n,)``.
            placement, wanted, where, normals: as for `moved`.
        """
        found = self.moved(normals, placement, wanted, where)
        own, others = np.split(found, [step.shape[1]], axis=1)
        own[:] = np.where(step != 0, np.clip(own + step, -REACH, REACH), own)
        rows = np.flatnonzero(turn)
        places = (np.arange(others.shape[1]) + turn[rows, None]) % max(others.shape[1], 1)
        others[rows] = np.take_along_axis(others[rows], places, axis=1)
        return found

    def _target(self, placement: Placement, wanted: Wanted, where: str) -> Floats:
        """As `_asked`, and of properties all of whose latents are asked for; shape ``(n, k)``."""
        target = self._asked(placement, wanted, where)
        free = [i for i, name in enumerate(self.latents) if name not in wanted]
        latents = np.stack(
            [np.broadcast_to(wanted.get(name, 0.0), len(target)) for name in self.latents], axis=1
        )
        told = (self.mixing[:, free] == 0).all(axis=1) & np.isnan(target)
        target[told] = _product(latents, self.mixing)[told]
        return target

    def _asked(self, placement: Placement, wanted: Wanted, where: str) -> Floats:
        """Normal scores of wanted properties, NaN of those not asked for, shape ``(n, k)``."""
        columns = {name: np.asarray(wanted[name]) for name in self.names if name in wanted}
        if not columns:
            return np.full((len(placement.given), len(self.names)), np.nan)
        values = from_natural(self.response, placement, columns)
        self._check(self.blocks.given(placement), placement, values, columns, where)
        return self.law.scores(self.blocks.given(placement), values)

    def _step(self, away: Floats) -> Floats:
        """Shortest steps of latents that move scores so far, shape ``(n, n_latents)``.

        Args:
            away: shape ``(n, k)``; NaN of what may move as it will.
        """
        found = np.zeros((len(away), len(self.latents)))
        asked = np.isfinite(away)
        for pattern in np.unique(asked, axis=0):
            if pattern.any():
                rows = np.flatnonzero((asked == pattern).all(axis=1))
                inverse = np.linalg.pinv(self.mixing[pattern])
                found[rows] = _product(away[rows][:, pattern], inverse)
        return found

    def measured(self, placement: Placement, hits: Hits) -> tuple[dict[str, Floats], Floats]:
        """Properties of arrays by name, shapes ``(n,)``, and their normal scores, ``(n, k)``.

        NaN where an array has too little in it.

        Args:
            placement: of the `n` particles.
            hits: of the arrays, in the frame.
        """
        values = of_hits(self.response, placement, hits)
        scores = self.law.scores(self.blocks.given(placement), values)
        return to_natural(self.response, placement, values), scores

    def _check(
        self,
        given: Floats,
        placement: Placement,
        values: Floats,
        wanted: Mapping[str, Floats],
        where: str,
    ) -> None:
        """Refuse values beyond what the law was learnt on."""
        mean, sd = self.law.moments(given)
        low, high = (mean + sd * self.law.knots[:, end] for end in (0, -1))
        outside = (values < low) | (values > high)
        if not outside.any():
            return
        row = int(np.flatnonzero(outside.any(axis=1))[0])
        ends = [to_natural(self.response, placement, side) for side in (low, high)]
        for name, column in wanted.items():
            between = sorted(end[name][row] for end in ends)
            if not between[0] <= column[row] <= between[1]:
                raise SchemaError(
                    f"{where}: {name} {column[row]:g} is beyond what one of the particles gives, "
                    f"{between[0]:.4g} to {between[1]:.4g}; ask for it of other particles"
                )

    @classmethod
    def read(
        cls,
        blocks: CodedBlocks,
        config: Mapping[str, Any],
        normals: int,
        arrays: Mapping[str, np.ndarray],
        files: Mapping[str, bytes],
        where: str,
    ) -> Control:
        """From the files of an artefact.

        Args:
            blocks: of the model.
            config: of the form `CONTROL`.
            normals: normal numbers of a draw.
            arrays: tables of a stranger.
            files: of a stranger, by name.
            where: name for messages.

        Raises:
            ArtefactError: if they do not fit.
        """
        place, names = f"{where}/config.json: control", names_of(blocks.layout.response)
        if tuple(config["properties"]) != names:
            raise ArtefactError(f"{place}: properties must be {', '.join(names)}")
        mixing = _mixing(config["mixing"], len(names), normals, place)
        knots = arrays.get("property_knots", np.zeros(0))
        if (
            knots.dtype.kind != "f"
            or knots.ndim != 2
            or len(knots) != len(names)
            or knots.shape[1] < 2
            or not (np.abs(knots) <= 1e6).all()
            or not (np.diff(knots, axis=1) >= 0).all()
        ):
            raise ArtefactError(
                f"{where}: property_knots in transforms.npz do not fit {len(names)} properties"
            )
        file = "properties.onnx"
        network = Network(file_of(files, file, where), f"{where}/{file}")
        if network.widths != [2 * len(names)] or network.inputs != ["conditions"]:
            raise ArtefactError(f"{where}/{file} does not give {2 * len(names)} numbers")
        law = Law(network, knots.astype(np.float64))
        law.moments(np.zeros((1, len(blocks.mean))))
        return cls(blocks, law, mixing)


def _mixing(rows: Sequence[Sequence[float]], n: int, normals: int, place: str) -> Floats:
    """The mixing matrix of a stranger, for `n` properties."""
    if len(rows) != n or any(len(row) != len(rows[0]) for row in rows):
        raise ArtefactError(f"{place}: mixing is no matrix of {n} rows")
    mixing = np.array(rows, dtype=np.float64)
    if not n <= mixing.shape[1] <= normals:
        raise ArtefactError(
            f"{place}: mixing is of {mixing.shape[1]} latents, not {n} to {normals}"
        )
    unit = np.abs(np.linalg.norm(mixing, axis=1) - 1) < 1e-3
    if not unit.all() or np.linalg.svd(mixing, compute_uv=False)[-1] < _LEAST_PART:
        raise ArtefactError(f"{place}: rows of mixing are not of unit norm, or not independent")
    return mixing


def checked_wanted(
    control: Control | None, wanted: Wanted | None, n: int, where: str
) -> dict[str, Floats]:
    """Wanted values as columns, shapes ``(n,)``.

    Args:
        control: of the model; None if it has none.
        wanted: by name.
        n: number of particles.
        where: name for messages.

    Raises:
        SchemaError: for a model without control, an unknown property, another length, and values
            that are not finite, or total or width not above zero.
    """
    if not wanted:
        return {}
    there = needed(control, where)
    found = {}
    for name, values in wanted.items():
        known = (*there.names, *there.latents)
        if name not in known:
            raise SchemaError(f"{where} has no property {name!r}; it has {', '.join(known)}")
        column = np.asarray(values)
        if column.dtype.kind not in "iuf" or column.shape not in ((), (n,)):
            raise SchemaError(f"{where}: wanted {name} must be a number, or {n} of them")
        column = np.broadcast_to(column, (n,)).astype(np.float64)
        least = 0.0 if name in (TOTAL, WIDTH) else -REACH if name in there.latents else -np.inf
        most = REACH if name in there.latents else np.inf
        # Written so that NaN fails.
        bad = ~((column > least) & (column < most))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise SchemaError(
                f"{where}: wanted {name} is {column[row]} in row {row}, not within {least:g} and "
                f"{most:g}"
            )
        found[name] = column
    return found


def _chosen(tries: Sequence[Hits], kept: Ints) -> Hits:
    """Of each row the hits of one of some draws, by its number, shape ``(n,)``."""
    parts = [
        Hits(*(column[kept[hits.row] == number] for column in hits))
        for number, hits in enumerate(tries)
    ]
    row, cell, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(row, kind="stable")
    return Hits(row[order], cell[order], value[order])


def needed(control: Control | None, where: str) -> Control:
    """The control of a model.

    Raises:
        SchemaError: if it has none.
    """
    if control is None:
        raise SchemaError(
            f"{where}: its draws cannot be asked for values; train one of family corrvae"
        )
    return control


def _product(rows: Floats, matrix: Floats) -> Floats:
    """``rows @ matrix.T``, the same bits for a row whatever the others: BLAS is not asked."""
    columns = [(rows * weights).sum(axis=1) for weights in matrix]
    return np.stack(columns, axis=1)
