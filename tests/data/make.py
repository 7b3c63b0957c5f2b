"""Write the small files of this folder anew: ``python tests/data/make.py tests/data/1``.

A folder holds what one version wrote and is never written again: later versions must read it.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "samples"))

import numpy as np
from chain_fakes import fake_stages, truth_events
from tiny_models import write_models

from lamarr_like import __version__
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.engine.artefact import read_artefact, write_artefact
from lamarr_like.engine.load import load_model
from lamarr_like.events import EventBatch
from lamarr_like.io.ntuple import EventWriter, content_digest

MODELS = ("acceptance-tiny-1", "occupancy-tiny-1")
PIPELINE = """schema_version: 1
name: old
description: written by an older version
stages:
  - stage: propagation
    options: {polarity: -1}
  - {stage: occupancy, model: occupancy-tiny-1}
  - {stage: acceptance, model: acceptance-tiny-1}
"""
PRODUCTION = """schema_version: 1
name: old
seed: 7
pipeline: old.yaml
models: models
output: out
unit_events: 5
sources:
  - {gun: "K-?p=3-100", events: 12}
"""


def main(folder: Path) -> None:
    """Write ntuples, models, a pipeline and a production, and what is expected of them."""
    logging.getLogger("onnx").setLevel(logging.ERROR)
    folder.mkdir(parents=True)
    sample = Pipeline(fake_stages())(truth_events(60, seed=5), seed=1)
    with tempfile.TemporaryDirectory() as scratch:
        write_models(Path(scratch), sample)
        for name in MODELS:
            _copy_small(Path(scratch) / name, folder / "models" / name)
    (folder / "old.yaml").write_text(PIPELINE)
    (folder / "production.yaml").write_text(PRODUCTION)
    metadata = {"program": f"lamarr_like {__version__}"}
    some = sample.events(0, 2)
    truth = EventBatch({k: some[k] for k in ("event", "vertex", "particle")})
    for kind, batch in (("ttree", truth), ("rntuple", some)):
        with EventWriter(folder / f"{kind}.root", metadata=metadata, root_format=kind) as writer:
            writer.write(batch)
    expected = {
        "version": __version__,
        "events": 2,
        "rows": {name: len(table) for name, table in some.tables.items()},
        "digest": {k: content_digest(folder / f"{k}.root") for k in ("ttree", "rntuple")},
        "conditions": {k: list(load_model(folder / "models" / k).conditions) for k in MODELS},
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def _copy_small(old: Path, new: Path) -> None:
    """An artefact with few knots in its tables."""
    artefact = read_artefact(old)
    files = dict(artefact.files)
    card = files.pop("card.md").decode()
    if "transforms.npz" in files:
        with np.load(io.BytesIO(files["transforms.npz"])) as archive:
            arrays = {k: v[:, ::50] if v.ndim == 2 else v for k, v in archive.items()}
        out = io.BytesIO()
        np.savez(out, **arrays)
        files["transforms.npz"] = out.getvalue()
    write_artefact(new, artefact.config, files, card)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
