from __future__ import annotations

import json

import pytest

from lamarr_like.engine import artefact
from lamarr_like.engine.artefact import artefact_name, digest, read_artefact, write_artefact
from lamarr_like.errors import ArtefactError

CONFIG = {
    "kind": "classifier",
    "family": "mlp",
    "stage": "efficiency",
    "sample": "toy",
    "version": "1",
    "conditions": ["a"],
}


@pytest.fixture
def folder(tmp_path):
    files = {"model.onnx": b"weights", "transforms.npz": b"tables"}
    return write_artefact(tmp_path / "efficiency-toy-1", CONFIG, files, "# card\n")


def test_what_is_written_is_read_back(folder):
    found = read_artefact(folder)
    assert found.files["model.onnx"] == b"weights"
    assert found.files["card.md"] == b"# card\n"
    assert found.config["stage"] == "efficiency"
    assert found.digest == digest(folder)
    assert [p.name for p in folder.parent.iterdir()] == ["efficiency-toy-1"]


def test_digest_follows_the_content(folder, tmp_path):
    same = write_artefact(
        tmp_path / "other",
        CONFIG,
        {"transforms.npz": b"tables", "model.onnx": b"weights"},
        "# card\n",
    )
    assert digest(same) == digest(folder)
    write_artefact(folder, CONFIG, {"model.onnx": b"others"}, "# card\n", overwrite=True)
    assert digest(same) != digest(folder)


def test_checksum_list_is_that_of_coreutils(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == sorted(
        ["model.onnx", "transforms.npz", "config.json", "card.md"]
    )


def test_nothing_is_replaced_unasked(folder):
    with pytest.raises(ArtefactError, match="exists"):
        write_artefact(folder, CONFIG, {}, "")


def test_altered_file_is_refused(folder):
    (folder / "model.onnx").write_bytes(b"weightz")
    with pytest.raises(ArtefactError, match=r"model\.onnx does not match its checksum"):
        read_artefact(folder)


def test_added_file_is_refused(folder):
    (folder / "extra.bin").write_bytes(b"")
    with pytest.raises(ArtefactError, match=r"does not list: extra\.bin"):
        read_artefact(folder)


def test_missing_file_is_refused(folder):
    (folder / "transforms.npz").unlink()
    with pytest.raises(ArtefactError, match=r"lacks transforms\.npz"):
        read_artefact(folder)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "a/b", "..", ".hidden"])
def test_path_traversal_is_refused(folder, name):
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text() + f"{'0' * 64}  {name}\n")
    with pytest.raises(ArtefactError, match="no allowed file name"):
        read_artefact(folder)
    with pytest.raises(ArtefactError, match="no allowed file name"):
        write_artefact(folder.parent / "new", CONFIG, {name: b""}, "")


def test_link_is_refused(folder, tmp_path):
    (tmp_path / "outside").write_bytes(b"weights")
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(tmp_path / "outside")
    with pytest.raises(ArtefactError, match="no plain file"):
        read_artefact(folder)


def test_broken_checksum_list_is_refused(folder):
    (folder / "SHA256SUMS").write_text("not a checksum\n")
    with pytest.raises(ArtefactError, match="line 1"):
        read_artefact(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(ArtefactError, match="cannot be read"):
        read_artefact(folder)


def test_absent_folder_is_named(tmp_path):
    with pytest.raises(ArtefactError, match="no artefact at"):
        read_artefact(tmp_path / "nowhere")


def test_other_schema_version_is_refused(folder, monkeypatch):
    monkeypatch.setattr(artefact, "ARTEFACT_SCHEMA", 2)
    with pytest.raises(ArtefactError, match="artefact schema 1, this version reads 2"):
        read_artefact(folder)


def test_configuration_must_be_complete(tmp_path):
    config = {k: v for k, v in CONFIG.items() if k != "family"}
    with pytest.raises(ArtefactError, match=r"config.json: family is missing"):
        write_artefact(tmp_path / "x", config, {}, "")
    assert not list(tmp_path.iterdir())


def test_configuration_is_plain_json(folder):
    assert json.loads((folder / "config.json").read_text())["artefact_schema"] == 1


def test_names_are_plain():
    assert artefact_name("rich", "reference", "0.1") == "rich-reference-0.1"
    with pytest.raises(ArtefactError, match="no artefact name"):
        artefact_name("../rich", "reference", "1")
