from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from family_toys import sequence_law

from lamarr_like.engine.onnx_session import Session
from lamarr_like.engine.translator.sequences import cut
from lamarr_like.errors import TrainingError

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.translator.batches import (  # noqa: E402
    Prepared,
    batches_of,
    buckets_of,
)
from lamarr_like.nets.translator.config import KToKConfig, TranslatorConfig  # noqa: E402
from lamarr_like.nets.translator.fit import fit_translator  # noqa: E402
from lamarr_like.nets.translator.net import Network  # noqa: E402
from lamarr_like.nets.translator.ops import TensorFlowOps  # noqa: E402
from lamarr_like.nets.translator.trainer import TranslatorTrainer  # noqa: E402

SIZES = dict(
    **{"width": 16, "heads": 2, "hidden": 24, "head_state": 8, "head_hidden": 12, "knots": 100},
    **{"steps": 30, "tokens": 256, "warm_up": 5, "evaluations": 1, "longest": 16},
    **{"head_depth": 1, "head_steps": 20, "head_batch": 64},
)
TINY = TranslatorConfig(**SIZES)


@pytest.mark.parametrize("changes", [{}, {"layers": 1, "decoder_layers": 0, "pointer": 0}, None])
def test_graphs_equal_the_trained_network(changes, eager):
    config = KToKConfig(**SIZES) if changes is None else TranslatorConfig(**(SIZES | changes))
    prepared = Prepared(sequence_law().adapted(config), config)
    trainer = TranslatorTrainer(prepared, config)
    (batch,) = next(batches_of(prepared, buckets_of(prepared, config), config))
    for _ in range(3):
        losses = trainer.step(batch)
    assert np.isfinite(losses).all()
    arrays = {}
    for packed, values in zip(trainer.packed.values(), trainer.average.numpy(), strict=True):
        arrays |= packed.arrays(values)
    net = Network(TensorFlowOps(arrays), config, trainer.scales)
    encoder = {k[8:]: tf.constant(v) for k, v in batch.items() if k.startswith("encoder_")}
    decoder = {k[8:]: tf.constant(v) for k, v in batch.items() if k.startswith("decoder_")}
    logits, states, pointers = net.encode(**encoder)
    given = net.decode(
        states=states, source_place=encoder["place"], source_mask=encoder["mask"], **decoder
    )
    files = trainer.files()
    known = {k: v.numpy() for k, v in encoder.items()}
    found = Session(files["encoder.onnx"])(**known)
    mask = known["mask"] > 0
    assert found[0][mask] == pytest.approx(tf.nn.softmax(logits).numpy()[mask], abs=2e-5)
    assert found[1] == pytest.approx(states.numpy(), abs=2e-4)
    assert (len(found) > 2) == (pointers is not None) == bool(config.pointer)
    if pointers is not None:
        wanted = pointers.numpy()
        assert np.array_equal(found[2] < -1e8, wanted < -1e8)
        assert np.clip(found[2], -1e3, None) == pytest.approx(np.clip(wanted, -1e3, None), abs=1e-3)
    known = {k: v.numpy() for k, v in decoder.items()}
    known |= {"states": states.numpy(), "source_place": encoder["place"].numpy()}
    (conditions,) = Session(files["decoder.onnx"])(**known, source_mask=encoder["mask"].numpy())
    assert conditions == pytest.approx(given.numpy(), abs=2e-4)


def test_padding_changes_nothing():
    config = TINY
    prepared = Prepared(sequence_law().adapted(config), config)
    encoder = Session(TranslatorTrainer(prepared, config).files()["encoder.onnx"])
    rng = np.random.default_rng(2)
    place = rng.uniform(0, 60, (1, 24, 7)).astype(np.float32)
    feed = {"features": rng.normal(size=(24, 2)).astype(np.float32), "place": place}
    mask = np.ones((1, 24), np.float32)
    mask[0, 10:] = 0.0
    one = encoder(**feed, mask=mask)
    place[0, 10:] = 7.0
    feed["features"][10:] = -3.0
    two = encoder(**feed, mask=mask)
    for a, b in ((one[0][0], two[0][0]), (one[1], two[1]), (one[2][0, :, :11], two[2][0, :, :11])):
        assert np.array_equal(a[:10], b[:10])


def test_training_is_repeatable():
    one, two = (fit_translator(sequence_law(), TINY, progress=False) for _ in range(2))
    assert one.files["encoder.onnx"] == two.files["encoder.onnx"]
    assert one.files["head.onnx"] == two.files["head.onnx"]
    model = one.translator()
    sources = sequence_law(10, 3).sources
    rng = np.random.default_rng(4)
    drawn = model.draw(
        *(sources, rng.random((len(sources.x), 2))),
        lambda owner, k, attempt, size: rng.random((len(owner), size)),
    )
    assert drawn.offsets[-1] == len(drawn.values["a"]) == len(drawn.place)
    assert (drawn.clusters.of_source < len(drawn.place)).all()
    assert (drawn.values["b"] == 0).any()


def test_a_new_head_keeps_the_rest():
    sample = sequence_law()
    whole = fit_translator(sample, TINY, progress=False)
    other = sequence_law(values={**sample.values, "a": sample.values["a"] + 3.0})
    longer = replace(TINY, head_steps=40)
    headed = fit_translator(other, longer, start=whole.files, progress=False)
    for name in ("encoder.onnx", "decoder.onnx"):
        assert headed.files[name] == whole.files[name]
        digest = headed.config["training"]["start"][name]
        assert digest == hashlib.sha256(whole.files[name]).hexdigest()
    assert headed.files["head.onnx"] != whole.files["head.onnx"]
    assert "start" not in whole.config["training"]
    assert "outcome_cross_entropy" not in headed.figures and headed.figures["cluster_nll"] < 50.0
    assert headed.config["noise"] == whole.config["noise"]
    assert headed.translator().ranges["a"][1] > whole.translator().ranges["a"][1] + 2.0
    # The same as the head that the whole training ends with.
    again = fit_translator(sample, TINY, start=whole.files, progress=False)
    assert again.files["head.onnx"] == whole.files["head.onnx"]


def test_orthogonal_steps_learn_outcomes_faster():
    sample = sequence_law()
    losses = []
    for config in (TINY, replace(TINY, orthogonal=True, learning_rate=8e-3)):
        model = fit_translator(sample, config, progress=False)
        losses.append((model.figures["outcome_cross_entropy"], model.figures["cluster_nll"]))
        assert len(model.translator().outputs) == 2
    assert losses[1][0] < losses[0][0] - 0.1 and np.isfinite(losses).all()


def test_pointers_across_pieces_are_left_out():
    sample = sequence_law()
    adapted = sample.adapted(TINY)
    pieces = cut(sample.sources.x, sample.sources.y, sample.sources.offsets, TINY.longest)
    kept = adapted.pointer >= 0
    assert (pieces.of_source[kept] == pieces.of_source[adapted.pointer[kept]]).all()
    simple = sample.adapted(KToKConfig(**SIZES))
    assert simple.own.max() == 1 and (simple.pointer == -1).all()
    assert len(simple.values["a"]) == simple.own.sum()


def widths(place):
    """A resolution that falls with the energy."""
    return {"a": np.exp(-0.5 * place[:, 3])}


def test_pulls_are_learnt_in_units_of_their_resolution():
    sample = sequence_law(pulls=("a",), widths=widths)
    plain, prepared = (Prepared(s.adapted(TINY), TINY) for s in (sequence_law(), sample))
    pull = sample.values["a"] / widths(prepared.layout.place)["a"]
    # Scores of pulls are proportional to arsinh; others are what they were.
    assert prepared.y[:, 0] == pytest.approx(
        5.0 * np.arcsinh(pull) / np.arcsinh(np.abs(pull).max()), abs=5e-3
    )
    assert np.array_equal(prepared.y[:, 1], plain.y[:, 1])
    trained = fit_translator(sample, TINY, progress=False)
    low, high = trained.config["pulls"]["a"]
    assert fit_translator(sequence_law(), TINY, progress=False).config["pulls"] == {}
    model, sources = trained.translator(), sample.sources
    assert model.ranges["a"] == (low, high) and model.ranges["b"][0] == 0.0
    assert sample.values["a"].min() <= low < high <= sample.values["a"].max()
    rng = np.random.default_rng(4)
    drawn = model.draw(
        *(sources, rng.random((len(sources.x), 2))),
        lambda owner, k, attempt, size: rng.random((len(owner), size)),
        widths=widths,
    )
    assert drawn.values["a"].min() >= low and drawn.values["a"].max() <= high


def test_events_of_a_sample():
    sample = sequence_law()
    kept = np.arange(120) % 3 == 0
    part = sample.events(kept)
    whole = sample.truth()
    event = np.repeat(np.arange(120), np.diff(whole.offsets))
    assert np.array_equal(part.values["a"], whole.values["a"][kept[event]])
    assert (part.pointer < len(part.own)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"own": np.zeros(3, int)}, "outcomes"),
        ({"conditions": ("log_e",)}, "features"),
        ({"values": {"a": np.zeros(4)}}, "values"),
        ({"pulls": ("a",)}, "no expected resolution is known of a"),
        ({"pulls": ("c",), "widths": widths}, "no expected resolution is known of c"),
        ({"pointer": None}, "absorbed"),
    ],
)
def test_samples_that_do_not_fit(changes, message):
    if "pointer" in changes:
        changes["pointer"] = np.zeros(len(sequence_law().own), int)
    with pytest.raises(TrainingError, match=message):
        sequence_law(**changes)


def test_too_few_events():
    with pytest.raises(TrainingError, match="too few"):
        fit_translator(sequence_law(12), TINY, progress=False)


@pytest.mark.parametrize(
    "changes", [{"most_own": 8}, {"longest": 200}, {"heads": 5}, {"layers": 0}]
)
def test_settings_that_do_not_fit(changes):
    with pytest.raises(TrainingError):
        TranslatorConfig(**changes)
