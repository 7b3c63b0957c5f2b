"""YAML and pipes in place of documents: one of our errors, soon."""

import json
import os
import signal

import pytest

from lamarr_like.chain.pipeline_file import load_config
from lamarr_like.distributed.config import load_production
from lamarr_like.distributed.units import make_plan
from lamarr_like.errors import (
    LamarrLikeError,
    PipelineError,
    ProductionError,
    SchemaError,
    SourceError,
)
from lamarr_like.training.foreign import read_mapping
from lamarr_like.validation.verdict import load_thresholds

pytestmark = pytest.mark.usefixtures("no_hang")

SECONDS = 20


def test_documents_that_are_pipes(tmp_path):
    os.mkfifo(tmp_path / "p.yaml")
    signal.alarm(SECONDS)
    for read in (load_production, load_thresholds, read_mapping):
        with pytest.raises(LamarrLikeError, match="is no plain file"):
            read(tmp_path / "p.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\n" * 3,
        "[" * 5000,
        "{a: " * 3000,
        "seed: " + "9" * 5000,
        "when: 2020-99-99",
        "a: !!bool maybe",
        "a: !!timestamp x",
        "a: !!binary =",
        "a: !!python/object/apply:os.system [ls]",
        "? [1, 2]\n: 3",
        "a: b\n" * 300_000,
        "\xff\xfe",
        "a: &a {<<: *a}",
        "a: &a [*a]",
        "schema_version: 1\nschema_version: 1",
        "a: 0x" + "f" * 100_000,
        "a: !!set {b, c}",
        "a: &a [x]\n" + "".join(f"b{k}: &b{k} [{'*a,' * 9}]\n" for k in range(5)),
    ],
)
def test_strange_yaml(tmp_path, text):
    path = tmp_path / "p.yaml"
    path.write_bytes(text.encode("latin-1"))
    signal.alarm(SECONDS)
    with pytest.raises(PipelineError):
        load_config(path)
    with pytest.raises(ProductionError):
        load_production(path)
    with pytest.raises(PipelineError):
        load_thresholds(path)
    with pytest.raises((SchemaError, SourceError)):
        read_mapping(path)


def test_merge_keys_that_multiply(tmp_path):
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 9)}]}}" for k in range(1, 12)]
    path = tmp_path / "p.yaml"
    path.write_text("\n".join(lines))
    signal.alarm(SECONDS)
    with pytest.raises(PipelineError, match="merge keys"):
        load_config(path)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"unit_events": 1, "events": 9_000_000_000}, "more than 1000000 units"),
        ({"events": 10**30}, "at most 10000000000"),
        ({"seed": 10**30}, "not within 0 and 2"),
        ({"output": "a\0b"}, "zero byte"),
    ],
)
def test_productions_that_are_too_much(tmp_path, items, message):
    values = {"schema_version": 1, "name": "a", "pipeline": "reference", "output": "o"}
    events = items.pop("events", 5)
    values |= {"sources": [{"gun": "pi+", "events": events}], **items}
    path = tmp_path / "p.yaml"
    path.write_text(json.dumps(values))
    signal.alarm(SECONDS)
    with pytest.raises(LamarrLikeError, match=message):
        make_plan(load_production(path), {})
