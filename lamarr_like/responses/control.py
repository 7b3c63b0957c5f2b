"""Control of what is drawn: latent numbers that move one property of an array each.

After CorrVAE (Wang et al., arXiv:2210.01796): of the normal numbers of a draw the first are
*bridging latents* ``w``.  Normal scores ``y`` of the `lamarr_like.responses.properties` are
``y = A w``, with a matrix whose mask of zeros was learnt, so that properties that go together share
a latent and others have one for themselves.  A draw with wanted values moves ``w`` by the shortest
step that makes ``y`` what it must be; what is not asked for stays likely.  A latent itself can be
asked for as well, by its number: ``w0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Floats, Floats32
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
        columns = {name: np.asarray(wanted[name]) for name in self.names if name in wanted}
        if not columns:
            return found
        given = self.blocks.given(placement)
        values = from_natural(self.response, placement, columns)
        self._check(given, placement, values, columns, where)
        scores = self.law.scores(given, values)
        latents = found[:, :own].astype(np.float64)
        asked = np.isfinite(scores)
        for pattern in np.unique(asked, axis=0):
            rows = np.flatnonzero((asked == pattern).all(axis=1))
            some = self.mixing[pattern]
            away = scores[rows][:, pattern] - _product(latents[rows], some)
            latents[rows] += _product(away, np.linalg.pinv(some))
        found[:, :own] = latents
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

    def scores_of(self, latents: Floats) -> Floats:
        """Normal scores of the properties of latents, shape ``(n, n_properties)``.

        Args:
            latents: shape ``(n, n_latents)``.
        """
        return _product(latents, self.mixing)

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
