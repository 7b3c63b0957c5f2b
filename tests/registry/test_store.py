"""Registries in folders: what publishing keeps, stages of life, what is refused."""

from __future__ import annotations

import json
import os

import pytest
from registry_models import registry_of, restamped, rewrite

from lamarr_like.engine.artefact import digest, read_artefact
from lamarr_like.errors import ArtefactError, OutputError
from lamarr_like.registry import describe, index
from lamarr_like.registry.index import INDEX, Index
from lamarr_like.registry.store import attach, publish, read_index, read_report, set_life


@pytest.fixture
def source(whole_chain):
    return whole_chain / "resolution-tiny-1"


@pytest.fixture
def registry(tmp_path, source):
    return registry_of(tmp_path / "reg", source, tmp_path / "made")


def test_publishing_keeps_the_bytes_and_tells_the_origin(tmp_path, source):
    told = {
        "training": {"rows": 7, "data_digest": "ab", "settings": {"seed": 3, "knots": [1, 2]}},
        "provenance": {"data": ["a.root\x1b[2J"], "events": 5, "command": "train\nthis"},
        "figures": {"held_out": 0.52, "text": "no"},
        "tested": {"tests": [{"test": "plain", "auc": [0.53, 0.01], "floor": [0.49, 0.02]}]},
    }
    made = restamped(source, tmp_path / "made", **told)
    entry = publish(tmp_path / "reg", made, detector="a toy", note="first")
    assert read_artefact(tmp_path / "reg" / made.name).digest == digest(made) == entry.digest
    (kept,) = read_index(tmp_path / "reg").models.values()
    assert kept == entry and kept.life == "candidate" and kept.detector == "a toy"
    assert kept.lineage["data"] == ["a.root?[2J"] and kept.lineage["command"] == "train this"
    assert kept.lineage["settings"] == {"seed": "3", "knots": "[1, 2]"}
    assert kept.figures == {"held_out": [0.52], "plain, auc": [0.53, 0.01]} | {
        "plain, floor": [0.49, 0.02]
    }
    assert dict(describe.lines_of(kept))["rows"] == "7"
    assert kept.history[0]["note"] == "first"


def test_versions_never_change(registry, tmp_path, source):
    other = restamped(source, tmp_path / "other", card="# another\n", version="1")
    with pytest.raises(ArtefactError, match="versions never change"):
        publish(registry, other)
    assert len(read_index(registry).models) == 2


def test_life_goes_one_way(registry):
    set_life(registry, "resolution-tiny-1", "approved", "good")
    assert read_index(registry).approved("resolution-tiny").version == "1"
    with pytest.raises(ArtefactError, match="is approved and cannot become approved"):
        set_life(registry, "resolution-tiny-1", "approved", "again")
    set_life(registry, "resolution-tiny-1", "retired", "worse than thought")
    with pytest.raises(ArtefactError, match="cannot become approved"):
        set_life(registry, "resolution-tiny-1", "approved", "after all")
    with pytest.raises(ArtefactError, match="has no model 'x'"):
        set_life(registry, "x", "retired", "")
    found = read_index(registry)
    assert found.approved("resolution-tiny") is None and found.serial == 4
    lives = [event["life"] for event in found.models["resolution-tiny-1"].history]
    assert lives == ["candidate", "approved", "retired"]


def test_the_next_one_has_the_last_approved_as_parent(registry, tmp_path, source):
    set_life(registry, "resolution-tiny-2", "approved", "")
    set_life(registry, "resolution-tiny-1", "approved", "later, of the lower version")
    entry = publish(registry, restamped(source, tmp_path / "m", version="3"))
    assert entry.lineage["parent"].startswith("resolution-tiny-1#")


def test_figures_are_kept_by_digest(registry):
    name = "resolution-tiny-1"
    entry = attach(registry, name, {"validate": b"{}"})
    assert read_report(registry, entry, "validate") == b"{}"
    path = registry / "figures" / name / "validate.json"
    path.write_bytes(b"[]")
    with pytest.raises(ArtefactError, match="altered or cut short"):
        read_report(registry, entry, "validate")
    with pytest.raises(ArtefactError, match="does not look like"):
        attach(registry, name, {"../../x": b"{}"})
    set_life(registry, name, "approved", "")
    with pytest.raises(ArtefactError, match="to candidates only"):
        attach(registry, name, {"more": b"{}"})


def test_what_is_no_model_or_no_registry(tmp_path, source, registry):
    broken = restamped(source, tmp_path / "made", version="9")
    os.symlink("/etc/hostname", broken / "x")
    with pytest.raises(ArtefactError, match="does not list: x"):
        publish(registry, broken)
    (broken / "x").unlink()
    (broken / "card.md").unlink()
    os.symlink("/etc/hostname", broken / "card.md")
    with pytest.raises(ArtefactError, match="no plain file"):
        publish(registry, broken)
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").touch()
    with pytest.raises(OutputError, match="no registry and not empty"):
        publish(full, source)
    (registry / "figures").symlink_to(full)
    with pytest.raises(OutputError, match="is a link"):
        attach(registry, "resolution-tiny-1", {"a": b"{}"})
    os.symlink(full, registry / "resolution-tiny-7")
    with pytest.raises(ArtefactError, match="already"):
        publish(registry, restamped(source, tmp_path / "m", version="7"))
    with pytest.raises(ArtefactError, match="no registry of models"):
        read_index(full)
    os.replace(registry / INDEX, full / "real")
    os.symlink(full / "real", registry / INDEX)
    with pytest.raises(ArtefactError, match="no plain file"):
        read_index(registry)


def first(document):
    return document["models"]["resolution-tiny-1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(registry_schema=2), "registry_schema is 2"),
        (lambda d: d["models"].update({"../x": first(d)}), "does not look like"),
        (lambda d: d["models"].update({"<b>": first(d)}), "does not look like"),
        (lambda d: d["models"].update({"other": first(d)}), "by its own words"),
        (lambda d: first(d)["files"].update({"../x": ["0" * 64, 1]}), "does not look like"),
        (lambda d: first(d)["files"].update({"x": ["0" * 64, 1 << 40]}), "is not within"),
        (lambda d: first(d)["files"].update({"x": ["0" * 64, 1 << 28]}), "more than any model"),
        (lambda d: first(d)["files"].pop("SHA256SUMS"), "lacks SHA256SUMS"),
        (lambda d: first(d).update(digest="x"), "digest"),
        (lambda d: first(d).update(detector="\x1b[2J"), "does not look like"),
        (lambda d: first(d).update(detector="\u202egnp"), "does not look like"),
        (lambda d: first(d)["history"].append(first(d)["history"][0]), "history: is not"),
        (lambda d: first(d)["history"][0].update(life="approved"), "history: is not"),
        (lambda d: first(d).update(surprise=1), "is unknown"),
        (lambda d: first(d)["figures"].update(x=[1, 2, 3]), "there must be 1-2"),
        (lambda d: first(d)["reports"].update({"a/b": ["0" * 64, 1]}), "does not look like"),
    ],
)
def test_indices_of_strangers(registry, change, message):
    rewrite(registry, change)
    with pytest.raises(ArtefactError, match=message) as error:
        read_index(registry)
    assert len(str(error.value)) < 500 and INDEX in str(error.value)


def test_huge_indices(registry, monkeypatch):
    with (registry / INDEX).open("ab") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(ArtefactError, match="are the most of such a file"):
        read_index(registry)
    with pytest.raises(ArtefactError, match="the most of an index"):
        Index.parse(b" " * (index.MAX_INDEX + 1), "i")
    with pytest.raises(ArtefactError, match=r"there must be 0-10000"):
        Index.parse(
            json.dumps(
                {"registry_schema": 1, "serial": 1, "models": {f"m{k}": 0 for k in range(10_001)}}
            ).encode(),
            "i",
        )
    with pytest.raises(ArtefactError, match="no JSON|lists or mappings"):
        Index.parse(b"[" * 100_000, "i")
