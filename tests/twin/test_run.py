"""A whole small twin: made once, made again where something changed, killed and gone on with."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import yaml
from http_files import served
from twin_toys import document, write_toys, write_twin

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.engine.artefact import read_artefact
from lamarr_like.errors import ArtefactError, OutputError, TwinError
from lamarr_like.registry.remote import open_registry
from lamarr_like.registry.store import read_index, set_life
from lamarr_like.twin.config import load_twin
from lamarr_like.twin.graph import check_steps, steps_of
from lamarr_like.twin.run import Outcome, plan, run, told
from lamarr_like.twin.store import Store
from lamarr_like.twin.work import Bench

pytest.importorskip("optuna")
NAMES = ("muon_id-toy-1", "acceptance-toy-1")


@pytest.fixture(scope="module")
def toys(made_once):
    return made_once("twin_toys", write_toys)


def bench_in(folder, **changes):
    store = Store(folder / "work")
    return Bench(store, folder / "work" / "registry", "lamarr-like twin toy.yaml", **changes)


def steps_in(folder, toys, **changes):
    return steps_of(load_twin(write_twin(folder, toys, document(check=["two"], **changes))))


@pytest.fixture(scope="module")
def whole(toys, tmp_path_factory, models):
    """A twin that was made, beside the pipeline of tiny models."""
    folder = tmp_path_factory.mktemp("whole")
    steps = steps_in(folder, toys, pipeline=str(models / "tiny.yaml"))
    bench = bench_in(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMARR_LIKE_MODELS", str(models))
        outcomes = run(steps, bench)
    assert all(not one.error for one in outcomes), outcomes
    assert len(outcomes) == len(steps) - 2  # of files
    return folder, steps, bench


def state(bench):
    """Digest, stage of life and figures of the models of a registry."""
    models = read_index(bench.registry).models
    return {k: (e.digest, e.life, dict(e.reports)) for k, e in models.items()}


def test_models_come_out_approved_with_their_search_on_the_card(whole):
    _, steps, bench = whole
    assert {k: life for k, (_, life, _) in state(bench).items()} == dict.fromkeys(NAMES, "approved")
    assert [status for _, status, _ in told(steps, bench)] == ["pass", "pass"]
    artefact = read_artefact(bench.registry / NAMES[0])
    assert b"Where the settings come from" in artefact.files["card.md"]
    assert "minutes" not in artefact.config["training"]
    assert b"None minutes" not in artefact.files["card.md"]
    settings = artefact.config["training"]["settings"]
    assert 10 <= settings["trees"] <= 20
    assert "search.svg" in artefact.files


def test_nothing_is_made_twice(whole):
    _, steps, bench = whole
    assert plan(steps, bench, thorough=True) == []
    assert run(steps, bench) == []


def names(planned):
    return {one.step.name for one in planned}


def test_the_plan_names_what_changed_and_what_cannot_be(whole, toys, models, monkeypatch):
    folder, _, bench = whole
    monkeypatch.setenv("LAMARR_LIKE_MODELS", str(models))
    found = document(check=["two"], pipeline=str(models / "tiny.yaml"))
    found["models"][1]["seed"] = 2
    steps = steps_of(load_twin(write_twin(folder, toys, found)))
    planned = plan(steps, bench)
    assert names(planned) == {
        *(f"{kind}/acceptance-toy-1" for kind in ("train", "fidelity", "publish", "approve")),
        "pipeline/toy",
    }
    assert planned[0].why == ("seed 1 -> 2",)
    (problem,) = {one.problem for one in planned if one.problem}
    assert "has a acceptance-toy-1 that was made otherwise" in problem
    with pytest.raises(TwinError, match="give the model another version"):
        run(steps, bench)
    found["models"][1]["version"] = "2"
    steps = steps_of(load_twin(write_twin(folder, toys, found)))
    assert not any(one.problem for one in plan(steps, bench))


def test_what_is_gone_is_made_again_where_it_is_wanted(whole, tmp_path):
    _, steps, _ = whole
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    bench = bench_in(tmp_path)
    search = next(s for s in steps if s.kind == "search")
    shutil.rmtree(bench.store.place(search))
    assert plan(steps, bench) == []  # all that takes from it is there
    before = state(bench)
    shutil.rmtree(bench.registry)
    assert names(plan(steps, bench)) == {
        *(f"{kind}/{name}" for kind in ("publish", "approve") for name in NAMES),
        "pipeline/toy",
    }
    assert not [one for one in run(steps, bench) if one.error]
    assert state(bench) == before


def test_a_retired_model_leaves_the_pipeline(whole, tmp_path, models, monkeypatch):
    _, steps, _ = whole
    monkeypatch.setenv("LAMARR_LIKE_MODELS", str(models))
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    bench = bench_in(tmp_path)
    set_life(bench.registry, NAMES[1], "retired", "a test")
    assert [one.why for one in plan(steps, bench)] == [(f"{NAMES[1]} has another stage of life",)]
    run(steps, bench)
    assert pipeline_of(steps, bench)["acceptance"].startswith("acceptance-tiny")


def pipeline_of(steps, bench):
    path = bench.store.place(steps[-1]) / "toy.yaml"
    stages = yaml.safe_load(path.read_text())["stages"]
    return {one["stage"]: one.get("model") for one in stages}


def test_the_registry_is_served_and_its_models_fetched_by_digest(
    whole, tmp_path, models, monkeypatch
):
    _, steps, bench = whole
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LAMARR_LIKE_MODELS", str(models))
    pins = pipeline_of(steps, bench)
    path = bench.store.place(steps[-1]) / "toy.yaml"
    assert pins["acceptance"] == f"{NAMES[1]}#{state(bench)[NAMES[1]][0]}"
    with pytest.raises(ArtefactError, match="no model fits"):
        Pipeline.load(str(path))
    with served(bench.registry) as url:
        opened = open_registry(url)
        opened.fetch(opened.find(pins["acceptance"]))
    used = Pipeline.load(str(path)).provenance["models"]
    assert used["acceptance"]["digest"] == state(bench)[NAMES[1]][0]


def test_drift_on_new_samples(whole, toys):
    folder, _, bench = whole
    config = load_twin(write_twin(folder, toys, document(check=["two"])))
    digests = {name: digest for name, (digest, *_) in state(bench).items()}
    steps = check_steps(config, digests)
    assert not [one for one in run(steps, bench) if one.error]
    found = list(told(steps, bench))
    assert [name for name, *_ in found] == [f"drift/{name}" for name in NAMES]
    # The same sample again: no figure has changed.
    assert all(status == "pass" and "+0.0000" in words[0] for _, status, words in found)
    with pytest.raises(TwinError, match="name the new samples under check"):
        check_steps(load_twin(write_twin(folder, toys, document())), digests)


def test_killed_and_gone_on_with(whole, toys, tmp_path, monkeypatch, models):
    """Broken off at places by chance, as a kill would: the same models in the end."""
    monkeypatch.setenv("LAMARR_LIKE_MODELS", str(models))
    steps = steps_in(tmp_path, toys, pipeline=str(models / "tiny.yaml"))
    bench = bench_in(tmp_path, resume=True)
    rng = np.random.default_rng(1)

    class Killed(BaseException):
        pass

    kills, calls = set(rng.choice(12, 3, replace=False).tolist()), iter(range(10**6))
    kept = Store.make

    def make(self, step, work):
        if (number := next(calls)) in kills:
            if number % 2:  # the work is done, and nothing has told so yet
                work(tmp_path)
            raise Killed
        return kept(self, step, work)

    monkeypatch.setattr(Store, "make", make)
    n = 0
    while True:
        try:
            outcomes = run(steps, bench)
            break
        except Killed:
            n += 1
    assert n >= 1 and not [one for one in outcomes if one.error]
    assert state(bench) == state(whole[2])


def test_what_fails_is_told_and_the_rest_goes_on(toys, tmp_path):
    found = document()
    found["samples"]["one"]["part"] = [0.0, 0.001]  # no event
    found["samples"]["three"] = {"files": ["one.root"]}
    found["models"][1]["train"] = ["three"]
    steps = steps_of(load_twin(write_twin(tmp_path, toys, found)))
    outcomes = {one.name: one for one in run(steps, bench_in(tmp_path))}
    assert "no events in" in outcomes["search/muon_id-toy-1"].error
    assert outcomes["train/muon_id-toy-1"] == Outcome(
        "train/muon_id-toy-1", "needs search/muon_id-toy-1"
    )
    assert not outcomes["approve/acceptance-toy-1"].error
    assert outcomes["pipeline/toy"].error


def test_a_folder_that_cannot_be_made(whole, tmp_path):
    (tmp_path / "work").write_text("a file")
    with pytest.raises(OutputError, match="cannot be made"):
        run(whole[1], bench_in(tmp_path))
