"""Combined likelihood differences: sums of the sub-detectors, as stored."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like import schema
from lamarr_like.errors import LamarrLikeError
from lamarr_like.physics.likelihoods import COMBINED, SUMMED, combined_dlls

N = 500


def columns(seed=1, **changes):
    rng = np.random.default_rng(seed)
    given = {name: rng.normal(0.0, 10.0, N) for name in SUMMED}
    given["is_muon"] = rng.random(N) < 0.5
    return {k: schema.as_declared("track", k, v) for k, v in {**given, **changes}.items()}


def doubles(given):
    return {k: v.astype(np.float64) for k, v in given.items()}


def test_they_are_the_sums_of_their_parts():
    given = columns()
    found, c = combined_dlls(given), doubles(given)
    assert tuple(found) == COMBINED
    np.testing.assert_allclose(found["pid_e"], c["rich_dll_e"] + c["calo_dll_e"], rtol=1e-5,
                               atol=1e-5)  # fmt: skip
    np.testing.assert_array_equal(found["pid_k"], given["rich_dll_k"])
    np.testing.assert_array_equal(found["pid_p"], given["rich_dll_p"])


def test_the_muon_system_speaks_of_what_it_calls_a_muon_only():
    given = columns()
    c, muon = doubles(given), given["is_muon"].astype(bool)
    without = c["rich_dll_mu"] + c["calo_dll_mu"]
    added = combined_dlls(given)["pid_mu"] - without
    np.testing.assert_allclose(added[~muon], 0.0, atol=1e-5)
    expected = (c["muon_mu_ll"] - c["muon_bg_ll"])[muon]
    np.testing.assert_allclose(added[muon], expected, rtol=1e-4, atol=1e-5)
    wild = columns(muon_mu_ll=np.where(muon, 0.0, 1e9), muon_bg_ll=np.zeros(N))
    assert np.abs(combined_dlls({**wild, "is_muon": given["is_muon"]})["pid_mu"]).max() < 1e3


def test_values_are_rounded_once_as_a_reader_of_the_file_would():
    """Doubles and what is stored of them give the same."""
    rng = np.random.default_rng(2)
    raw = {name: rng.normal(0.0, 10.0, N) for name in SUMMED}
    raw["is_muon"] = np.ones(N)
    stored = {k: schema.as_declared("track", k, v) for k, v in raw.items()}
    for name, values in combined_dlls(raw).items():
        np.testing.assert_array_equal(values, combined_dlls(stored)[name])
        assert values.dtype == schema.column("track", name).dtype


def test_each_row_is_by_itself():
    given = columns()
    order = np.random.default_rng(3).permutation(N)
    whole = combined_dlls(given)
    mixed = combined_dlls({k: v[order] for k, v in given.items()})
    for name in COMBINED:
        np.testing.assert_array_equal(mixed[name], whole[name][order])
    assert {v.shape for v in combined_dlls({k: v[:0] for k, v in given.items()}).values()} == {(0,)}


def test_a_shift_of_the_pion_shifts_all_but_nothing_else():
    """Differences to the pion: what the RICH adds to all hypotheses stays in all sums."""
    given = columns()
    shifted = {k: v + 3.0 if k.startswith("rich_dll") else v for k, v in given.items()}
    one, two = combined_dlls(given), combined_dlls(shifted)
    for name in COMBINED:
        np.testing.assert_allclose(two[name] - one[name], 3.0, atol=1e-4)


@pytest.mark.parametrize("value", [1e60, -1e300])
def test_what_cannot_be_stored_is_refused(value):
    given = doubles(columns())
    given["rich_dll_e"][7] = value
    with pytest.raises(LamarrLikeError, match="rich_dll_e"):
        combined_dlls(given)
