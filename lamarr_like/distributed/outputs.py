"""What a production may write over: nothing that it reads, and nothing that is not of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import LamarrLikeError, OutputError
from ..files.locations import Location
from ..files.places import chain_files, check_free, refuse_inputs
from ..io.ntuple_reader import read_provenance
from .config import ProductionConfig
from .lock import LOCK
from .parts import MANIFEST, PLAN

_PART = re.compile(r"part-\d+\.(root|json)")


def check_outputs(
    config: ProductionConfig,
    inputs: Iterable[str | Location] = (),
    *,
    merge: bool = False,
    force: bool = False,
) -> None:
    """See whether a production may write its files; to be called before it begins.

    Args:
        config: the production.
        inputs: what is read beside its sources, pipeline and models, such as its own file.
        merge: whether the parts are joined, also where the production does not ask for it.
        force: replace a merged file that is there and that no run of the production has made.

    Raises:
        OutputError: naming the file.
    """
    folder = config.output
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: is there and no folder; choose another output")
    if not folder.is_dir():
        return
    merged = folder / (config.merge or f"{config.name}.root")
    own = [merged] if merge or config.merge else []
    own += [path for path in folder.iterdir() if _is_ours(path.name)]
    refuse_inputs(own, (*inputs, *_read(config)))
    for path in own:
        check_free(path, force or path != merged or _is_merged(path, config.name))


def _is_ours(name: str) -> bool:
    return name in (PLAN, MANIFEST, LOCK) or _PART.fullmatch(name) is not None


def _is_merged(path: Path, name: str) -> bool:
    """Whether a file was joined from the parts of a production of this name."""
    try:
        found = read_provenance(path)
    except LamarrLikeError:
        return False
    return found.get("production") == name and "plan" in found


def _read(config: ProductionConfig) -> Iterator[str | Location]:
    """Files of the sources, the pipeline and the models."""
    yield from chain_files(config.pipeline, config.models)
    for source in config.sources:
        yield from source.files
        words = source.text.partition(":")[2].partition("?")[0].split(",")
        yield from (Path(word) for word in words if os.path.isfile(word))
