"""What a change touches: each input in turn, and the steps that are to be made again."""

from __future__ import annotations

import copy

import pytest
from twin_toys import document, write_twin

from lamarr_like.errors import TwinError
from lamarr_like.twin import code, graph
from lamarr_like.twin.config import load_twin
from lamarr_like.twin.graph import steps_of

MADE = {
    "source": "pythia:minbias",
    "events": 20,
    "seed": 3,
    "pileup": 1.6,
}
MUON = {f"{kind}/muon_id-toy-1" for kind in ("train", "fidelity", "publish", "approve")}
SEARCH = {"search/muon_id-toy-1"} | MUON
ACCEPTANCE = {f"{kind}/acceptance-toy-1" for kind in ("train", "fidelity", "publish", "approve")}
END = {"pipeline/toy"}
EVERY = SEARCH | ACCEPTANCE | END | {"sample/one", "files/two"}
GATE = {f"approve/{name}-toy-1" for name in ("muon_id", "acceptance")} | END


@pytest.fixture
def toys(tmp_path):
    """Files that nobody reads."""
    folder = tmp_path / "toys"
    folder.mkdir()
    for name in ("one.root", "two.root", "verdict.yaml", "gate.yaml"):
        (folder / name).write_text(name)
    return folder


def steps(toys, found=None):
    found = found or base()
    return {s.name: s for s in steps_of(load_twin(write_twin(toys.parent, toys, found)))}


def base():
    found = document()
    found["samples"]["one"] = dict(MADE)
    return found


def touched(before, after):
    return {name for name, step in after.items() if before.get(name, step).key != step.key}


def test_all_steps_come_after_their_inputs(toys):
    found = steps(toys)
    assert set(found) == EVERY
    place = {step.key: i for i, step in enumerate(found.values())}
    assert all(place[i.key] < place[s.key] for s in found.values() for i in s.inputs)
    assert not touched(found, steps(toys))


@pytest.mark.parametrize(
    ("path", "value", "which"),
    [
        (("samples", "one", "seed"), 4, EVERY - {"files/two"}),
        (("samples", "one", "events"), 21, EVERY - {"files/two"}),
        (("samples", "one", "pileup"), 1.5, EVERY - {"files/two"}),
        (("samples", "one", "source"), "pythia:bbbar", EVERY - {"files/two"}),
        (("samples", "one", "prob_nn"), "none", EVERY - {"files/two"}),
        (("models", 0, "seed"), 2, SEARCH | END),
        (("models", 0, "settings"), {"min_child_weight": 2.0}, SEARCH | END),
        (("models", 0, "search", "trials"), 4, SEARCH | END),
        (("models", 0, "search", "seed"), 4, SEARCH | END),
        (("models", 0, "search", "space"), {"trees": [10, 21]}, SEARCH | END),
        (("models", 1, "steps"), 11, ACCEPTANCE | END),
        (("models", 1, "long_only"), True, ACCEPTANCE | END),
        (("publish",), {"detector": "x"}, GATE | {"publish/muon_id-toy-1"} | ACCEPTANCE
         - {"train/acceptance-toy-1", "fidelity/acceptance-toy-1"}),
        (("name",), "toy2", {"pipeline/toy2"}),
    ],
)  # fmt: skip
def test_a_change_of_the_file(toys, path, value, which):
    found = copy.deepcopy(base())
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    before, after = steps(toys), steps(toys, found)
    assert touched(before, after) | (after.keys() - before.keys()) == which


def test_a_higher_version_is_another_model_of_the_same_search(toys):
    found = base()
    found["models"][0]["version"] = "2"
    before, after = steps(toys), steps(toys, found)
    assert {s.partition("/")[0] for s in after.keys() - before.keys()} == {
        *("search", "train", "fidelity", "publish", "approve")
    }


@pytest.mark.parametrize(
    ("name", "which"),
    [
        ("two.root", {"files/two"} | EVERY - {"sample/one", "search/muon_id-toy-1"}
         - {f"{k}/{m}-toy-1" for k in ("train", "publish") for m in ("muon_id", "acceptance")}),
        ("gate.yaml", GATE),
        ("verdict.yaml", GATE),
    ],
)  # fmt: skip
def test_a_change_of_a_file_beside_it(toys, name, which):
    before = steps(toys)
    (toys / name).write_text("other")
    assert touched(before, steps(toys)) == which


@pytest.mark.parametrize(
    ("pattern", "which"),
    [
        ("detailed/*", EVERY - {"files/two"}),
        ("io/generators/*", EVERY - {"files/two"}),
        ("physics/*", EVERY - {"files/two"}),
        ("nets/*", (SEARCH | ACCEPTANCE) | END),
        ("training/*", (SEARCH | ACCEPTANCE) | END),
        ("stages/identification/*", SEARCH | END),
        ("stages/tracking/*", ACCEPTANCE | END),
        ("stages/calorimeter/*", set()),
        ("nets/translator/*", set()),
        ("decays/*", set()),
        ("twin/search.py", SEARCH | END),
        ("validation/stages/*", GATE | {f"fidelity/{m}-toy-1" for m in ("muon_id", "acceptance")}),
        ("validation/models/*", GATE),
        ("pythia8mc", EVERY - {"files/two"}),
        ("xgboost", (SEARCH | ACCEPTANCE) | END),
        ("tensorflow", set()),
    ],
)
def test_a_change_of_the_code(toys, monkeypatch, pattern, which):
    before = steps(toys)
    digests, programs = code.code_digests, code.programs

    def other(patterns):
        return {k: "other" if k == pattern else v for k, v in digests(patterns).items()}

    monkeypatch.setattr(graph.code, "code_digests", other)
    monkeypatch.setattr(
        graph.code,
        "programs",
        lambda *n: {k: "other" if k == pattern else v for k, v in programs(*n).items()},
    )
    assert touched(before, steps(toys)) == which


def test_files_of_sources_count(toys):
    card = toys / "my.cmnd"
    card.write_text("a")
    found = base()
    found["samples"]["one"]["source"] = f"pythia:{card}+gun:mu-?p=3-100"
    before = steps(toys, found)
    card.write_text("b")
    assert "sample/one" in touched(before, steps(toys, found))
    (toys / "two.root").unlink()
    with pytest.raises(TwinError, match=r"two\.root: cannot be read"):
        steps(toys, found)
