"""Latent numbers moved so that properties are the wanted ones, and what is refused."""

import copy

import numpy as np
import pytest
from controlled import law_network
from spots import SPOTS, spots

from lamarr_like.engine.onnx_session import Network
from lamarr_like.errors import ArtefactError, SchemaError
from lamarr_like.responses import properties
from lamarr_like.responses.blocks import Layout, Shells
from lamarr_like.responses.coded import CodedBlocks
from lamarr_like.responses.control import Control, checked_wanted
from lamarr_like.responses.frame import Frame, Placement
from lamarr_like.responses.hits import Hits
from lamarr_like.responses.properties import Law

MIXING = np.array(
    [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0.8, 0, 0.6], [0.6, 0, 0, 0.8, 0]], dtype=float
)
N = 200


@pytest.fixture(scope="module")
def placement():
    sample = spots(N, seed=1)
    return Frame.fit(SPOTS, sample.seen, sample.arrays).place(sample.seen)


@pytest.fixture(scope="module")
def blocks(placement):
    n = placement.given.shape[1]
    return CodedBlocks(Layout(SPOTS, Shells(1, (2,), 1)), None, np.zeros(n), np.ones(n), None)


@pytest.fixture(scope="module")
def control(blocks):
    grid = np.linspace(-properties.REACH, properties.REACH, 11)
    network = Network(law_network(len(blocks.mean), 8))
    return Control(blocks, Law(network, np.tile(grid, (4, 1))), MIXING)


@pytest.fixture(scope="module")
def normals():
    return np.random.default_rng(3).normal(size=(N, 12)).astype(np.float32)


def scores_of(control, normals):
    return normals[:, :5].astype(float) @ control.mixing.T


@pytest.mark.parametrize("names", [("total",), ("width",), ("total", "width"), ("centroid_x",)])
def test_wanted_scores_are_met_and_the_others_kept_where_they_can(
    control, placement, normals, names
):
    y = np.random.default_rng(4).normal(size=(N, 4)).clip(-3, 3)
    there = properties.to_natural(SPOTS, placement, 0.5 * y)
    moved = control.moved(normals, placement, {name: there[name] for name in names}, "m")
    # In the frame x and y may be exchanged.
    asked = np.isfinite(
        properties.from_natural(SPOTS, placement, {name: there[name] for name in names})
    )
    before, after = scores_of(control, normals), scores_of(control, moved)
    assert after[asked] == pytest.approx(y[asked], abs=1e-4)
    assert np.array_equal(moved[:, 5:], normals[:, 5:])
    alone = MIXING @ MIXING.T == 0
    for k in range(4):
        # What has no latent with anything that was asked for stays.
        kept = (alone[:, k][None, :] | ~asked).all(axis=1)
        assert after[kept, k] == pytest.approx(before[kept, k], abs=1e-4)
    # Of all steps that do it, this one is the shortest: it has no part that moves nothing asked.
    step = (moved - normals)[:, :5].astype(float)
    for row in range(0, N, 20):
        some = MIXING[asked[row]]
        assert np.linalg.pinv(some) @ some @ step[row] == pytest.approx(step[row], abs=1e-4)


def plain(placement, normals, slope, few=()):
    """A decoder whose totals follow the first latent, but not as far; `few` have one cell only."""

    def draw(moved):
        latent = moved(normals)[:, 0].astype(float)
        cells = np.array([[i, j] for i in (-1, 0, 1) for j in (0, 1)])
        total = np.exp(placement.given[:, 0] + 0.5 * slope * latent)
        row = np.repeat(np.arange(N), 6)
        kept = ~np.isin(row, few) | (np.arange(6 * N) % 6 == 0)
        value = np.repeat(total / 6, 6).astype(np.float32)
        return Hits(row[kept], np.tile(cells, (N, 1))[kept], value[kept])

    return draw


@pytest.mark.parametrize("name", ["total", "w0"])
def test_draws_are_aimed_where_the_decoder_falls_short(control, placement, normals, name):
    target = np.random.default_rng(5).uniform(-1.5, 1.5, N)
    total = np.exp(placement.given[:, 0] + 0.5 * target)
    wanted = {"total": total} if name == "total" else {"w0": target}
    draw = plain(placement, normals, 0.6, few=(3,))
    found = control.aimed(draw, lambda hits: hits, placement, wanted, "m")
    assert (np.diff(found.row) >= 0).all() and set(found.row) == set(range(N))
    measured, scores = control.measured(placement, found)
    there = np.arange(N) != 3
    assert scores[there, 0] == pytest.approx(target[there], abs=0.02)
    assert measured["total"][there] == pytest.approx(total[there], rel=0.01)
    # Nothing can be aimed at in an array of one cell: it is drawn all the same.
    assert np.isnan(scores[3]).all()


def test_what_some_noise_does_not_allow_is_drawn_with_other_noise(control, placement, normals):
    """A decoder that follows the latent only where one of the other numbers is not too small."""
    target = np.random.default_rng(6).uniform(-1.5, 1.5, N)
    allowed = []

    def draw(moved):
        found = moved(normals)
        allowed.append(found[:, 7] > -0.5)
        latent = np.where(allowed[-1], found[:, 0], 0.0)
        return plain(placement, normals, 1.0)(lambda _: latent[:, None])

    found = control.aimed(draw, lambda hits: hits, placement, {"w0": target}, "m")
    scores = control.measured(placement, found)[1][:, 0]
    near = np.abs(scores - target) < 0.2
    never = ~allowed[0]
    assert never.sum() > 10 and near[~never].all()
    assert near[never].mean() > 0.7
    # Noise that allows it is left alone.
    assert np.array_equal(allowed[0][~never], allowed[-1][~never])


def test_latents_are_set_by_name(control, placement, normals):
    moved = control.moved(normals, placement, {"w1": np.full(N, 2.0)}, "m")
    assert (moved[:, 1] == 2).all()
    assert np.array_equal(np.delete(moved, 1, 1), np.delete(normals, 1, 1))
    assert np.array_equal(control.moved(normals, placement, {}, "m"), normals)


def test_a_row_is_moved_the_same_in_any_batch(control, placement, normals):
    wanted = {"total": np.exp(placement.given[:, 0] + 0.3), "width": np.full(N, 1.1)}
    whole = control.moved(normals, placement, wanted, "m")
    rows = [getattr(placement, k)[7:8] for k in ("given", "origin", "sign", "swapped")]
    one = Placement(*rows, placement.axes)
    alone = control.moved(normals[7:8], one, {k: v[7:8] for k, v in wanted.items()}, "m")
    assert alone.tobytes() == whole[7:8].tobytes()


def test_values_beyond_what_particles_give(control, placement, normals):
    with pytest.raises(SchemaError, match=r"m: total 1e\+09 is beyond what one of the particles"):
        control.moved(normals, placement, {"total": np.full(N, 1e9)}, "m")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"totl": 3.0}, r"no property 'totl'; it has total, centroid_x, centroid_y, width, w0"),
        ({"total": np.nan}, "wanted total is nan in row 0"),
        ({"total": 0.0}, "wanted total is 0.0 in row 0"),
        ({"width": -1}, "wanted width is -1.0 in row 0"),
        ({"centroid_x": np.inf}, "wanted centroid_x is inf"),
        ({"w0": 7.0}, "not within -4.5 and 4.5"),
        ({"total": np.ones(3)}, "must be a number, or 5 of them"),
        ({"total": "much"}, "must be a number"),
    ],
)
def test_wanted_values_that_are_none(control, wanted, message):
    with pytest.raises(SchemaError, match=message):
        checked_wanted(control, wanted, 5, "m")


def test_wanted_values_become_columns(control):
    found = checked_wanted(control, {"total": 3, "w1": np.arange(3)}, 3, "m")
    assert found["total"].tolist() == [3, 3, 3] and found["w1"].tolist() == [0, 1, 2]
    assert checked_wanted(None, {}, 3, "m") == checked_wanted(None, None, 3, "m") == {}
    with pytest.raises(SchemaError, match="m: its draws cannot be asked for values; .* corrvae"):
        checked_wanted(None, {"total": 3}, 3, "m")


CONFIG = {
    "properties": ["total", "centroid_x", "centroid_y", "width"],
    "mixing": MIXING.tolist(),
}


def parts(blocks):
    arrays = {"property_knots": np.tile(np.linspace(-3, 3, 11), (4, 1))}
    return copy.deepcopy(CONFIG), arrays, {"properties.onnx": law_network(len(blocks.mean), 8)}


def test_read_from_an_artefact(blocks):
    config, arrays, files = parts(blocks)
    found = Control.read(blocks, config, 12, arrays, files, "m")
    assert np.array_equal(found.mixing, MIXING) and found.latents == ("w0", "w1", "w2", "w3", "w4")


def change(config, arrays, files, n_given, what):
    if what == "names":
        config["properties"][0] = "sum"
    elif what == "ragged":
        config["mixing"][1] = [1.0]
    elif what == "norm":
        config["mixing"][0][0] = 0.5
    elif what == "alike":
        config["mixing"][1] = config["mixing"][0]
    elif what == "few":
        config["mixing"] = [row[:3] for row in config["mixing"]]
    elif what == "knots":
        arrays["property_knots"][0, 0] = np.nan
    elif what == "order":
        arrays["property_knots"] = -arrays["property_knots"]
    elif what == "no knots":
        del arrays["property_knots"]
    elif what == "no file":
        del files["properties.onnx"]
    elif what == "width":
        files["properties.onnx"] = law_network(n_given, 6)
    elif what == "given":
        files["properties.onnx"] = law_network(n_given + 1, 8)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("names", "properties must be total, centroid_x"),
        ("ragged", "no matrix of 4 rows"),
        ("norm", "not of unit norm"),
        ("alike", "not independent"),
        ("few", "mixing is of 3 latents, not 4 to 12"),
        ("knots", "property_knots in transforms.npz do not fit"),
        ("order", "property_knots in transforms.npz do not fit"),
        ("no knots", "property_knots in transforms.npz do not fit"),
        ("no file", "lacks properties.onnx"),
        ("width", "does not give 8 numbers"),
        ("given", "m/properties.onnx"),
    ],
)
def test_artefacts_that_do_not_fit(blocks, what, message):
    config, arrays, files = parts(blocks)
    change(config, arrays, files, len(blocks.mean), what)
    with pytest.raises(ArtefactError, match=message):
        Control.read(blocks, config, 12, arrays, files, "m")
