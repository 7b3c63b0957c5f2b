from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like.engine.load import build_model, load_classifier, load_generator, load_model
from lamarr_like.errors import ArtefactError, SchemaError, TrainingError
from lamarr_like.nets import (
    BoosterConfig,
    ClassifierConfig,
    GeneratorConfig,
    fit_booster,
    fit_classifier,
    fit_generator,
)
from lamarr_like.nets.generator import new_trainer
from lamarr_like.nets.sample import prepare_generator_sample
from lamarr_like.statistics.two_sample import c2st

tf = pytest.importorskip("tensorflow")

QUICK = GeneratorConfig(
    hidden=24, depth=2, components=4, steps=1000, batch=512, warm_up=50, evaluations=1, ema=0.99
)


def truth(n, seed):
    """A conditional law with two modes, an integer, an equality and exact zeros."""
    rng = np.random.default_rng(seed)
    c, flag = rng.uniform(-1, 1, n), (rng.random(n) < 0.4) * 1.0
    mode = np.where(rng.random(n) < 0.5 + 0.4 * c, 2.0, -2.0)
    a = 100 * (mode + 0.5 * rng.normal(size=n))
    b = 0.5 * a + 30 * (1 + flag) * rng.normal(size=n)
    d = a + 50 * rng.normal(size=n)
    b = np.where(rng.random(n) < 0.1 + 0.3 * flag, a, b)
    nothing = rng.random(n) < 0.1
    a, b, d = (np.where(nothing, 0.0, v) for v in (a, b, d))
    count = rng.poisson(6 + 3 * c)
    return {"c": c, "flag": flag}, {"count": count, "a": a, "b": b, "d": d}


@pytest.fixture(scope="module")
def trained():
    return fit_generator(*truth(20_000, 1), config=QUICK, progress=False)


@pytest.fixture(scope="module")
def generator(trained):
    return trained.generator()


def draw(generator, conditions, seed=3):
    n = len(next(iter(conditions.values())))
    return generator.draw(conditions, np.random.default_rng(seed).random((n, generator.n_uniforms)))


def test_draws_follow_the_conditional_law(generator):
    conditions, real = truth(20_000, 2)
    fake = draw(generator, conditions)
    for low, high in ((-1, 0), (0, 1)):
        for flag in (0, 1):
            rows = (conditions["c"] > low) & (conditions["c"] < high) & (conditions["flag"] == flag)
            for name, values in real.items():
                assert stats.ks_2samp(values[rows], fake[name][rows]).statistic < 0.06, name
    assert c2st(real, fake, conditions, equalities=True, folds=2, trees=60).value < 0.57


def test_atoms_are_exact_and_as_frequent(generator):
    conditions, real = truth(20_000, 2)
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
    conditions, real = truth(2000, 2)
    fake = draw(generator, conditions)
    assert fake["count"].dtype == np.int64
    assert fake["count"].min() >= real["count"].min() - 1
    assert fake["a"].dtype == np.float64


def test_result_of_a_row_does_not_depend_on_the_others(generator):
    conditions, _ = truth(2500, 4)
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
    _, real = truth(20_000, 1)
    # ``b`` may be a copy of ``a``.
    real["b"] = np.concatenate([real["a"], real["b"]])
    for name, values in generator.draw(far, edge).items():
        assert np.isfinite(values).all()
        assert values.min() >= real[name].min() - (name == "count")
        assert values.max() <= real[name].max() + (name == "count")


def test_saved_model_draws_the_same(trained, generator, tmp_path):
    folder = trained.save(tmp_path, stage="toy", sample="truth", version="1", card="# toy\n")
    assert folder.name == "toy-truth-1"
    again = load_generator(folder)
    conditions, _ = truth(300, 6)
    first, second = draw(generator, conditions), draw(again, conditions)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    with pytest.raises(ArtefactError, match="is no classifier"):
        load_classifier(folder)
    (folder / "model.onnx").write_bytes(b"x")
    with pytest.raises(ArtefactError, match="checksum"):
        load_model(folder)


def test_configuration_records_the_training(trained):
    training = trained.config["training"]
    assert training["rows"] == 18_000
    assert len(training["data_digest"]) == 64
    assert training["settings"]["seed"] == 1
    assert training["history"][-1]["step"] == 1000
    assert 0.45 < trained.figures["held_out_quick_c2st"] < 0.6


@pytest.mark.parametrize("family", ["armdn", "gan"])
def test_same_seed_same_model(family):
    conditions, targets = truth(1000, 1)
    config = GeneratorConfig(
        family=family,
        hidden=8,
        depth=2,
        steps=10,
        batch=128,
        learning_rate=1e-3,
    )
    graphs = []
    for _ in range(2):
        sample = prepare_generator_sample(
            conditions, targets, None, integers=frozenset({"count"}), knots=100, seed=1
        )
        trainer = new_trainer(sample, config)
        batch = [tf.constant(a[:128]) for a in (sample.x, sample.atom, sample.y, sample.weights)]
        for _ in range(2):
            trainer.step.python_function(*batch)  # eager: compiling takes longer
        graphs.append(trainer.onnx())
    assert graphs[0] == graphs[1]


def test_gan_learns_and_keeps_atoms_exact():
    config = GeneratorConfig(
        family="gan", hidden=32, depth=2, steps=500, batch=256, warm_up=50, evaluations=1, ema=0.99
    )
    generator = fit_generator(*truth(10_000, 1), config=config, progress=False).generator()
    conditions, real = truth(5000, 2)
    fake = draw(generator, conditions)
    zero = fake["a"] == 0
    assert zero.mean() == pytest.approx((real["a"] == 0).mean(), abs=0.03)
    assert (fake["b"][zero] == 0).all()
    for name, values in real.items():
        assert stats.ks_2samp(values, fake[name]).statistic < 0.2, name


def test_signed_weights_remove_a_background():
    rng = np.random.default_rng(7)
    c = rng.uniform(-1, 1, 12_000)
    y = c + 0.3 * rng.normal(size=12_000)
    y[6000:] = 3 + 0.3 * rng.normal(size=6000)
    weights = np.repeat([1.0, 0.5, -0.5], [6000, 3000, 3000])
    config = GeneratorConfig(
        hidden=24, depth=2, components=4, steps=500, batch=1024, warm_up=50, evaluations=1
    )
    model = fit_generator({"c": c}, {"y": y}, weights, config, progress=False)
    fake = draw(model.generator(), {"c": c[:6000]})
    assert (fake["y"] > 2).mean() < 0.03
    assert stats.ks_2samp(fake["y"], y[:6000]).statistic < 0.06


def test_bad_training_samples_are_refused():
    conditions, targets = truth(500, 1)
    with pytest.raises(TrainingError, match="target 'a' is nan in row 3"):
        broken = targets["a"].copy()
        broken[3] = np.nan
        fit_generator(conditions, {**targets, "a": broken}, progress=False)
    with pytest.raises(TrainingError, match="too few"):
        fit_generator({"c": np.zeros(9)}, {"y": np.zeros(9)}, progress=False)
    with pytest.raises(TrainingError, match="nothing positive"):
        fit_generator(conditions, targets, np.zeros(500), progress=False)
    with pytest.raises(TrainingError, match="unknown family"):
        GeneratorConfig(family="flow")


def labelled(n, seed):
    rng = np.random.default_rng(seed)
    x, flag = rng.normal(size=n), (rng.random(n) < 0.5) * 1.0
    p = np.stack([np.exp(x), np.exp(flag), np.ones(n)], axis=1)
    p /= p.sum(axis=1, keepdims=True)
    label = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    return {"x": x, "flag": flag}, label, p


FITS = {
    "mlp": lambda c, y, w=None, classes=("a", "b", "c"): fit_classifier(
        c,
        y,
        w,
        classes=classes,
        config=ClassifierConfig(hidden=16, depth=2, steps=500, batch=512, evaluations=1, ema=0.99),
        progress=False,
    ),
    "booster": lambda c, y, w=None, classes=("a", "b", "c"): fit_booster(
        c,
        y,
        w,
        classes=classes,
        config=BoosterConfig(trees=50, depth=3),
        progress=False,
    ),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_classifier_is_calibrated_and_saved(fit, tmp_path):
    conditions, label, _ = labelled(20_000, 1)
    trained = fit(conditions, label)
    other, _, p = labelled(3000, 2)
    predicted = trained.classifier().predict(other)
    assert predicted.shape == (3000, 3)
    np.testing.assert_allclose(predicted.sum(axis=1), 1.0, atol=1e-5)
    assert np.abs(predicted - p).mean() < 0.025
    again = load_classifier(
        trained.save(tmp_path, stage="toy", sample="x", version="1", card="")
    ).predict(other)
    np.testing.assert_array_equal(again, predicted)
    figures = trained.figures
    assert figures["held_out_cross_entropy"] < figures["cross_entropy_of_shares"]


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_two_classes_and_signed_weights(fit):
    conditions, label, p = labelled(20_000, 1)
    label = np.minimum(label, 1)
    # Half of the rows a second time with the label turned over, taken away again by weight.
    doubled = {k: np.concatenate([v, v, v]) for k, v in conditions.items()}
    labels = np.concatenate([label, 1 - label, 1 - label])
    weights = np.repeat([1.0, 0.5, -0.5], 20_000)
    model = fit(doubled, labels, weights, ("a", "b")).classifier()
    predicted = model.predict(conditions)
    assert predicted.shape == (20_000, 2)
    assert np.abs(predicted[:, 0] - p[:, 0]).mean() < 0.04


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_classifier_is_independent_of_the_batch(fit):
    conditions, label, _ = labelled(2000, 1)
    model = fit(conditions, label).classifier()
    together = model.predict(conditions)
    for size in (1, 7, 300):
        rows = slice(1100, 1100 + size)
        alone = model.predict({k: v[rows] for k, v in conditions.items()})
        assert alone.tobytes() == together[rows].tobytes()
    assert model.predict({k: v[:0] for k, v in conditions.items()}).shape == (0, 3)
    with pytest.raises(SchemaError, match="'x' is inf in row 0"):
        model.predict({"x": np.array([np.inf]), "flag": np.zeros(1)})


def test_labels_must_cover_the_classes():
    conditions, label, _ = labelled(500, 1)
    with pytest.raises(TrainingError, match="without a row: d"):
        fit_classifier(conditions, label, classes=("a", "b", "c", "d"), progress=False)


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
