"""Searches: repeatable, gone on with as if never broken off, their front a front."""

from __future__ import annotations

import pytest
from twin_toys import write_toys

from lamarr_like.errors import TwinError
from lamarr_like.nets.trained import TrainedModel
from lamarr_like.training.request import Request
from lamarr_like.twin.alone import search_alone
from lamarr_like.twin.config import SearchConfig, TwinModel
from lamarr_like.twin.front import front_lines, picture_of
from lamarr_like.twin.search import (
    JOURNAL,
    Search,
    Trial,
    begin,
    chosen,
    front,
    reckoned,
    run_trials,
    trials_of,
)

pytest.importorskip("optuna")

CONFIG = SearchConfig(6, seed=3, rows=300, space={"trees": (5 * 2, 20), "depth": (2, 4)})


@pytest.fixture(scope="module")
def toys(made_once):
    return made_once("twin_toys", write_toys)


def search(toys, folder, **changes):
    config = SearchConfig(**{**vars(CONFIG), **changes})
    return Search(Request("muon_id"), config, [toys / "one.root"], None, folder)


def plain(trials):
    """Trials without what was measured."""
    return [(dict(one.settings), one.auc, one.error, one.us) for one in trials]


@pytest.fixture(scope="module")
def done(toys, tmp_path_factory):
    one = search(toys, tmp_path_factory.mktemp("search"))
    begin(one, resume=False)
    run_trials(one)
    return trials_of(one)


def test_trials_are_within_the_space_and_begin_with_the_recipe(done):
    assert len(done) == 6 and len({tuple(one.settings.items()) for one in done}) > 3
    assert done[0].settings | {"trees": 20, "depth": 4, "learning_rate": 0.15} == done[0].settings
    for one in done:
        assert 10 <= one.settings["trees"] <= 20 and 2 <= one.settings["depth"] <= 4
        assert 0.0 < one.auc < 1.0 and one.error > 0.0 and one.us > 0.0 and one.measured > 0.0


def test_the_same_seed_gives_the_same_trials_also_after_a_kill(toys, done, tmp_path):
    one = search(toys, tmp_path)
    begin(one, resume=False)

    class Killed(BaseException):
        pass

    def kill(line):
        if line.startswith("trial 3 "):
            raise Killed

    with pytest.raises(Killed):
        run_trials(one, say=kill)
    import optuna

    from lamarr_like.twin.search import _study

    # What a killed process leaves.
    _study(one).ask({"trees": optuna.distributions.IntDistribution(10, 20, log=True)})
    with (one.folder / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 4, "wor')
    (one.folder / f"{JOURNAL}.lock").symlink_to(one.folder / JOURNAL)
    begin(one, resume=True)
    run_trials(one)
    assert plain(trials_of(one)) == plain(done)
    begin(one, resume=False)
    with pytest.raises(TwinError, match="no trial of the search is done"):
        trials_of(one)


def test_no_trial_is_begun_when_the_time_is_over(toys, done, tmp_path):
    assert done[0].seconds > 0.0
    one = search(toys, tmp_path, minutes=1e-6)
    begin(one, resume=False)
    run_trials(one)
    assert plain(trials_of(one)) == plain(done)[:1]
    begin(one, resume=True)  # what was spent is remembered
    run_trials(one)
    assert len(trials_of(one)) == 1


def test_another_seed_gives_others_and_workers_share_them(toys, done, tmp_path):
    one = search(toys, tmp_path, seed=4)
    begin(one, resume=False)
    for worker in (0, 1):
        run_trials(one, worker, 2)
    found = trials_of(one)
    assert len(found) == 6 and plain(found) != plain(done)


def test_what_cannot_be_searched(tmp_path):
    for request, message in (
        (Request("ecal"), "cannot be searched: it makes a table"),
        (Request("extra_tracks"), "declares no settings"),
        (Request("prob_nn"), "cannot be searched: it defines variables"),
    ):
        with pytest.raises(TwinError, match=message):
            begin(Search(request, CONFIG, [], None, tmp_path), resume=False)
    every = dict.fromkeys(("depth", "learning_rate", "min_child_weight"), 3)
    with pytest.raises(TwinError, match="nothing is left to search"):
        request = Request("muon_id", settings=every, steps=10)
        begin(Search(request, SearchConfig(3), [], None, tmp_path), resume=False)


def trial(auc, us, error=0.01):
    return Trial({"depth": 3}, auc, error, us, us)


def test_front_and_choice():
    dear, good, near, cheap, bad = (
        *(trial(0.520, 9.0), trial(0.510, 5.0), trial(0.518, 2.0)),
        *(trial(0.600, 1.0), trial(0.700, 1.0)),
    )
    every = [dear, good, near, cheap, bad]
    assert front(every) == [cheap, near, good]
    assert chosen(every) is near  # as good as the best within its error
    assert chosen([dear, good, cheap]) is good
    assert not good.beats(good) and good.beats(dear)


def test_the_card_and_its_picture(done):
    lines = "\n".join(front_lines(CONFIG, done, picture=True))
    assert "6 trials" in lines and "30%" in lines and "(search.svg)" in lines
    assert lines.count("chosen") == 1 and lines.count("recipe") == 2
    pytest.importorskip("matplotlib")
    picture = picture_of(done)
    assert picture == picture_of(done) and b"<svg" in picture


def test_cost_by_size():
    with pytest.raises(TwinError, match="no network and no trees"):
        reckoned(TrainedModel({}, {"a.npz": b""}))
    from lamarr_like.files.find import find_model

    def model(name, file):
        return TrainedModel({}, {file: (find_model(name) / file).read_bytes()})

    trees = reckoned(model("vertex_finding-pp13-1", "model.ubj"))
    assert 0.002 * 100 < trees < 0.002 * 5 * 150 + 0.01  # 150 trees of depth 4 at the most
    # MFLOP of a draw stand on the cards; a reckoned one costs 25 us.
    for name, mflop in (("rich-pp13-1", 0.277), ("occupancy-pp13-1", 0.0189)):
        assert reckoned(model(name, "model.onnx")) == pytest.approx(25.0 * mflop, rel=0.03)


def test_alone(toys):
    model = TwinModel(Request("muon_id"), (), search=SearchConfig(2, rows=300))
    assert len(search_alone(model, [toys / "one.root"], None)) == 2
