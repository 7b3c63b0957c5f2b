from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.engine.onnx_session import Session
from lamarr_like.engine.translator.sequences import Sources, cut
from lamarr_like.errors import TrainingError

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.translator.config import TranslatorConfig  # noqa: E402
from lamarr_like.nets.translator.fit import fit_translator  # noqa: E402
from lamarr_like.nets.translator.net import Network  # noqa: E402
from lamarr_like.nets.translator.ops import TensorFlowOps  # noqa: E402
from lamarr_like.nets.translator.sample import (  # noqa: E402
    Prepared,
    TranslatorSample,
    batches_of,
    buckets_of,
)
from lamarr_like.nets.translator.trainer import TranslatorTrainer  # noqa: E402

TINY = TranslatorConfig(
    **{"width": 16, "heads": 2, "hidden": 24, "head_state": 8, "head_hidden": 12, "knots": 100},
    **{"steps": 30, "tokens": 256, "warm_up": 5, "evaluations": 1, "longest": 16},
    **{"head_depth": 1, "head_steps": 20, "head_batch": 64},
)


def toy_sample(n_events=120, seed=1, **changes):
    """Sources on a line; the smaller of two neighbours may be absorbed; `a` grows with energy."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, n_events)
    n = counts.sum()
    offsets = np.concatenate([[0], np.cumsum(counts)])
    energy = np.exp(rng.normal(0, 1, n)) * 1000
    x = rng.uniform(0, 1000, n)
    own = np.array([0, 1, 1, 2])[rng.integers(0, 4, n)]
    pointer = np.full(n, -1)
    event = np.repeat(np.arange(n_events), counts)
    near = (np.diff(event) == 0) & (np.abs(np.diff(x)) < 80.0)
    for i in np.flatnonzero(near & (own[:-1] == 0) & (own[1:] > 0)):
        pointer[i] = i + 1
    features = np.stack([np.log(energy), x / 1000.0], axis=1).astype(np.float32)
    owner = np.repeat(np.arange(n), own)
    values = {
        "a": np.log(energy[owner]) + rng.normal(size=len(owner)),
        "b": rng.exponential(size=len(owner)) * (rng.random(len(owner)) < 0.5),
    }
    sources = Sources(
        offsets, features, x, np.zeros(n), np.full(n, 25.0), energy, np.zeros(n, bool)
    )
    made = dict(
        **{"sources": sources, "own": own, "pointer": pointer, "values": values},
        **{"conditions": ("log_e", "x"), "copied": ("log_e",)},
    )
    return TranslatorSample(**(made | changes))


@pytest.mark.parametrize("changes", [{}, {"layers": 1, "decoder_layers": 0, "pointer": 0}, None])
def test_graphs_equal_the_trained_network(changes):
    config = TINY.k_to_k() if changes is None else TranslatorConfig(**(TINY.to_json() | changes))
    prepared = Prepared(toy_sample().adapted(config), config)
    trainer = TranslatorTrainer(prepared, config)
    batch = next(batches_of(prepared, buckets_of(prepared, config), config))
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
    prepared = Prepared(toy_sample().adapted(config), config)
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
    one, two = (fit_translator(toy_sample(), TINY, progress=False) for _ in range(2))
    assert one.files["encoder.onnx"] == two.files["encoder.onnx"]
    assert one.files["head.onnx"] == two.files["head.onnx"]
    model = one.translator()
    sources = toy_sample(10, 3).sources
    rng = np.random.default_rng(4)
    drawn = model.draw(
        *(sources, rng.random((len(sources.x), 2))),
        lambda owner, k, attempt, size: rng.random((len(owner), size)),
    )
    assert drawn.offsets[-1] == len(drawn.values["a"]) == len(drawn.place)
    assert (drawn.clusters.of_source < len(drawn.place)).all()
    assert (drawn.values["b"] == 0).any()


def test_pointers_across_pieces_are_left_out():
    sample = toy_sample()
    adapted = sample.adapted(TINY)
    pieces = cut(sample.sources.x, sample.sources.y, sample.sources.offsets, TINY.longest)
    kept = adapted.pointer >= 0
    assert (pieces.of_source[kept] == pieces.of_source[adapted.pointer[kept]]).all()
    simple = sample.adapted(TINY.k_to_k())
    assert simple.own.max() == 1 and (simple.pointer == -1).all()
    assert len(simple.values["a"]) == simple.own.sum()


def test_events_of_a_sample():
    sample = toy_sample()
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
        ({"pointer": None}, "absorbed"),
    ],
)
def test_samples_that_do_not_fit(changes, message):
    if "pointer" in changes:
        changes["pointer"] = np.zeros(len(toy_sample().own), int)
    with pytest.raises(TrainingError, match=message):
        toy_sample(**changes)


def test_too_few_events():
    with pytest.raises(TrainingError, match="too few"):
        fit_translator(toy_sample(12), TINY, progress=False)


@pytest.mark.parametrize(
    "changes", [{"most_own": 8}, {"longest": 200}, {"heads": 5}, {"layers": 0}]
)
def test_settings_that_do_not_fit(changes):
    with pytest.raises(TrainingError):
        TranslatorConfig(**changes)
