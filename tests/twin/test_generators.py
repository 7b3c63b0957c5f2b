"""Generators of responses in twins: declared, measured by `response compare`, approved by that."""

from __future__ import annotations

import copy
import multiprocessing

import numpy as np
import pytest
import yaml
from blobs import BLOBS, blobs
from twin_toys import LOOSE, write_twin

from lamarr_like.errors import TwinError
from lamarr_like.files.forms import check
from lamarr_like.registry.store import read_index
from lamarr_like.responses.joint import load_any
from lamarr_like.responses.samples import read_any, write_sample
from lamarr_like.twin import code, generator_work, graph
from lamarr_like.twin.config import load_twin, parse_twin
from lamarr_like.twin.form import FORM
from lamarr_like.twin.generators import TwinGenerator, response_in
from lamarr_like.twin.graph import check_steps, steps_of
from lamarr_like.twin.run import plan, run, told
from lamarr_like.twin.store import Store
from lamarr_like.twin.work import Bench, do
from lamarr_like.validation.responses import compute, write

NAME = "blobs-library-1"
STEPS = {f"{kind}/{NAME}" for kind in ("train", "compare", "publish", "approve")} | {"pipeline/toy"}


def document(**changes):
    """A twin of one generator, from files with a declaration beside them."""
    files = {"response": "blobs.yaml"}
    model = {"response": "blobs.yaml", "family": "library", "train": ["learnt"], "test": ["apart"]}
    return {
        "schema_version": 1,
        "name": "toy",
        "samples": {
            "learnt": {**files, "files": ["learnt.npz"]},
            "apart": {**files, "files": ["apart.npz"]},
            "made": {"response": "tpc_pads", "particles": 3, "seed": 5},
        },
        "models": [{**model, "trees_only": True}],
        "thresholds": {"responses": "responses.yaml", "gate": "gate.yaml"},
        **changes,
    }


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    """Pictures take longer than all else here, and have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "draw_all", lambda *further: [])
        patch.setattr(compute, "TREES", 40)
        yield


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Samples of blobs, their declaration, and thresholds that few particles can meet."""
    folder = tmp_path_factory.mktemp("blobs")
    for name, n, seed in (("learnt", 400, 1), ("apart", 100, 2)):
        write_sample(blobs(n, seed), folder / f"{name}.npz")
    (folder / "blobs.yaml").write_text(yaml.safe_dump(BLOBS.to_json()))
    for name, kind in (("responses", "classifier"), ("gate", "stages")):
        limits = {"schema_version": 1, "false_alarm": 0.01, "checks": {kind: LOOSE}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(limits))
    return folder


def steps(folder, toys, found=None):
    return steps_of(load_twin(write_twin(folder, toys, found or document())))


def bench_in(folder):
    return Bench(Store(folder / "work"), folder / "work" / "registry", "lamarr-like twin toy.yaml")


def made_in(folder, toys, found=None):
    bench, todo = bench_in(folder), steps(folder, toys, found)
    outcomes = run(todo, bench)
    assert not [one for one in outcomes if one.error], outcomes
    return todo, bench


@pytest.fixture(scope="module")
def whole(toys, tmp_path_factory):
    """A twin that was made."""
    return made_in(tmp_path_factory.mktemp("whole"), toys)


def test_a_generator_comes_out_approved_and_draws(whole):
    todo, bench = whole
    entry = read_index(bench.registry).models[NAME]
    assert entry.life == "approved" and list(entry.reports) == ["compare-blobs_of_apart"]
    assert entry.lineage["data"] == ["learnt.npz"] and entry.lineage["rows"] == 360
    assert [(name, status) for name, status, _ in told(todo, bench)] == [
        (f"approve/{NAME}", "pass")
    ]
    assert "minutes" not in (bench.registry / NAME / "card.md").read_text()
    drawn = load_any(bench.registry / NAME).draw(blobs(10, 3).conditions, 1)
    assert drawn.shape == (10, 12, 12) and (drawn.sum(axis=(1, 2)) > 0).all()
    assert plan(todo, bench, thorough=True) == []
    (page,) = bench.store.steps.glob("compare-*/blobs/index.html")
    assert "Is the drawn response" in page.read_text()


def test_made_again_it_is_the_same_to_the_last_bit(whole, toys, tmp_path):
    _, bench = made_in(tmp_path, toys)
    pair = [read_index(one.registry).models[NAME] for one in (whole[1], bench)]
    assert pair[0].digest == pair[1].digest and pair[0].reports == pair[1].reports


def test_a_worse_generator_is_refused(whole, toys, tmp_path):
    """A second version that stores a fortieth of the showers, beside the first."""
    strict = {"schema_version": 1, "false_alarm": 0.05}
    strict["checks"] = {"stages": {"relative": 0.0, "absolute": 0.005, "limit": 0.49}}
    (tmp_path / "strict.yaml").write_text(yaml.safe_dump(strict))
    found = document()
    found["thresholds"]["gate"] = str(tmp_path / "strict.yaml")
    found["models"].append({**found["models"][0], "version": "2", "settings": {"size": 10}})
    todo, bench = made_in(tmp_path, toys, found)
    lives = {name: one.life for name, one in read_index(bench.registry).models.items()}
    assert lives == {NAME: "approved", "blobs-library-2": "candidate"}
    status = {name: words for name, _, words in told(todo, bench)}
    assert status["approve/blobs-library-2"][0].startswith("REFUSED: blobs-library-2, beside")


def test_a_sample_is_made_in_detail_without_the_time_it_took(toys, tmp_path, monkeypatch):
    found = document()
    of = {"response": "tpc_pads", "family": "table", "train": ["made"]}
    found["models"] = [of]
    todo, bench = steps(tmp_path, toys, found), bench_in(tmp_path)
    (sample,) = [one for one in todo if one.kind == "sample"]
    do(sample, bench)
    made = read_any(bench.store.place(sample) / "made.npz")
    assert len(made) == 3 and made.record["seed"] == 5 and "ms_per_particle" not in made.record
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    with pytest.raises(TwinError, match="DASK_DISTRIBUTED__WORKER__DAEMON=False"):
        generator_work.sample(sample, tmp_path)


def test_parts_of_a_file(toys, tmp_path):
    found = document()
    found["samples"]["apart"]["part"] = [0.25, 0.75]
    (step,) = [one for one in steps(tmp_path, toys, found) if one.name == "files/apart"]
    some = generator_work.read(toys / "apart.npz", step.what)
    every = read_any(toys / "apart.npz")
    assert np.array_equal(some.arrays, every.arrays[25:75])


def touched(before, after):
    old = {one.name: one.key for one in before}
    return {one.name for one in after if old.get(one.name, one.key) != one.key}


@pytest.mark.parametrize(
    ("path", "value", "which"),
    [
        (("models", 0, "seed"), 2, STEPS),
        (("models", 0, "settings"), {"neighbours": 2}, STEPS),
        (("models", 0, "trees_only"), False, STEPS - {f"train/{NAME}", f"publish/{NAME}"}),
        (("samples", "learnt", "part"), [0.0, 0.5], STEPS),
        (("samples", "apart", "part"), [0.0, 0.5], STEPS - {f"train/{NAME}", f"publish/{NAME}"}),
        (("thresholds", "responses"), "gate.yaml", STEPS - {f"train/{NAME}", f"publish/{NAME}"}),
        (("thresholds", "gate"), "responses.yaml", {f"approve/{NAME}", "pipeline/toy"}),
    ],
)
def test_a_change_of_the_file(toys, tmp_path, path, value, which):
    found = copy.deepcopy(document())
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert touched(steps(tmp_path, toys), steps(tmp_path, toys, found)) == which


@pytest.mark.parametrize(
    ("pattern", "which"),
    [
        ("responses/*", STEPS),
        ("responses/training/*", STEPS),
        ("nets/*", STEPS),
        ("validation/responses/*", STEPS - {f"train/{NAME}", f"publish/{NAME}"}),
        ("validation/models/*", {f"approve/{NAME}", "pipeline/toy"}),
        ("detailed/*", set()),
        ("training/*", set()),
    ],
)
def test_a_change_of_the_code(toys, tmp_path, monkeypatch, pattern, which):
    before, digests = steps(tmp_path, toys), code.code_digests
    monkeypatch.setattr(
        graph.code,
        "code_digests",
        lambda patterns: digests(patterns) | ({pattern: "x"} if pattern in patterns else {}),
    )
    assert touched(before, steps(tmp_path, toys)) == which


def test_a_made_sample_depends_on_its_simulation(toys, tmp_path, monkeypatch):
    found = document(models=[{"response": "tpc_pads", "family": "table", "train": ["made"]}])
    before, digests = steps(tmp_path, toys, found), code.code_digests
    monkeypatch.setattr(
        graph.code, "code_digests", lambda p: digests(p) | {"responses/detectors/*": "x"}
    )
    assert "sample/made" in touched(before, steps(tmp_path, toys, found))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("samples", "made", "files"), ["a.npz"], "samples.made: give either particles or files"),
        (("samples", "learnt", "seed"), 1, "learnt.seed: belongs to a sample with particles"),
        (("samples", "made", "pileup"), 1.6, "pileup is unknown"),
        (("models", 0, "response"), "tpc_padz", r"models\[0\]: no response 'tpc_padz'"),
        (("models", 0, "response"), "none.yaml", r"models\[0\]: .*none.yaml"),
        (("models", 0, "family"), "armdn", r"models\[0\]: no family 'armdn' of responses"),
        (("models", 0, "settings"), {"neighbors": 3}, "family library has the settings"),
        (("models", 0, "settings"), {"neighbours": "many"}, "must be like neighbours=3"),
        (("models", 0, "search"), {"trials": 3}, "search is unknown"),
        (("models", 0, "stage"), "rich", "stage is unknown"),
        (("models", 0, "test"), ["learnt"], "learnt is trained on"),
        (("models", 0, "train"), ["made"], "made has arrays of tpc_pads, not arrays of .*blobs"),
        (("models", 0, "train"), ["learnt", "made"], "2 items; there must be 1"),
        (("check",), ["made"], "made has arrays of tpc_pads, not events"),
    ],
)
def test_what_is_refused(toys, path, value, message):
    found = copy.deepcopy(document())
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(TwinError, match=message):
        parse_twin(found, "toy.yaml", toys)


def test_the_key_response_tells_the_form():
    found = document(models=[{"train": ["learnt"]}])
    with pytest.raises(TwinError, match=r"models\[0\].stage is missing"):
        check(found, FORM, "toy.yaml", TwinError)
    assert check(document(), FORM, "toy.yaml", TwinError) == document()


def test_files_of_declarations_are_beside_the_twin(tmp_path):
    assert response_in("blobs.yaml", tmp_path) == str(tmp_path / "blobs.yaml")
    assert response_in("ecal_shower", tmp_path) == "ecal_shower"


def test_a_stage_learns_from_events(toys):
    found = document(models=[{"stage": "rich", "train": ["learnt"]}])
    with pytest.raises(TwinError, match="learnt has arrays of .*, not events"):
        parse_twin(found, "toy.yaml", toys)


def test_there_is_no_drift_of_generators(toys):
    config = parse_twin(document(), "toy.yaml", toys)
    (model,) = config.models
    assert isinstance(model, TwinGenerator) and model.comparable and config.of_stages == ()
    with pytest.raises(TwinError, match="name the new samples"):
        check_steps(config, {NAME: "0" * 64})
