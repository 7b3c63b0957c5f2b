"""Folders of models of strangers: names, links, sizes and trees that are none."""

import json
import os
import resource
import signal
import struct

import pytest
import readers

from lamarr_like.engine import artefact
from lamarr_like.engine.artefact import ArtefactError, digest, read_artefact
from lamarr_like.engine.booster_check import check_booster

pytestmark = pytest.mark.usefixtures("no_hang")

SECONDS = 20


def test_model_bombs(tmp_path, sound):
    files = readers.unpack(sound["generator model"])
    data = readers.pack({**files, "transforms.npz": readers.zip_of_zeros(1 << 29)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert readers.run("generator model", data, tmp_path) == "ArtefactError"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    home = write_model(tmp_path / "m", files)
    with (home / "model.onnx").open("ab") as file:
        file.truncate(1 << 40)  # sparse: no disk is needed
    with pytest.raises(ArtefactError, match="are the most of such a file"):
        read_artefact(home)


def write_model(home, files):
    home.mkdir(parents=True)
    for name, content in files.items():
        (home / name).write_bytes(content)
    sums = [f"{readers.hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in files.items()]
    (home / "SHA256SUMS").write_text("".join(sums))
    return home


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../b", "..", ".", "", "a\0b", "-x"])
def test_names_in_the_checksum_list(tmp_path, sound, name):
    home = write_model(tmp_path / "m", readers.unpack(sound["classifier model"]))
    with (home / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(ArtefactError, match=r"no allowed file name|no checksum line"):
        read_artefact(home)


def test_a_folder_with_more_than_a_model(tmp_path, sound):
    files = readers.unpack(sound["classifier model"])
    home = write_model(tmp_path / "m", files)
    for number in range(2000):
        (home / f"extra-{number}").touch()
    with pytest.raises(ArtefactError, match=r"does not list: extra-.*, \.\.\.$") as error:
        read_artefact(home)
    assert len(str(error.value)) < 400
    sums = tmp_path / "other" / "SHA256SUMS"
    write_model(tmp_path / "other", files)
    line = sums.read_text().splitlines(keepends=True)[0]
    for text, message in (
        (sums.read_text() + line, "comes twice"),
        ("".join(f"{'0' * 64}  a{k}\n" for k in range(33)), "lists 33 files"),
        ("x" * 70_000, "are the most"),
        ("\xff", "cannot be read"),
    ):
        sums.write_text(text, encoding="latin-1")
        with pytest.raises(ArtefactError, match=message):
            read_artefact(tmp_path / "other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "is no JSON"),
        (b'{"a": ' * 60 + b"1" + b"}" * 60, "more than 40 lists"),
        (b'{"kind": 1, "kind": 2}', "'kind' comes twice"),
        (b'{"a": NaN}', "not finite"),
        (b'{"a": -1e999}', "not finite"),
        (b"[1]", "no JSON object"),
        (b"\xff\xfe", "is no JSON"),
        (b" " * ((1 << 23) + 1), "are the most"),
    ],
)
def test_strange_configurations_of_models(tmp_path, sound, text, message):
    files = readers.unpack(sound["classifier model"])
    home = write_model(tmp_path / "m", {**files, "config.json": text})
    signal.alarm(SECONDS)
    with pytest.raises(ArtefactError, match=message):
        read_artefact(home)


def test_what_is_checked_is_what_is_used(tmp_path, sound, monkeypatch):
    """Nothing is read a second time: what is exchanged in between counts for nothing."""
    home = write_model(tmp_path / "m", readers.unpack(sound["classifier model"]))
    kept = digest(home)
    read = artefact.parse_json

    def exchanged(*arguments):
        for path in home.iterdir():
            path.write_bytes(b"exchanged")
        return read(*arguments)

    monkeypatch.setattr(artefact, "parse_json", exchanged)
    found = read_artefact(home)
    assert found.digest == kept and b"exchanged" not in found.files.values()


def test_links_folders_and_pipes_in_a_model(tmp_path, sound):
    files = readers.unpack(sound["classifier model"])
    for number, make in enumerate(
        (
            lambda path: path.symlink_to("/etc/passwd"),
            lambda path: path.symlink_to(tmp_path / "absent"),
            lambda path: path.mkdir(),
            os.mkfifo,
        )
    ):
        home = write_model(tmp_path / str(number), files)
        (home / "card.md").unlink()
        make(home / "card.md")
        signal.alarm(SECONDS)
        with pytest.raises(ArtefactError, match="is no plain file"):
            read_artefact(home)
        (home / "SHA256SUMS").unlink()
        make(home / "SHA256SUMS")
        with pytest.raises(ArtefactError):
            read_artefact(home)


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("left_children", -1, -2),  # each of them ends an interpreter without check_booster
        ("left_children", 1, 200),
        ("right_children", 2, 1),
        ("parents", 2**31 - 1, 0),
        ("parents", 1, 0x2A61),
        ("split_indices", 0, 1000),
    ],
)
def test_trees_that_are_none(sound, key, old, new):
    files = readers.unpack(sound["classifier model"])
    model = files["model.ubj"]
    start = model.index(key.encode() + b"[$l#L") + len(key) + 13
    place = model.index(struct.pack(">i", old), start)
    changed = model[:place] + struct.pack(">i", new) + model[place + 4 :]
    config = json.loads(files["config.json"])
    sizes = len(config["conditions"]), len(config["classes"])
    check_booster(model, "m", *sizes)
    with pytest.raises(ArtefactError, match="no sound boosted model"):
        check_booster(changed, "m", *sizes)
    for cut in (0, 1, 100, len(model) - 1):
        with pytest.raises(ArtefactError):
            check_booster(model[:cut], "m", *sizes)
    with pytest.raises(ArtefactError, match="not made for 3 features"):
        check_booster(model, "m", 3, 2)
