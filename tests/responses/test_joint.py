"""One generator for two devices: what they have in common is drawn in common."""

import numpy as np
import pytest
from scipy import stats
from twins import DECLARED, LEAK, TWINS, twins

from lamarr_like.engine.load import load_model
from lamarr_like.errors import ArtefactError, SchemaError, TrainingError
from lamarr_like.responses import command, declared, making
from lamarr_like.responses.config import GanConfig, LibraryConfig
from lamarr_like.responses.drawing import draw_sample
from lamarr_like.responses.features import channels
from lamarr_like.responses.hits import hits_of
from lamarr_like.responses.joint import JointModel, load_any
from lamarr_like.responses.model import load

pytest.importorskip("tensorflow")

from lamarr_like.responses.training.codes import spread_of
from lamarr_like.responses.training.gan import fit_gan
from lamarr_like.responses.training.library import fit_library

SMALL = GanConfig(
    core=1, widths=(2,), steps=600, hidden=48, depth=2, critic_hidden=48, critic_depth=2,
    batch=256, warm_up=20, ema=0.98, learning_rate=4e-3, filling_hidden=16, filling_steps=300,
    filling_batch=1024, evaluations=1, judged=300, regressor=False, diversity=0.02, latent=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    trained = fit_gan(twins(3000), SMALL, progress=False)
    names = {"stage": "twins", "sample": "gan", "version": "1"}
    return trained.save(tmp_path_factory.mktemp("models"), **names, card="# Twins\n")


@pytest.fixture(scope="module")
def test():
    return twins(2000, seed=2)


@pytest.fixture(scope="module")
def drawn(folder, test):
    return load_any(folder).draw(test.conditions, seed=5)


def test_arrays_are_counts_of_both_shapes(drawn, test):
    for array, part in zip(drawn, test.parts, strict=True):
        assert array.shape == part.arrays.shape and array.dtype == np.float32
        assert np.array_equal(array, np.rint(array)) and (array >= 0).all()


def test_sums_of_both_and_how_they_go_together(drawn, test):
    real = [part.arrays.sum(axis=(1, 2)) for part in test.parts]
    fake = [array.sum(axis=(1, 2)) for array in drawn]
    right, energy = test.conditions["x"] > 6, test.conditions["energy"]
    for a, b in zip(real, fake, strict=True):
        for side in (right, ~right):
            assert b[side].mean() == pytest.approx(a[side].mean(), rel=0.05)
    # What leaks is missing: at one energy the sums fall with each other.
    strong = energy > 80
    share = [sums[0] / energy for sums in (real, fake)], [sums[1] / energy for sums in (real, fake)]
    for k in (0, 1):
        together = stats.spearmanr(share[0][k][strong & ~right], share[1][k][strong & ~right])
        assert together.statistic < -0.35
    whole = (fake[0] + fake[1])[strong] / energy[strong]
    assert whole.std() < 1.5 * ((real[0] + real[1])[strong] / energy[strong]).std() < LEAK


def test_a_particle_gives_the_same_in_any_batch(folder, test, drawn):
    model = load_any(folder)
    first = {name: values[:7] for name, values in test.conditions.items()}
    for some, all_of_them in zip(model.draw(first, seed=5), drawn, strict=True):
        assert some.tobytes() == all_of_them[:7].tobytes()
    other = model.draw(first, seed=6)
    assert any((a != b[:7]).any() for a, b in zip(other, drawn, strict=True))
    assert isinstance(load_model(folder), JointModel)


def test_bad_input_is_refused(folder, test):
    model = load_any(folder)
    conditions = dict(test.conditions)
    with pytest.raises(SchemaError, match="lacks the conditions x"):
        model.draw({k: v for k, v in conditions.items() if k != "x"}, 1)
    conditions["energy"] = conditions["energy"] * 100
    with pytest.raises(SchemaError, match="declared from 20 to 200"):
        model.draw(conditions, 1)
    with pytest.raises(SchemaError, match="2 keys for 2000"):
        model.hits(test.conditions, np.zeros(2, np.uint64))
    with pytest.raises(ArtefactError, match="no generator of a response"):
        load(folder)


def test_a_library_is_of_one_device(test):
    with pytest.raises(TrainingError, match="stores the arrays of one device; name one of left"):
        fit_library(test, LibraryConfig())
    part = fit_library(test.parts[0], LibraryConfig()).model()
    drawn = part.draw(test.conditions, 1)
    assert drawn.sum() == pytest.approx(test.parts[0].arrays.sum(), rel=0.05)


def test_spread_is_large_where_similar_particles_differ():
    rng = np.random.default_rng(1)
    given = rng.uniform(-1, 1, (3000, 1)).astype(np.float32)
    wide = 0.2 + (given > 0)
    scores = (wide * rng.normal(size=(3000, 4))).astype(np.float32)
    spread = spread_of(given, scores)
    assert spread.mean() == pytest.approx(1, rel=1e-3)
    ratio = spread[given > 0.1].mean() / spread[given < -0.1].mean()
    assert ratio == pytest.approx(6, rel=0.1)


def test_channels_share_the_sum(test):
    part = test.parts[0]
    found = channels(part.response, hits_of(part.arrays), len(part))
    assert list(found) == ["common", "tower_1", "tower_2", "tower_3", "tower_4"]
    assert np.array_equal(sum(found.values()), part.arrays.sum(axis=(1, 2)))
    one = np.zeros_like(part.arrays[:2])
    one[0, 0, 0], one[1, 9, 0] = 3, 2
    found = channels(part.response, hits_of(one), 2)
    assert found["common"].tolist() == [3, 0] and found["tower_3"].tolist() == [0, 2]


def test_a_sample_of_devices_is_simulated_and_drawn(folder, test, monkeypatch, capsys):
    monkeypatch.setattr(declared, "RESPONSES", {**declared.RESPONSES, "twins": DECLARED})
    conditions = DECLARED.particles(30, 1, 0)
    piece = making._simulate("twins", conditions, 1, 0)
    assert len(piece.arrays) == 2
    for array, part in zip(piece.arrays, twins(30).parts, strict=True):
        assert np.array_equal(array, part.arrays)
    drawn = draw_sample(load_any(folder), test.conditions, 5, model="twins-gan-1")
    assert drawn.devices == TWINS and drawn.record["model"] == "twins-gan-1"
    command.list_responses()
    listed = capsys.readouterr().out
    assert "10 x 8 cells [counts] and 8 x 8 cells [counts], given energy, x, y" in listed
