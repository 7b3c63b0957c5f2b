"""Residual networks that refine: the distance of laws, the cells, the start as the identity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from family_toys import PairToy, paired_law

from lamarr_like.engine.load import build_model
from lamarr_like.engine.refiner import one_hot, prepared
from lamarr_like.errors import SchemaError, TrainingError
from lamarr_like.nets.config import RefinerConfig
from lamarr_like.nets.paired_sample import RefinerSample
from lamarr_like.nets.partition import partitions
from lamarr_like.nets.sample import PairedRows, archive

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.mmd import distance  # noqa: E402
from lamarr_like.nets.refiner import RefinerTrainer, fit_refiner  # noqa: E402

TINY = RefinerConfig(hidden=8, depth=2, steps=20, partitions=2, cells=8, groups=4, rows=8, knots=80)


def untrained(rows):
    """The sample, and the model before the first step."""
    sample = RefinerSample(rows, TINY)
    tables = {
        **sample.transform.scores.to_arrays("conditions"),
        **sample.scores.to_arrays("outputs"),
    }
    config = {
        "kind": "refiner",
        "conditions": list(rows.conditions),
        "condition_flags": sample.transform.flags,
        "outputs": list(rows.fast),
        "atoms": sample.atoms.to_json(),
    }
    trainer = RefinerTrainer(sample, TINY)
    files = {**trainer.files(), "transforms.npz": archive(tables)}
    return sample, trainer, build_model(config, files, "untrained")


def test_distance_is_least_for_one_law_and_knows_weights():
    rng = np.random.default_rng(1)
    real = rng.normal(size=(4, 400, 2)).astype(np.float32)
    same = rng.normal(size=(4, 400, 2)).astype(np.float32)
    ones = np.ones((4, 400), np.float32)

    def to(y, w=ones):
        return float(distance(y, w, real, ones))

    best = to(same)
    for wrong in (same + 0.4, 1.4 * same, 0.6 * same, same @ np.array([[1, 0.6], [0.6, 1.0]], "f")):
        assert to(wrong) > best + 0.004
    half = np.where(np.arange(400) < 200, ones, 0.0).astype(np.float32)
    mixed = np.where(half[..., None] > 0, same, same + 3.0).astype(np.float32)
    assert to(mixed, half) == pytest.approx(best, abs=0.05) and to(mixed) > best + 0.2


def test_it_begins_as_the_identity():
    conditions, _, real = paired_law(2000, 1)
    sample, _, model = untrained(PairedRows(conditions, real, conditions, real))
    uniforms = np.random.default_rng(1).random((2000, model.n_uniforms))
    found = model.refine(conditions, real, uniforms)
    for name, values in found.items():
        zero = real[name] == 0
        assert zero.any() and (values[zero] == 0).all()
        np.testing.assert_allclose(values, real[name], atol=0.5)  # of a spread of 200
    assert sample.n_atoms > 1 and model.ranges["a"][0] == real["a"].min()


def test_it_stays_the_identity_where_nothing_is_gained():
    conditions, _, real = paired_law(3000, 1)
    again = paired_law(3000, 7, wrong=False)[1]
    config = replace(TINY, learning_rate=0.3, holdout=0.3)  # which spoils what it moves
    model = fit_refiner(PairedRows(conditions, again, conditions, real), config, progress=False)
    figures = model.figures
    assert model.config["identity"]
    assert figures["held_out_quick_c2st"] == figures["unrefined_quick_c2st"]
    found = model.model().refine(conditions, again, np.random.default_rng(1).random((3000, 4)))
    for name, values in again.items():  # also those that the detailed sample never has
        assert np.array_equal(found[name], values) and found[name] is not values
    assert (again["a"] > real["a"].max()).any() or (again["a"] < real["a"].min()).any()
    wrong = PairToy().sample(3000)
    moved = fit_refiner(wrong, replace(TINY, steps=150), progress=False)
    assert not moved.config["identity"]
    assert moved.figures["held_out_quick_c2st"] < moved.figures["unrefined_quick_c2st"]


def test_graph_and_training_move_rows_alike():
    rows = PairToy().sample(3000)
    sample, trainer, _ = untrained(rows)
    rng = np.random.default_rng(4)
    for variable in trainer.variables:
        variable.assign(rng.normal(size=variable.shape, scale=0.5).astype(np.float32))
    trainer.average.count.assign(0.0)
    for average, variable in zip(trainer.average.averages, trainer.variables, strict=True):
        average.assign(variable)
    from lamarr_like.engine.onnx_session import Network

    n = 64
    x, y, atom = sample.x[0, :n], sample.y[0, :n], one_hot(sample.atom[0, :n], sample.n_atoms)
    u, z = rng.random((n, 2)).astype(np.float32), rng.normal(size=(n, 2)).astype(np.float32)
    new = trainer._new_class(x[None], atom[None], u[None])
    told = trainer.moved(x[None], y[None], atom[None], new, z[None])[0].numpy()
    found, index = Network(trainer.files()["model.onnx"])(
        conditions=x, drawn=y, atoms=atom, uniforms=u, normals=z
    )
    assert np.array_equal(index[:, 0], new[0].numpy().argmax(1))
    assert (index[:, 0] != sample.atom[0, :n]).any()
    np.testing.assert_allclose(found, told, atol=2e-3)


def test_classes_that_the_detailed_sample_has_less_of_are_left():
    _, trainer, _ = untrained(PairToy().sample(3000))
    n, k = 4000, trainer.n_atoms
    logits = np.zeros(2 * k + 1, np.float32)
    logits[k] = np.log(8.0 * k)  # the first class is in the fast sample far more often
    trainer.classes.kernels[-1].assign(tf.zeros_like(trainer.classes.kernels[-1]))
    trainer.classes.biases[-1].assign(logits)
    rng = np.random.default_rng(1)
    have = np.exp(logits[k:]) / np.exp(logits[k:]).sum()
    atom = one_hot(rng.choice(k + 1, n, p=have), k)
    u = rng.random((n, 2)).astype(np.float32)
    x = np.zeros((n, trainer.n_conditions), np.float32)
    new = trainer._new_class(x, atom, u).numpy().argmax(1)
    shares = np.bincount(new, minlength=k) / n
    assert shares == pytest.approx(1.0 / k, abs=0.03)
    kept = atom.argmax(1) > 0
    assert (new[kept] == atom.argmax(1)[kept])[atom.argmax(1)[kept] < k].all()


def test_cells_have_rows_of_both_samples_and_unit_spread():
    sample = RefinerSample(PairToy().sample(3000), TINY)
    used = np.flatnonzero(~sample.held)
    first, second = partitions(sample, used, TINY)
    choice = np.random.default_rng(2)
    cells = first.choose(choice, 30)
    for side in (0, 1):
        rows = first.rows(side, cells, choice, 200)
        assert rows.shape == (30, 200) and not sample.held[rows].any()
    spread = np.std(sample.y[1, rows[0]] @ first.scale[cells[0]], axis=0)
    assert (spread < 1.2).all() and spread.max() > 0.5
    assert first.share.sum() == pytest.approx(1.0) and len(first.scale) != 1
    assert not np.array_equal(first.share, second.share)


def test_samples_that_do_not_fit():
    rows = PairToy().sample(2000)
    for change, message in (
        ({"detailed": {"a": rows.detailed["a"]}}, "the same conditions and outputs"),
        ({"weights": -np.ones(2000)}, "sum to nothing positive"),
        ({"weights": np.where(np.arange(2000) < 9, -1.0, 1.0)}, "negative weights"),
    ):
        with pytest.raises(TrainingError, match=message):
            RefinerSample(PairedRows(**{**vars(rows), **change}), TINY)
    with pytest.raises(TrainingError, match="too few"):
        RefinerSample(PairToy().sample(500), TINY)


def test_rows_without_a_class_are_free():
    _, fast, real = paired_law(2000, 1)
    sample = RefinerSample(PairToy().sample(2000), TINY)
    y, atom = prepared(np.stack([fast["a"], fast["b"]], axis=1), sample.scores, sample.atoms)
    assert y.shape == (2000, 2) and (atom <= sample.n_atoms).all()
    assert (y[fast["a"] == 0] == 0).all() and len(real["a"]) == 2000


def test_what_does_not_fit_is_refused():
    rows = PairToy().sample(1500)
    _, _, model = untrained(rows)
    uniforms = np.full((1500, model.n_uniforms), 0.5)
    with pytest.raises(SchemaError, match="what is refined lacks the conditions b"):
        model.refine(rows.conditions, {"a": rows.fast["a"]}, uniforms)
    with pytest.raises(SchemaError, match=r"1500 rows of conditions, values of 1500 and uniforms"):
        model.refine(rows.conditions, rows.fast, uniforms[:, 1:])
    few = {k: v[:10] for k, v in rows.fast.items()}
    with pytest.raises(SchemaError, match="values of 10"):
        model.refine(rows.conditions, few, uniforms)
