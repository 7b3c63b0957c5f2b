"""Registries over http: fetched by checksum, and what a server of strangers may try."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
from chain_fakes import truth_events
from http_files import Quiet, served
from registry_models import registry_of, restamped, rewrite

from lamarr_like.chain.pipeline import Pipeline, identity
from lamarr_like.chain.pipeline_file import parse_config
from lamarr_like.engine.artefact import digest
from lamarr_like.errors import ArtefactError, MissingExtraError, PipelineError
from lamarr_like.registry.find import find_model
from lamarr_like.registry.index import INDEX
from lamarr_like.registry.remote import fetched, open_registry
from lamarr_like.registry.store import attach, publish, set_life

pytest.importorskip("pooch")
pytest.importorskip("aiohttp")

NAME = "resolution-tiny-2"


@pytest.fixture
def source(whole_chain):
    return whole_chain / "resolution-tiny-1"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def registry(tmp_path, source):
    folder = registry_of(tmp_path / "reg", source, tmp_path / "made")
    set_life(folder, NAME, "approved", "")
    return folder


@pytest.fixture
def url(registry):
    with served(registry) as url:
        yield url


def test_fetched_by_its_digest_and_used(registry, whole_chain, tmp_path):
    with served(registry, Quiet) as url:
        opened = open_registry(url)
        folder = opened.fetch(opened.find("resolution@>=1"))
    assert folder.name == NAME and digest(folder) == digest(registry / NAME)
    # The server is gone: the cache has it.
    assert opened.fetch(opened.find("resolution")) == folder
    assert find_model("resolution-tiny@>=1") == find_model(NAME) == folder
    assert find_model(f"resolution@2#{digest(folder)}") == folder
    text = (whole_chain / "tiny.yaml").read_text()
    pinned = tmp_path / "pinned.yaml"
    pinned.write_text(text.replace("resolution-tiny-1", "resolution-tiny@>=2"))
    chain = Pipeline.load(pinned, whole_chain)
    got = {"model": NAME, "digest": digest(folder), "pin": "resolution-tiny@>=2"}
    assert chain.provenance["models"]["resolution"] == got
    assert identity(pinned, whole_chain) == chain.provenance
    plain = Pipeline.load(whole_chain / "tiny.yaml", whole_chain)
    assert "pin" not in plain.provenance["models"]["resolution"]
    events = truth_events(5)
    assert len(chain(events).track) == len(plain(events).track)


def test_ranges_take_what_is_approved(registry, url):
    opened = open_registry(url)
    opened.fetch(opened.find("resolution-tiny-1"))
    with pytest.raises(ArtefactError, match=r"no model fits 'resolution-tiny@>=1'; there is"):
        find_model("resolution-tiny@>=1")
    assert find_model("resolution-tiny@1").name == "resolution-tiny-1"
    set_life(registry, "resolution-tiny-1", "approved", "")
    open_registry(url)  # what is known of it follows the index seen last
    assert find_model("resolution-tiny@>=1").name == "resolution-tiny-1"
    assert find_model("resolution-tiny@>=1", registry).name == NAME
    shutil.rmtree(fetched() / "registries")  # nothing is known of it any more
    with pytest.raises(ArtefactError, match="no model fits"):
        find_model("resolution-tiny@>=1")


def test_pins_that_are_wrong_name_their_place():
    document = {
        "schema_version": 1,
        "name": "x",
        "stages": [{"stage": "acceptance", "model": "acceptance@>=x"}],
    }
    with pytest.raises(PipelineError, match=r"f.yaml: stages\[0\].model: .*Invalid specifier"):
        parse_config(document, "f.yaml")


def test_altered_files_are_refused(registry, url):
    (registry / NAME / "card.md").write_text("other")
    opened = open_registry(url)
    with pytest.raises(ArtefactError, match=r"card.md: does not match its checksum"):
        opened.fetch(opened.find(NAME))
    (registry / NAME / "card.md").write_text("# card\n" + "x" * 1000)
    with pytest.raises(ArtefactError, match=r"card.md: more than the 7 bytes"):
        opened.fetch(opened.find(NAME))
    (registry / NAME / "card.md").unlink()
    with pytest.raises(ArtefactError, match=r"card.md: cannot be fetched"):
        opened.fetch(opened.find(NAME))
    with pytest.raises(ArtefactError, match="no model"):
        find_model("resolution-tiny@>=1")  # half of a model is none


def test_an_index_that_lies_about_the_digest_is_found_out(registry, url):
    made = registry / NAME
    rewrite(registry, lambda d: d["models"][NAME].update(digest="0" * 64))
    opened = open_registry(url)
    with pytest.raises(ArtefactError, match="another digest"):
        opened.fetch(opened.find(NAME))
    rewrite(registry, lambda d: d["models"][NAME].update(family="another", digest=digest(made)))
    opened = open_registry(str(registry))
    with pytest.raises(ArtefactError, match="its family is another one inside"):
        opened.fetch(opened.find(NAME))


def test_the_cache_is_mended_and_not_believed(url):
    opened = open_registry(url)
    folder = opened.fetch(opened.find(NAME))
    (folder / "card.md").write_text("altered")
    opened.fetch(opened.find(NAME))
    assert (folder / "card.md").read_text() == "# card\n"
    moved = fetched() / ("0" * 64)
    shutil.move(folder.parent, moved)
    with pytest.raises(ArtefactError, match="no model"):
        find_model(NAME)


def test_what_went_backward_is_refused(registry, url, tmp_path, source):
    old = (registry / INDEX).read_bytes()
    publish(registry, restamped(source, tmp_path / "m", version="3"))
    new = (registry / INDEX).read_bytes()
    open_registry(url)

    def served_now(content):
        (registry / INDEX).write_bytes(content)
        return open_registry(url)

    with pytest.raises(ArtefactError, match=r"serial 3 is older than 4.*rolled it back"):
        served_now(old)
    changed = json.loads(new)
    changed["models"][NAME]["detector"] = "another"
    with pytest.raises(ArtefactError, match="serial 4 was seen with other contents"):
        served_now(json.dumps(changed).encode())
    for change, message in (
        (lambda d: d["models"].pop(NAME), "is gone"),
        (lambda d: d["models"][NAME].update(digest="0" * 64), "another digest than before"),
        (lambda d: d["models"][NAME]["history"].pop(), "history of model .* was changed"),
    ):
        later = json.loads(new)
        later["serial"] = 9
        change(later)
        with pytest.raises(ArtefactError, match=message):
            served_now(json.dumps(later).encode())
    assert served_now(new).index.serial == 4


def test_indices_pinned_by_digest(registry, url):
    good = hashlib.sha256((registry / INDEX).read_bytes()).hexdigest()
    assert open_registry(url, good).digest == good
    rewrite(registry, lambda d: None)
    with pytest.raises(ArtefactError, match="another or altered index"):
        open_registry(url, good)


def test_huge_absent_and_foreign_indices(registry, url, tmp_path):
    with (registry / INDEX).open("ab") as file:
        file.truncate((1 << 23) + 1)
    with pytest.raises(ArtefactError, match="more than the 8388608 bytes"):
        open_registry(url)
    (registry / INDEX).write_text("<html>")
    with pytest.raises(ArtefactError, match="is no JSON"):
        open_registry(url)
    (registry / INDEX).unlink()
    with pytest.raises(ArtefactError, match="cannot be fetched"):
        open_registry(url)
    with pytest.raises(ArtefactError, match="no registry of models"):
        open_registry(str(tmp_path / "absent"))


def test_links_in_a_folder_are_not_followed(registry, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("# card\n")
    (registry / NAME / "card.md").unlink()
    (registry / NAME / "card.md").symlink_to(secret)
    opened = open_registry(str(registry))
    with pytest.raises(ArtefactError, match="no plain file"):
        opened.fetch(opened.find(NAME))


def test_figures_come_by_checksum(registry, url):
    attach(registry, "resolution-tiny-1", {"a": b"{}"})
    opened = open_registry(url)
    entry = opened.find("resolution-tiny-1")
    assert opened.report(entry, "a") == b"{}"
    (registry / "figures" / entry.name / "a.json").write_bytes(b"[]")
    with pytest.raises(ArtefactError, match="does not match"):
        opened.report(entry, "a")


def test_without_pooch(registry, monkeypatch):
    from lamarr_like.system import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    opened = open_registry(str(registry))
    with pytest.raises(MissingExtraError, match=r"\[registry\]"):
        opened.fetch(opened.find(NAME))
