"""Small twins of toy samples: two stages of trees, a second or two for each."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from chain_fakes import fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.io.ntuple import EventWriter

LOOSE = {"relative": 0.0, "absolute": 0.3, "limit": 0.49}


def write_toys(folder: Path) -> None:
    """Two toy samples, and thresholds that few events can meet."""
    for name, seed in (("one", 5), ("two", 6)):
        batch = Pipeline(fake_stages())(truth_events(40, seed=seed, mean=40), seed=seed)
        with EventWriter(folder / f"{name}.root", metadata={}) as writer:
            writer.write(batch)
    for name, kind in (("verdict", "classifier"), ("gate", "stages")):
        limits = {"schema_version": 1, "false_alarm": 0.01, "checks": {kind: LOOSE}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(limits))


def document(**changes: object) -> dict:
    """A twin of two stages, one of them searched."""
    muon_id = {"stage": "muon_id", "train": ["one"], "test": ["two"], "sample": "toy"}
    return {
        "schema_version": 1,
        "name": "toy",
        "samples": {"one": {"files": ["one.root"]}, "two": {"files": ["two.root"]}},
        "models": [
            {**muon_id, "search": {"trials": 3, "rows": 500, "space": {"trees": [10, 20]}}},
            {**muon_id, "stage": "acceptance", "steps": 10},
        ],
        "thresholds": {"verdict": "verdict.yaml", "gate": "gate.yaml"},
        **changes,
    }


def write_twin(folder: Path, toys: Path, found: dict) -> Path:
    """A twin file in a folder, its files those of the toys."""
    text = json.dumps(found)
    for path in toys.iterdir():
        text = text.replace(f'"{path.name}"', json.dumps(str(path)))
    file = folder / "toy.yaml"
    file.write_text(text)
    return file
