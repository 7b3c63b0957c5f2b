"""Drawn samples: particles from a file, arrays from a generator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .. import __version__
from ..arrays import Floats, ReadColumns
from ..errors import SchemaError
from .control import Wanted
from .devices import Devices
from .joint import JointModel
from .model import ResponseModel
from .response import Response
from .samples import AnySample, any_sample, read_any

MOST_ROWS = 10_000_000
"""Most particles of a table."""


def particles(path: Path, response: Response | Devices, n: int | None = None) -> dict[str, Floats]:
    """Conditions of the particles in a sample or a Parquet table, shapes ``(n,)``.

    Args:
        path: ``.npz`` or ``.parquet``.
        response: what they are for.
        n: the first so many; all if None.

    Raises:
        SchemaError: if it cannot be read, or a condition is missing or out of range.
    """
    if path.suffix == ".parquet":
        found: Mapping[str, np.ndarray] = _table(path, response)
    else:
        found = read_any(path, response).conditions
    checked = response.checked(found, str(path))
    return {name: values[:n] for name, values in checked.items()}


def _table(path: Path, response: Response | Devices) -> dict[str, np.ndarray]:
    from pyarrow import parquet

    names = [c.name for c in response.conditions]
    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise SchemaError(f"{path}: {file.metadata.num_rows} rows; {MOST_ROWS} are most")
            there = [name for name in names if name in file.schema_arrow.names]
            table = file.read(columns=there)
    except SchemaError:
        raise
    except Exception as error:  # pyarrow raises many kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SchemaError(f"{path} cannot be read as a Parquet table ({reason})") from error
    columns = {}
    for name in there:
        column = table.column(name)
        if column.null_count:
            raise SchemaError(f"{path}: condition {name!r} has {column.null_count} empty rows")
        columns[name] = column.to_numpy()
    return columns


def wanted_of(words: Sequence[str]) -> dict[str, float]:
    """Wanted values from words like ``total=300``, by name.

    Raises:
        SchemaError: if one is none, or a name comes twice.
    """
    found: dict[str, float] = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            value = float(text)
        except ValueError as error:
            raise SchemaError(f"--want {word}: must look like total=300") from error
        if name in found:
            raise SchemaError(f"--want {word}: {name} comes twice")
        found[name] = value
    return found


def draw_sample(
    generator: ResponseModel | JointModel,
    conditions: ReadColumns,
    seed: int,
    *,
    steps: int = 0,
    wanted: Wanted | None = None,
    model: str = "",
    digest: str = "",
) -> AnySample:
    """Draw a sample.

    Args:
        generator: what draws.
        conditions: of the particles, shapes ``(n,)``.
        seed: of the draw.
        steps: of families that have such a dial, 0 for their own.
        wanted: values of properties by name, of families that have control.
        model, digest: name and digest of the generator, for the record.

    Raises:
        SchemaError: if the conditions or what is wanted do not fit.
    """
    started = time.process_time()
    if isinstance(generator, JointModel):
        if wanted:
            raise SchemaError(f"{model or 'the model'} draws several arrays; ask for values of one")
        arrays = generator.draw(conditions, seed, steps=steps)
    else:
        arrays = (generator.draw(conditions, seed, steps=steps, wanted=wanted),)
    seconds = time.process_time() - started
    record = {
        "made_by": "generator",
        "program": f"lamarr_like {__version__}",
        "model": model,
        "digest": digest,
        "seed": seed,
        "steps": steps,
        "ms_per_particle": round(1e3 * seconds / max(len(arrays[0]), 1), 4),
    }
    if wanted:
        record["wanted"] = {name: np.asarray(values).tolist() for name, values in wanted.items()}
    return any_sample(generator.response, conditions, arrays, "drawn sample", record)
