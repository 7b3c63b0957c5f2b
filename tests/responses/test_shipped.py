"""Generators that ship: near to the library, whose showers are Geant4's, and digests of draws."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from lamarr_like.files.find import shipped
from lamarr_like.responses.detectors.ecal_shower import ECAL_SHOWER, particles
from lamarr_like.responses.features import features
from lamarr_like.responses.hits import hits_of
from lamarr_like.responses.model import load

N = 1500
FAMILIES = [p.name.split("-")[1] for p in sorted(shipped("models").glob("ecal_shower-*-1"))]
FAMILIES.remove("library")


@cache
def drawn(family, seed=3):
    return load(f"ecal_shower-{family}-1").draw(particles(N, 77), seed)


def told(arrays):
    seen = ECAL_SHOWER.seen(particles(N, 77), "test")
    return features(ECAL_SHOWER, seen, hits_of(arrays))


@pytest.mark.parametrize("family", FAMILIES)
def test_features_are_those_of_the_library(family):
    ours, theirs = told(drawn(family)), told(drawn("library"))
    far = {
        name: stats.ks_2samp(ours[name], theirs[name], method="asymp").statistic for name in theirs
    }
    # 0.05 is what happens by chance one time in twenty; none is shifted by a fifth of its width.
    assert max(far.values()) < 0.13 and np.mean(list(far.values())) < 0.05, far


@pytest.mark.parametrize("family", FAMILIES)
def test_response_and_its_width_in_bins_of_energy(family):
    seen = ECAL_SHOWER.seen(particles(N, 77), "test")
    log_p = seen[:, ECAL_SHOWER.feature("log_p")]
    ours, theirs = (told(arrays)["response"] for arrays in (drawn(family), drawn("library")))
    for low, high in ((7, 8.5), (8.5, 10), (10, 11.6)):
        part = (log_p > low) & (log_p < high)
        width = theirs[part].std()
        assert abs(ours[part].mean() - theirs[part].mean()) < 0.2 * width
        assert ours[part].std() == pytest.approx(width, rel=0.25)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_draw_depends_on_seed_and_number_only(family):
    model, given = load(f"ecal_shower-{family}-1"), particles(N, 77)
    few = model.draw({k: v[:40] for k, v in given.items()}, 3)
    assert np.array_equal(few, drawn(family)[:40])
    assert not np.array_equal(few, model.draw({k: v[:40] for k, v in given.items()}, 4))
