"""Control of what is drawn: latent numbers that move one property of an array each.

After CorrVAE (Wang et al., arXiv:2210.01796): of the normal numbers of a draw the first are
*bridging latents* ``w``.  Normal scores ``y`` of the `lamarr_like.responses.properties` are
``y = A w``, with a matrix whose mask of zeros was learnt, so that properties that go together share
a latent and others have one for themselves.  A draw with wanted values moves ``w`` by the shortest
step that makes ``y`` what it must be; what is not asked for stays likely.
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
from .frame import Placement
from .properties import TOTAL, WIDTH, Law, from_natural, names_of, to_natural
from .response import Response

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
"""Values by the name of the property: one for all particles, or shape ``(n,)``."""

_LEAST_PART = 1e-3
"""Least singular value of a mixing matrix: with less no latent moves some property."""


class Control:
    """Moves latent numbers.

    Args:
        response: declaration.
        law: of its properties.
        mixing: rows of unit norm, shape ``(n_properties, n_latents)``.
    """

    def __init__(self, response: Response, law: Law, mixing: Floats) -> None:
        self.response, self.law, self.mixing = response, law, mixing
        self.names = names_of(response)

    @property
    def n_latents(self) -> int:
        """How many of the normal numbers of a draw, the first, are latents."""
        return self.mixing.shape[1]

    def moved(
        self, normals: Floats32, given: Floats, placement: Placement, wanted: Wanted, where: str
    ) -> Floats32:
        """Normal numbers for which the properties are the wanted ones, shape ``(n, n_normals)``.

        Args:
            normals: of a free draw, of that shape.
            given: normalised, shape ``(n, n_given)``.
            placement: of the `n` particles.
            wanted: checked, see `checked_wanted`; shapes ``(n,)``.
            where: name for messages.

        Raises:
            SchemaError: if a value is beyond what such a particle gives.
        """
        found = normals.copy()
        if not wanted:
            return found
        columns = {name: np.asarray(values, np.float64) for name, values in wanted.items()}
        values = from_natural(self.response, placement, columns)
        self._check(given, placement, values, columns, where)
        scores = self.law.scores(given, values)
        latents = normals[:, : self.n_latents].astype(np.float64)
        asked = np.isfinite(scores)
        for pattern in np.unique(asked, axis=0):
            rows = np.flatnonzero((asked == pattern).all(axis=1))
            some = self.mixing[pattern]
            away = scores[rows][:, pattern] - _product(latents[rows], some)
            latents[rows] += _product(away, np.linalg.pinv(some))
        found[:, : self.n_latents] = latents
        return found

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
        response: Response,
        config: Mapping[str, Any],
        widths: tuple[int, int],
        arrays: Mapping[str, np.ndarray],
        files: Mapping[str, bytes],
        where: str,
    ) -> Control:
        """From the files of an artefact.

        Args:
            response: declaration.
            config: of the form `CONTROL`.
            widths: of what is given, and how many normal numbers a draw has.
            arrays: tables of a stranger.
            files: of a stranger, by name.
            where: name for messages.

        Raises:
            ArtefactError: if they do not fit.
        """
        place, names = f"{where}/config.json: control", names_of(response)
        if tuple(config["properties"]) != names:
            raise ArtefactError(f"{place}: properties must be {', '.join(names)}")
        mixing = _mixing(config["mixing"], len(names), widths[1], place)
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
        law.moments(np.zeros((1, widths[0])))
        return cls(response, law, mixing)


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
    if control is None:
        raise SchemaError(
            f"{where}: its draws cannot be asked for values; train one of family corrvae"
        )
    found = {}
    for name, values in wanted.items():
        if name not in control.names:
            raise SchemaError(
                f"{where} has no property {name!r}; it has {', '.join(control.names)}"
            )
        column = np.asarray(values)
        if column.dtype.kind not in "iuf" or column.shape not in ((), (n,)):
            raise SchemaError(f"{where}: wanted {name} must be a number, or {n} of them")
        column = np.broadcast_to(column, (n,)).astype(np.float64)
        bad = ~np.isfinite(column)
        if name in (TOTAL, WIDTH):
            bad |= column <= 0
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            need = "finite and above 0" if name in (TOTAL, WIDTH) else "finite"
            raise SchemaError(f"{where}: wanted {name} is {column[row]} in row {row}, not {need}")
        found[name] = column
    return found


def _product(rows: Floats, matrix: Floats) -> Floats:
    """``rows @ matrix.T``, the same bits for a row whatever the others: BLAS is not asked."""
    columns = [(rows * weights).sum(axis=1) for weights in matrix]
    return np.stack(columns, axis=1)
