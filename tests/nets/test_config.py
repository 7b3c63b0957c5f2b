"""Settings of all families: what a search may change, lengths, small samples, and files."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr_like.nets.config import FEW_ROWS, MAX_EPOCHS, ArmdnConfig, GeneratorConfig
from lamarr_like.nets.families import FAMILIES
from lamarr_like.nets.space import Range
from lamarr_like.responses.families import RESPONSE_FAMILIES

CONFIGS = {
    **{f"nets/{name}": family.settings for name, family in FAMILIES.items()},
    **{f"responses/{name}": family.settings for name, family in RESPONSE_FAMILIES.items()},
}
ROWS = (100, 2000, 50_000, FEW_ROWS, 10_000_000)


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]()


def test_names_say_what_they_are(config):
    assert config.family and config.kind
    names = {f.name for f in fields(config)}
    assert {"holdout", "seed", "threads"} <= names
    assert 0.0 < config.holdout < 1.0


def test_what_is_searched_is_a_setting_and_begins_within_its_range(config):
    names = {f.name for f in fields(config)}
    for name, values in config.searched.items():
        assert name in names
        assert values.holds(getattr(config, name)), name
        assert values.low < values.high and (values.low > 0 or not values.log)
        assert values.whole == isinstance(getattr(config, name), int), name


def test_settings_cannot_be_changed_and_are_equal_by_value(config):
    assert type(config)() == config
    with pytest.raises(FrozenInstanceError):
        config.seed = 7
    assert replace(config, seed=7) != config


def test_another_length_changes_the_length_only(config):
    short = config.with_steps(123)
    assert type(short) is type(config) and short != config
    changed = {f.name for f in fields(config) if getattr(short, f.name) != getattr(config, f.name)}
    assert len(changed) == 1
    assert getattr(short, changed.pop()) == 123
    assert short.with_steps(123) == short


def test_files_hold_all_settings(config):
    told = json.loads(json.dumps(config.to_json()))
    assert set(told) == {f.name for f in fields(config)}
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
    assert type(config)(**given) == config


@pytest.mark.parametrize("n", ROWS)
def test_small_samples_change_the_kind_of_nothing(config, n):
    cut = config.for_rows(n)
    assert type(cut) is type(config)
    assert (cut.seed, cut.threads, cut.holdout) == (config.seed, config.threads, config.holdout)
    assert config.for_rows(10**9) == config


@given(st.integers(100, 10**7), st.integers(1, 10**6))
def test_a_small_sample_is_not_passed_through_too_often(n, steps):
    cut = GeneratorConfig(steps=steps).for_rows(n)
    assert 1 <= cut.steps <= steps
    assert cut.steps == 1 or cut.steps * cut.batch <= MAX_EPOCHS * n
    assert cut.for_rows(n) == cut


@given(st.integers(100, 10**7), st.integers(100, 10**7))
def test_fewer_rows_mean_fewer_steps_and_more_decay(a, b):
    few, many = (ArmdnConfig().for_rows(n) for n in sorted((a, b)))
    assert few.steps <= many.steps and few.weight_decay >= many.weight_decay
    assert ArmdnConfig().for_rows(FEW_ROWS).weight_decay == ArmdnConfig().weight_decay
    half = ArmdnConfig().for_rows(FEW_ROWS // 2)
    assert half.weight_decay == pytest.approx(2.0 * ArmdnConfig().weight_decay)


# --- ranges


NUMBERS = st.floats(-1e6, 1e6)


@given(st.tuples(NUMBERS, NUMBERS).map(sorted), NUMBERS)
def test_a_range_draws_in_what_is_outside(ends, value):
    found = Range(*ends)
    inside = found.within(value)
    assert found.holds(inside) and found.within(inside) == inside
    assert (inside == value) == found.holds(value)
    assert found.holds(found.low) and found.holds(found.high)


def test_whole_numbers_are_meant_where_both_ends_are_whole():
    assert Range(1, 5).whole and not Range(1.0, 5.0).whole and not Range(1, 5.0).whole
