"""Kinds of sources: what each can do, how each is cut, and a new one in two files."""

import sys
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from hepmc_samples import write_sample
from production_samples import GUN, production, same, write_tiny

from lamarr_like.distributed.units import make_plan
from lamarr_like.errors import ProductionError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.io import sources
from lamarr_like.io.generators.gun import GunSource
from lamarr_like.io.generators.pythia import PythiaSource
from lamarr_like.io.ntuple import content_digest
from lamarr_like.io.sources import (
    BUILT_IN,
    SourceKind,
    kind_of,
    open_source,
    split_additions,
    traits,
)
from lamarr_like.io.truth import TruthSource
from lamarr_like.runs import loop
from lamarr_like.runs.simulate import RunConfig, simulate


class PairSource(GunSource):
    """``pairs:mu+``: a particle and its antiparticle in each event, otherwise as a gun."""

    def __init__(self, name, species, n_events, seed, options, skip_bad=False):
        both = f"{species},{species.replace('+', '-')}"
        super().__init__(name, both, n_events, seed, {"n": "2", **options}, skip_bad)


@pytest.fixture
def pairs(monkeypatch):
    """The kind of the tutorial: a module and a line."""
    module = ModuleType("lamarr_like.io.generators.pairs")
    module.PairSource = PairSource
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(BUILT_IN, "pairs", SourceKind(f"{module.__name__}:PairSource"))


def test_a_new_kind_is_known_everywhere(tmp_path, pairs):
    (batch,) = open_source("pairs:mu+?p=3-100", n_events=200, seed=1)
    assert set(batch.particle["mc_pdg_id"]) == {13, -13} and len(batch.particle) == 400
    cut = concatenate(open_source("pairs:mu+?p=3-100", n_events=90, seed=1).events_between(40, 90))
    assert same(cut, batch.events(40, 90))
    models = write_tiny(tmp_path / "models")
    digests = []
    for text in ("pairs:mu+?p=3-100", "pairs:mu+?p=3-100"):
        path = tmp_path / f"{len(digests)}.root"
        simulate(RunConfig(text, path, 20, chunk_size=7), models / "tiny.yaml", models)
        digests.append(content_digest(path))
    assert digests[0] == digests[1]
    with pytest.raises(SourceError, match="no such file .nor .*pairs:"):
        open_source("none:mu+", n_events=1, seed=1)
    with pytest.raises(SourceError, match="can only be generated for pythia"):
        open_source("pairs:mu+", n_events=1, seed=1, pileup=1.0)


def test_traits():
    assert traits("pythia") is PythiaSource and traits("gun") is GunSource
    assert traits("") is TruthSource
    made = [name for name in BUILT_IN if traits(name).is_generated]
    assert made == ["pythia", "gun", "decay"]
    assert [name for name in BUILT_IN if traits(name).takes_pileup] == ["pythia"]
    assert [name for name in BUILT_IN if traits(name).names_file] == ["pythia"]
    assert PythiaSource.streams("minbias", 1.6) == ("pythia",)
    assert PythiaSource.streams("bbbar", 1.6) == ("pythia", "pythia_pileup")
    assert GunSource.streams("K-", None) == ()


def test_kinds_of_texts(tmp_path):
    assert kind_of("gun:K-?p=3") == "gun"
    assert kind_of("pythia:minbias+gun:K-") == "pythia"
    for text in ("a.hepmc", str(tmp_path), "root://host//a.root", "C:thing", "nobody:x"):
        assert kind_of(text) == ""
    assert split_additions("a.hepmc+gun:K-?n=2+decay:B0 -> K+ pi-") == (
        "a.hepmc",
        [("gun", "K-?n=2"), ("decay", "B0 -> K+ pi-")],
    )
    assert split_additions("pythia:bbbar") == ("pythia:bbbar", [])


def test_located(tmp_path):
    card = tmp_path / "a.cmnd"
    card.write_text("")
    assert PythiaSource.located("a.cmnd", tmp_path) == str(card)
    assert PythiaSource.located("minbias", tmp_path) == "minbias"
    assert GunSource.located("K-", tmp_path) == "K-"
    with pytest.raises(SourceError, match="no process and no file 'b.cmnd'"):
        PythiaSource.located("b.cmnd", tmp_path)


@pytest.mark.parametrize("start", [0, 100])
@pytest.mark.parametrize("kind", ["gun", "decay", "file", "embedded"])
def test_cutting_is_a_law(tmp_path, kind, start):
    """Pieces joined are the whole, with the numbers of a production."""
    texts = {
        "gun": f"gun:{GUN}",
        "decay": "decay:B0 -> K+ pi-",
        "file": str(write_sample(tmp_path / "a.hepmc", 40)),
        "embedded": f"gun:{GUN}+gun:mu+?p=5-10+decay:B0 -> K+ pi-",
    }

    def source():
        return open_source(texts[kind], n_events=40, seed=3, start=start)

    whole = concatenate(source().events_between(start, start + 40))
    assert np.array_equal(whole.event["event_id"], np.arange(start, start + 40))
    one, cuts = source(), (0, 7, 8, 31, 40)
    for first, stop in pairwise(cuts):
        piece = concatenate(one.events_between(start + first, start + stop))
        assert same(piece, whole.events(first, stop))
    if start == 0:
        assert same(concatenate(one), whole)  # the books and the numbers are those of a fresh one


def test_the_books_of_a_range(tmp_path):
    path = write_sample(tmp_path / "a.hepmc", 12)
    text = path.read_text()
    lines = text.split("\n")
    bad = [k for k, line in enumerate(lines) if line.startswith("E 5 ")]
    assert len(bad) == 1
    lines[bad[0] + 1] = "U NONE NONE"
    path.write_text("\n".join(lines))
    source = open_source(str(path), n_events=None, seed=1, skip_bad=True, start=50)
    skipped = {}
    for first, stop in ((50, 54), (54, 58), (58, 62)):
        n = sum(len(batch) for batch in source.events_between(first, stop))
        skipped[first] = [event for event, _ in source.skipped]
        assert n + len(skipped[first]) == 4
    assert skipped == {50: [], 54: skipped[54], 58: []} and len(skipped[54]) == 1
    assert 54 <= skipped[54][0] < 58


def test_what_is_not_generated_has_no_events_by_number(tmp_path):
    source = open_source(str(write_sample(tmp_path / "a.hepmc", 3)), n_events=None, seed=1)
    with pytest.raises(NotImplementedError, match="HepmcSource makes no event by its number"):
        source.numbered(0, 1)


def test_productions_ask_the_kind(tmp_path, pairs):
    models = write_tiny(tmp_path / "models")
    config = production(tmp_path, models, sources=[{"source": "pairs:mu+", "events": 70}])
    assert [u.events for u in make_plan(config, {}).units] == [30, 30, 10]
    for entry, message in (
        ({"source": "pairs:mu+"}, "events is missing: a generator has no end"),
        ({"source": "pairs:mu+", "events": 3, "split": True}, "split is for files only"),
        ({"source": "pairs:mu+", "events": 3, "pileup": 2}, "pileup: .*, for pythia only"),
        ({"source": "gun:K-", "events": 3, "add": ["pythia:x"]}, "expected gun:... or decay:..."),
    ):
        with pytest.raises(ProductionError, match=message):
            production(tmp_path, models, sources=[entry])


def test_workers_ask_the_source(tmp_path):
    """Generators are cut into ranges of whole blocks; files are read where the run is."""
    config = RunConfig(f"gun:{GUN}", tmp_path / "a.root", 120, chunk_size=50)
    source = loop.opened(config)
    pieces = list(loop.Loop(config, source, None)._pieces())
    assert pieces == [(0, 50), (50, 100), (100, 120)]
    source.block = 40
    assert list(loop.Loop(config, source, None)._pieces()) == [(0, 80), (80, 120)]
    path = write_sample(tmp_path / "a.hepmc", 9)
    config = RunConfig(str(path), tmp_path / "a.root", chunk_size=4)
    pieces = list(loop.Loop(config, loop.opened(config), None)._pieces())
    assert [len(piece) for piece in pieces] == [4, 4, 1]


def test_nothing_is_imported_for_kinds_that_are_not_asked_for():
    assert all(kind.factory.startswith("lamarr_like.") for kind in BUILT_IN.values())
    assert not hasattr(sources, "PythiaSource") and not hasattr(sources, "GunSource")
