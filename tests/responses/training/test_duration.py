"""A training that is given minutes takes about so long in all, whatever goes into what."""

from dataclasses import replace

import pytest
from spots import spots

from lamarr_like.errors import TrainingError
from lamarr_like.responses.config import DiffusionConfig, GanConfig

pytest.importorskip("tensorflow")

from lamarr_like.responses.training import codes, duration
from lamarr_like.responses.training.diffusion import fit_diffusion

CONFIG = GanConfig(minutes=5.0, evaluations=4)


class Costly:
    """A trainer that moves a clock: it compiles first, and again half-way, as distilling does."""

    def __init__(self, each):
        self.now, self.each, self.done = 60.0, each, 0  # a minute has gone into the cells

    def perf_counter(self):
        return self.now

    def step(self, batch):
        once = {0: 9.0, 20: 15.0}.get(self.done, 0.0)
        self.now += once + self.each * (1.1 if self.done % 2 else 0.9)
        self.done += 1
        return 0.5

    def files(self):
        return {}

    def measure(self, files):
        self.now += 4.0


def chosen(monkeypatch, each, config=CONFIG):
    costly = Costly(each)
    monkeypatch.setattr(duration, "time", costly)
    trial = ((0,) for _ in range(duration.TRIAL))
    return duration.within(config, costly, trial, costly.measure, 0.0), costly


@pytest.mark.parametrize("each", [0.002, 0.05, 0.5])
def test_all_of_it_takes_the_minutes(monkeypatch, each):
    config, costly = chosen(monkeypatch, each)
    assert config.minutes == 0.0 and config == GanConfig(steps=config.steps)
    took = costly.now + 24.0 + config.steps * each + config.evaluations * 4.0
    assert took == pytest.approx(300.0, rel=0.01)


def test_no_time_for_a_step(monkeypatch):
    few = GanConfig(minutes=2.0)
    with pytest.raises(TrainingError, match=r"2 minutes are too few: 2\.\d go into what is no"):
        chosen(monkeypatch, 0.5, few)


class Ticking:
    """A clock that moves by 10 ms whenever it is looked at."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 0.01
        return self.now


@pytest.mark.usefixtures("eager", "few_trees")
def test_a_training_that_is_given_minutes_counts_all_that_it_does(monkeypatch):
    ticking = Ticking()
    for module in (codes, duration):
        monkeypatch.setattr(module, "time", ticking)
    settings = DiffusionConfig(
        minutes=0.02, filling_steps=5, filling_batch=256, hidden=8, depth=1, batch=32, judged=100
    )
    made = fit_diffusion(spots(400, seed=1), settings, progress=False)
    told = made.config["training"]
    # A trial of 40 steps and one look before, and four looks: 0.86 of 1.2 s.
    assert told["settings"]["minutes"] == 0 and 30 <= told["settings"]["steps"] <= 36
    assert told["history"][-1]["step"] == told["settings"]["steps"]
    with pytest.raises(TrainingError, match=r"0\.005 minutes are too few"):
        fit_diffusion(spots(400, seed=1), replace(settings, minutes=0.005), progress=False)
