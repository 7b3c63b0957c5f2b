"""The responses of the time projection chamber: what is declared, and MPD's own beside it."""

import numpy as np
import pytest
from places import TOP

from lamarr_like.errors import SchemaError
from lamarr_like.responses.declared import find_declared
from lamarr_like.responses.detectors.drift_chamber import Ionisation, pad_responses
from lamarr_like.responses.detectors.tpc_pads import TPC_PADS, TPC_PADS4, particles
from lamarr_like.responses.features import features
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.hits import hits_of
from lamarr_like.responses.making import make_sample
from lamarr_like.responses.response import read_response
from lamarr_like.rng import stream_keys
from lamarr_like.statistics.two_sample import c2st

MPD = TOP.parent / "shared/data/mpd_tpc/tpc_v4plus_fixedpt.npz"
MOMENTS = (
    *("response", "hits", "strongest", "centroid_pad", "centroid_time"),
    *("width_pad", "width_time", "correlation_pad_time"),
)


@pytest.mark.parametrize("response", [TPC_PADS, TPC_PADS4])
def test_declarations_come_back(response):
    assert read_response(response.to_json(), "here") == response
    assert find_declared(response.name).response is response


def test_four_conditions_are_those_of_fast4():
    assert [c.name for c in TPC_PADS4.conditions] == ["crossing", "dip", "drift", "pad"]
    assert {f.name for f in TPC_PADS.features} - {f.name for f in TPC_PADS4.features} == {
        "ionisation",
        "outer",
    }
    assert TPC_PADS4.shape == TPC_PADS.shape == (8, 16)
    with pytest.raises(SchemaError, match="'in_pad' is no feature"):
        TPC_PADS.restricted("few", "few", ("crossing", "dip", "drift"))


def test_the_scale_is_the_expected_charge():
    """Of slow and fast pions, on short and long paths, up to a factor."""
    n, sums, expected = 600, [], []
    keys = stream_keys(7, "expected", np.arange(n))
    for pt, dip, crossing in ((0.16, 0, 0), (0.5, 0, 0), (0.5, 50, 0), (0.5, 0, 35), (1.8, 0, 0)):
        one = {"crossing": crossing, "dip": dip, "drift": 80.3, "pad": 50.4, "pt": pt, "row": 5}
        given = {name: np.full(n, value, float) for name, value in one.items()}
        sums.append(np.median(pad_responses(given, keys).sum(axis=(1, 2))))
        expected.append(np.exp(TPC_PADS.seen(given, "t")[0, TPC_PADS.feature(TPC_PADS.scale)]))
    ratio = np.array(sums) / expected
    assert max(expected) > 1.5 * min(expected)
    assert ratio / ratio.mean() == pytest.approx(np.ones(5), abs=0.08)


def test_particles_fill_the_ranges():
    sample = particles(4000, 1)
    TPC_PADS.checked(sample, "particles")
    assert set(np.unique(sample["row"])) == set(range(53))
    later = particles(10, 1, 50)
    assert all(np.array_equal(later[k], sample[k][50:60]) for k in sample)


def test_windows_move_by_whole_cells():
    """The frame sees the same segment wherever it is, its mirror image and the way back."""
    given = {k: v[:1] for k, v in particles(1, 1).items()}
    given |= {"pad": np.array([20.25]), "drift": np.array([100.125])}
    away = {**given, "pad": np.array([91.25])}
    turned = {**given, "pad": np.array([20.75]), "crossing": -given["crossing"]}
    back = {**given, "dip": -given["dip"], "crossing": -given["crossing"]}
    frame = Frame(TPC_PADS, np.zeros((2, 2)))
    places = [frame.place(TPC_PADS.seen(c, "t")) for c in (given, away, turned, back)]
    assert np.array_equal(places[0].given, places[3].given)
    assert np.array_equal(places[0].sign, places[3].sign)
    assert np.array_equal(places[0].given, places[1].given)
    assert np.allclose(places[0].given, places[2].given)
    assert places[0].sign[0, 0] == -places[2].sign[0, 0]


def test_what_four_conditions_leave_open_is_drawn():
    """Outer rows are half as high again: the sums of the restricted sample are spread further."""
    four, six = (make_sample(name, 400, 1, progress=False) for name in ("tpc_pads4", "tpc_pads"))
    assert np.array_equal(four.conditions["dip"], six.conditions["dip"])
    assert not np.array_equal(four.arrays, six.arrays)
    again = make_sample("tpc_pads4", 400, 1, like=four, progress=False)
    log = [np.log(s.arrays.sum(axis=(1, 2))) for s in (four, six, again)]
    assert log[0].mean() == pytest.approx(log[1].mean(), abs=0.15)
    assert np.corrcoef(log[0], log[2])[0, 1] < 0.9


@pytest.fixture(scope="module")
def mpd():
    if not MPD.exists():
        pytest.skip("MPD's public responses are not here")
    with np.load(MPD) as data:
        arrays, p = data["images"], data["params"]
    names = ("crossing", "dip", "drift", "pad", "row", "pt")
    return {name: p[:, k] for k, name in enumerate(names)}, arrays


def told_apart(mpd, ionisation, seeds=(1, 2)):
    """AUC of trees on amplitude, centroids, widths, correlation, hits and strongest cell, mean of
    some draws."""
    conditions, arrays = mpd
    seen = TPC_PADS.seen(conditions, "MPD")
    given = {name: conditions[name] for name in ("crossing", "dip", "drift", "pad")}
    aucs = []
    for seed in seeds:
        keys = stream_keys(seed, "beside MPD", np.arange(len(arrays)))
        sides = []
        for side in (arrays, pad_responses(conditions, keys, ionisation)):
            found = features(TPC_PADS, seen, hits_of(side))
            sides.append({name: found[name] for name in MOMENTS})
        aucs.append(c2st(*sides, given).value)
    return float(np.mean(aucs))


@pytest.mark.parametrize(
    ("ionisation", "most"),
    # 25.3 clusters are published; scale and threshold are the units of the file alone.  Three other
    # draws give 0.537 and 0.521 +- 0.006 (tutorials/tpc_beside_mpd.py).
    [(Ionisation(clusters=25.3, scale=2.14), 0.55), (Ionisation(), 0.53)],
    ids=["published", "chosen"],
)
def test_trees_hardly_tell_ours_from_mpds(mpd, ionisation, most):
    found = told_apart(mpd, ionisation)
    assert found < most


def test_trees_tell_a_chamber_without_diffusion(mpd, monkeypatch):
    """So that the test above can fail."""
    monkeypatch.setattr("lamarr_like.responses.detectors.drift_chamber.ACROSS", 0.0)
    assert told_apart(mpd, Ionisation(), (1,)) > 0.55
