"""Twin files: what they say, and what of strangers' is refused."""

from __future__ import annotations

import copy
import json

import pytest
from places import TOP
from twin_toys import document

from lamarr_like.errors import TwinError
from lamarr_like.nets.families import FAMILIES
from lamarr_like.nets.space import Range
from lamarr_like.training.request import Request
from lamarr_like.twin.config import load_twin, parse_twin
from lamarr_like.twin.space import recipe_in, space_of
from lamarr_like.validation.models.gate import thresholds
from lamarr_like.validation.verdict import load_thresholds


def changed(path, value):
    """The document with another value at a path; a key is taken out where it is None."""
    found = copy.deepcopy(document())
    place = found
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found


def test_what_a_file_says(tmp_path):
    found = parse_twin(document(), "toy.yaml", tmp_path)
    assert [one.name for one in found.models] == ["muon_id-toy-1", "acceptance-toy-1"]
    assert found.samples["one"].files == (tmp_path / "one.root",)
    assert found.verdict == tmp_path / "verdict.yaml" and found.registry is None
    assert found.models[0].search.trials == 3 and found.models[1].request.steps == 10


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema_version",), 2, "schema_version is 2, this version reads 1"),
        (("models",), [], "models is empty"),
        (("samples", "one"), {}, "samples.one: give either source or files"),
        (("samples", "one", "seed"), 3, "samples.one.seed belongs to a sample with source|belongs"),
        (("samples", "one", "part"), [0.5, 0.5], "samples.one.part: from 0.5 to 0.5"),
        (("samples", "../x"), {"source": "gun:pi+"}, "does not look like"),
        (("samples", "one", "files"), ["a\0b"], "does not look like"),
        (("models", 0, "stage"), "nothing", r"models\[0\]: no stage 'nothing'"),
        (("models", 0, "stage"), "../../x", "does not look like"),
        (("models", 0, "version"), "1/../2", "does not look like"),
        (("models", 0, "family"), "armdn", "no family 'armdn' of classifiers"),
        (("models", 0, "train"), ["three"], r"models\[0\].train\[0\]: there is no sample 'three'"),
        (("models", 0, "test"), ["one"], "one is trained on"),
        (("models", 0, "settings"), {"wdith": 3}, "cannot be set up.*wdith"),
        (("models", 0, "options"), {"frame": "x"}, "has no option 'frame'"),
        (("models", 0, "search", "trials"), 10**9, "is not within 1 and 10000"),
        (("models", 0, "search", "space"), {"hidden": [1, 2]}, "space.hidden: family 'booster'"),
        (("models", 0, "search", "space"), {"trees": [1.5, 20]}, "expected whole numbers"),
        (("models", 0, "search", "space"), {"trees": [20, 10]}, "20 to 10 is not within"),
        (("models", 0, "search", "space"), {"trees": [1, 10**7]}, "is not within 10 and 600"),
        (("models", 1, "stage"), "muon_id", r"models\[1\]: muon_id-toy-1 comes twice"),
        (("validate",), {"samples": ["two"]}, "pipeline is missing"),
        (("check",), ["new"], r"check\[0\]: there is no sample 'new'"),
        (("publish",), {"registri": "x"}, "did you mean 'registry'"),
    ],
)
def test_what_is_refused(path, value, message, tmp_path):
    with pytest.raises(TwinError, match=message) as caught:
        parse_twin(changed(path, value), "toy.yaml", tmp_path)
    assert str(caught.value).startswith("toy.yaml: ")


def test_samples_read_together_are_of_one_kind(tmp_path):
    found = document()
    found["samples"]["two"]["part"] = [0.0, 0.5]
    found["models"][0] |= {"train": ["one", "two"], "test": ["one"]}
    with pytest.raises(TwinError, match="two has another part or mapping of columns than one"):
        parse_twin(found, "toy.yaml", tmp_path)


def test_hostile_bytes(tmp_path):
    path = tmp_path / "a.yaml"
    for content, message in (
        (b"!!python/object/apply:os.system ['x']", "is no YAML"),
        (b"a: &a [x]\n" + b"b: [" + b"*a, " * 10 + b"]\n<<: *a", "is no YAML"),
        (b"x" * 2_000_000, "bytes; 1000000 are the most"),
        (b"[1]", "expected a mapping"),
    ):
        path.write_bytes(content)
        with pytest.raises(TwinError, match=message):
            load_twin(path)
    with pytest.raises(TwinError, match="cannot be read"):
        load_twin(tmp_path / "none.yaml")


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_families_declare_settings_that_they_have(family):
    config = family.settings()
    for name, bounds in family.settings.searched.items():
        value = getattr(config, name)
        assert bounds.holds(value) and bounds.whole == isinstance(value, int)
        assert family.configured(**{name: bounds.low}) != family.configured(**{name: bounds.high})
        assert bounds.low > 0.0 or not bounds.log


def test_space_of_a_request():
    request = Request("muon_id")
    space = space_of(request, {"trees": (10, 100)})
    assert space["trees"] == Range(10, 100) and set(space) > {"depth", "learning_rate"}
    # The recipe has 150 trees of depth 5.
    assert recipe_in(request, space) | {"trees": 100, "depth": 5} == recipe_in(request, space)
    assert "trees" not in space_of(Request("muon_id", steps=3))
    assert "depth" not in space_of(Request("muon_id", settings={"depth": 3}))
    assert Request("muon_id", settings={"depth": 3}).config(10).depth == 3
    with pytest.raises(TwinError, match="declares no settings to search"):
        space_of(Request("ecal"))


def test_twins_of_the_tutorials_are_some():
    small = load_twin(TOP / "tutorials" / "small-twin.yaml")
    assert len(small.models) == 3 and all(one.search.trials == 8 for one in small.models)
    own = load_twin(TOP / "tutorials" / "own_simulation" / "twin.yaml")
    assert [one.name for one in own.models] == ["occupancy-mine-1", "resolution-mine-1"]
    assert own.samples["apart"].columns.name == "columns.yaml"
    assert load_thresholds(small.verdict).checks and thresholds(small.gate).checks


def test_the_twin_that_ships_is_one():
    found = load_twin(TOP / "pipelines" / "reference-twin.yaml")
    shipped = {path.parent.name for path in (TOP / "models").glob("*-pp13-1/SHA256SUMS")}
    # The classifier that defines ProbNN is that of the samples.
    assert {one.name for one in found.models} == shipped - {"prob_nn-pp13-1"}


def test_the_twin_of_the_responses_is_one():
    found = load_twin(TOP / "pipelines" / "responses-twin.yaml")
    kinds = {"response", "devices"}
    shipped = {
        path.parent.name
        for path in (TOP / "models").glob("*-1/config.json")
        if json.loads(path.read_text())["kind"] in kinds
    }
    # The classifier that defines ProbNN is that of the samples.
    assert {one.name for one in found.models} == shipped - {"prob_nn-pp13-1"}


def test_the_search_of_the_tutorial_is_one():
    found = load_twin(TOP / "tutorials" / "search-twin.yaml")
    assert [one.name for one in found.models] == ["rich-found-1", "rich-recipe-1"]
    assert found.models[0].search.trials == 10 and found.models[1].search is None
