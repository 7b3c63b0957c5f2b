from __future__ import annotations

import numpy as np
import pytest
from family_toys import vector_law
from scipy import stats

from lamarr_like.engine.load import build_model
from lamarr_like.errors import ArtefactError, SchemaError, TrainingError
from lamarr_like.nets import ArmdnConfig, fit_generator
from lamarr_like.nets.sample import VectorRows
from lamarr_like.statistics.two_sample import Auc, c2st

pytest.importorskip("tensorflow")

from lamarr_like.nets.armdn import ArmdnTrainer
from lamarr_like.nets.generator import fit_rows

QUICK = ArmdnConfig(
    hidden=24, depth=2, components=4, steps=1000, batch=512, warm_up=50, evaluations=1, ema=0.99
)


@pytest.fixture(scope="module")
def trained():
    return fit_generator(*vector_law(20_000, 1), config=QUICK, progress=False)


@pytest.fixture(scope="module")
def generator(trained):
    return trained.generator()


def draw(generator, conditions, seed=3):
    n = len(next(iter(conditions.values())))
    return generator.draw(conditions, np.random.default_rng(seed).random((n, generator.n_uniforms)))


def test_draws_follow_the_conditional_law(generator):
    conditions, real = vector_law(20_000, 2)
    fake = draw(generator, conditions)
    for low, high in ((-1, 0), (0, 1)):
        for flag in (0, 1):
            rows = (conditions["c"] > low) & (conditions["c"] < high) & (conditions["flag"] == flag)
            for name, values in real.items():
                assert stats.ks_2samp(values[rows], fake[name][rows]).statistic < 0.06, name
    assert c2st(real, fake, conditions, equalities=True, folds=2, trees=60).value < 0.57


def test_atoms_are_exact_and_as_frequent(generator):
    conditions, real = vector_law(20_000, 2)
    fake = draw(generator, conditions)
    for sample in (real, fake):
        zero = sample["a"] == 0
        assert (sample["b"][zero] == 0).all()
        assert (sample["d"][zero] == 0).all()
    for event in (lambda s: s["a"] == 0, lambda s: (s["a"] == s["b"]) & (s["a"] != 0)):
        for flag in (0, 1):
            rows = conditions["flag"] == flag
            assert event(fake)[rows].mean() == pytest.approx(event(real)[rows].mean(), abs=0.025)


def test_integers_are_integers(generator):
    conditions, real = vector_law(2000, 2)
    fake = draw(generator, conditions)
    assert fake["count"].dtype == np.int64
    assert fake["count"].min() >= real["count"].min() - 1
    assert fake["a"].dtype == np.float64


def test_result_of_a_row_does_not_depend_on_the_others(generator):
    conditions, _ = vector_law(2500, 4)
    uniforms = np.random.default_rng(5).random((2500, generator.n_uniforms))
    together = generator.draw(conditions, uniforms)
    for size in (1, 7, 127, 128, 129, 1000, 1151):
        start = 1025
        rows = slice(start, start + size)
        alone = generator.draw({k: v[rows] for k, v in conditions.items()}, uniforms[rows])
        for name in together:
            assert alone[name].tobytes() == together[name][rows].tobytes(), (name, size)


def test_no_rows_give_no_rows(generator):
    empty = {"c": np.zeros(0), "flag": np.zeros(0)}
    drawn = generator.draw(empty, np.zeros((0, generator.n_uniforms)))
    assert list(drawn) == ["count", "a", "b", "d"]
    assert all(v.shape == (0,) for v in drawn.values())


def test_bad_conditions_are_named(generator):
    uniforms = np.full((3, generator.n_uniforms), 0.5)
    good = {"c": np.zeros(3), "flag": np.zeros(3)}
    with pytest.raises(SchemaError, match="lacks the conditions flag"):
        generator.draw({"c": np.zeros(3)}, uniforms)
    with pytest.raises(SchemaError, match="'c' is nan in row 1"):
        generator.draw({**good, "c": np.array([0, np.nan, 0])}, uniforms)
    with pytest.raises(SchemaError, match=r"'flag' has shape \(2,\)"):
        generator.draw({**good, "flag": np.zeros(2)}, uniforms)
    with pytest.raises(SchemaError, match="uniforms have shape"):
        generator.draw(good, uniforms[:, :-1])


def test_extreme_numbers_stay_in_range(generator):
    n = 200
    edge = np.full((n, generator.n_uniforms), np.nextafter(1.0, 0.0))
    edge[: n // 2] = 2.0**-54
    far = {"c": np.linspace(-1e9, 1e9, n), "flag": np.ones(n)}
    _, real = vector_law(20_000, 1)
    # ``b`` may be a copy of ``a``.
    real["b"] = np.concatenate([real["a"], real["b"]])
    for name, values in generator.draw(far, edge).items():
        assert np.isfinite(values).all()
        assert values.min() >= real[name].min() - (name == "count")
        assert values.max() <= real[name].max() + (name == "count")


def test_configuration_records_the_training(trained):
    training = trained.config["training"]
    assert training["rows"] == 18_000
    assert len(training["data_digest"]) == 64
    assert training["settings"]["seed"] == 1
    assert training["history"][-1]["step"] == 1000
    assert 0.45 < trained.figures["held_out_quick_c2st"] < 0.6


def test_signed_weights_remove_a_background():
    rng = np.random.default_rng(7)
    c = rng.uniform(-1, 1, 12_000)
    y = c + 0.3 * rng.normal(size=12_000)
    y[6000:] = 3 + 0.3 * rng.normal(size=6000)
    weights = np.repeat([1.0, 0.5, -0.5], [6000, 3000, 3000])
    config = ArmdnConfig(
        hidden=24, depth=2, components=4, steps=500, batch=1024, warm_up=50, evaluations=1
    )
    model = fit_generator({"c": c}, {"y": y}, weights, config, progress=False)
    fake = draw(model.generator(), {"c": c[:6000]})
    assert (fake["y"] > 2).mean() < 0.03
    assert stats.ks_2samp(fake["y"], y[:6000]).statistic < 0.06


def test_bad_training_samples_are_refused():
    conditions, targets = vector_law(500, 1)
    with pytest.raises(TrainingError, match="target 'a' is nan in row 3"):
        broken = targets["a"].copy()
        broken[3] = np.nan
        fit_generator(conditions, {**targets, "a": broken}, progress=False)
    with pytest.raises(TrainingError, match="too few"):
        fit_generator({"c": np.zeros(9)}, {"y": np.zeros(9)}, progress=False)
    with pytest.raises(TrainingError, match="nothing positive"):
        fit_generator(conditions, targets, np.zeros(500), progress=False)


def test_unreadable_weights_are_refused(trained):
    files = {**trained.files, "model.onnx": b"nonsense"}
    with pytest.raises(ArtefactError, match="is no network that may be run"):
        build_model(trained.config, files, "here")
    with pytest.raises(ArtefactError, match=r"lacks transforms\.npz"):
        build_model(trained.config, {"model.onnx": trained.files["model.onnx"]}, "here")
    with pytest.raises(ArtefactError, match="atoms is missing"):
        config = {k: v for k, v in trained.config.items() if k != "atoms"}
        build_model(config, trained.files, "here")
    with pytest.raises(ArtefactError, match="unknown kind"):
        build_model({**trained.config, "kind": "oracle"}, trained.files, "here")


class Still(ArmdnTrainer):
    """Steps that change nothing; it keeps the rows that it saw."""

    seen: tuple = ()

    def step(self, *batch):
        Still.seen = (*Still.seen, np.array(batch[0]))
        return 1.0


def test_states_are_judged_by_the_same_rows_that_no_step_sees():
    conditions, targets = vector_law(600, 1)
    weights = np.where(np.arange(600) % 2, 0.5, 1.5)
    judged = []

    def metric(real, drawn, given, w):
        judged.append((real, drawn, given, w))
        return Auc(0.5, 0.1, len(w))

    rows = VectorRows(conditions, targets, weights, frozenset({"count"}), metric=metric)
    config = ArmdnConfig(hidden=8, depth=1, components=2, steps=40, batch=64, evaluations=2)
    trained = fit_rows(Still, rows, config, progress=False)
    (real, drawn, given, w), (again, redrawn, *_) = judged
    held = np.isin(conditions["c"], given["c"])
    assert held.sum() == len(w) == trained.figures["held_out_rows"]
    assert trained.config["training"]["rows"] == 600 - held.sum()
    for name, values in targets.items():
        assert np.array_equal(real[name], values[held]) and np.array_equal(again[name], real[name])
        assert np.array_equal(drawn[name], redrawn[name])
    assert w == pytest.approx(weights[held])
    # What is learnt from, as the network sees it, are the other rows: their number of values.
    learnt = np.unique(np.concatenate(Still.seen)[:, 0])
    assert len(learnt) <= 600 - held.sum()
    x = trained.generator()
    assert x.n_uniforms == sum(trained.config["noise"].values())


def test_columns_of_integers_are_drawn_as_integers_unless_told(eager):
    conditions, targets = vector_law(300, 1)
    config = ArmdnConfig(hidden=8, depth=1, components=2, steps=1, batch=64, evaluations=1)
    metric = lambda *judged: Auc(0.5, 0.1, 10)  # noqa: E731
    for told, wanted in ((None, [True, False]), ((), [False, False]), (("a",), [False, True])):
        some = {"count": targets["count"], "a": np.round(targets["a"])}
        trained = fit_generator(
            *(conditions, some, None, config), integers=told, metric=metric, progress=False
        )
        assert trained.config["integer"] == wanted
        assert trained.config["outputs"] == ["count", "a"]
