"""Single pieces of the reconstruction of decays: photons, fitted trees, categories, quantities."""

from __future__ import annotations

import numpy as np
import pytest
from decay_samples import decay_events

from lamarr_like.decays.category import CATEGORIES, categories, slot_kinds, true_rows
from lamarr_like.decays.combine import matched
from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.finder import find_generated
from lamarr_like.decays.names import properties
from lamarr_like.decays.neutrals import add, photon_momenta, pi0_momenta
from lamarr_like.decays.quantities import generated_end, generated_quantities
from lamarr_like.decays.reconstruct import reconstruct
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.truth import Truth
from lamarr_like.events import Table

B0 = "B0 -> (K*(892)0 -> K+ pi-) (J/psi(1S) -> mu+ mu-)"


def clusters(n=5, seed=1):
    rng = np.random.default_rng(seed)
    columns = {"x": rng.uniform(-2000, 2000, n), "y": rng.uniform(-2000, 2000, n)}
    columns |= {"z": np.full(n, 12_700.0), "energy": rng.uniform(3e3, 4e4, n)}
    columns |= {"sigma_x": np.full(n, 4.0), "sigma_energy": 10 * np.sqrt(columns["energy"])}
    return Table.from_counts(columns, np.array([n]))


def mass2(momentum):
    return momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(axis=1)


def test_photons_have_the_mass_that_is_asked_for():
    rows, origin = np.arange(5), np.zeros((5, 3))
    for mass in (0.0, 134.98):
        momentum, _, spread = photon_momenta(clusters(), rows, origin, mass)
        np.testing.assert_allclose(mass2(momentum), mass**2, atol=0.1)
        np.testing.assert_allclose(spread, spread.swapaxes(1, 2), rtol=1e-9)
        assert (np.linalg.eigvalsh(spread) > -1e-6 * spread.max()).all()


def test_momenta_follow_the_origin_as_their_derivatives_say():
    table, rows, origin = clusters(), np.arange(5), np.full((5, 3), 3.0)
    momentum, lever, _ = photon_momenta(table, rows, origin)
    for axis in range(3):
        moved = origin.copy()
        moved[:, axis] += 0.1
        change = (photon_momenta(table, rows, moved)[0] - momentum) / 0.1
        np.testing.assert_allclose(lever[:, :, axis], change, rtol=1e-3, atol=1e-5)


def test_a_pi0_is_its_photons_or_one_cluster():
    table = clusters()
    rows, origin = np.array([[0, 1], [2, -1]]), np.zeros((2, 3))
    found = pi0_momenta(table, rows, origin)
    pair = add([photon_momenta(table, rows[:1, k], origin[:1]) for k in (0, 1)])
    for a, b in zip(found, pair, strict=True):
        np.testing.assert_allclose(a[:1], b)
    assert mass2(found[0])[1] == pytest.approx(properties(111).mass ** 2, rel=1e-3)


@pytest.fixture(scope="module")
def signal():
    batch, request = decay_events(f"decay:{B0}", 150), DecayRequest.parse(B0)
    truth = Truth(batch)
    generated = find_generated(truth, request.decay)
    combos = matched(batch, request, truth, generated)
    return batch, request, truth, generated, combos


def test_a_fitted_tree_is_the_sum_of_its_leaves(signal):
    batch, request, _, _, combos = signal
    found = reconstruct(batch, request, combos)
    assert found.good.mean() > 0.95 and len(found.good) == len(combos.event) > 100
    head = found.composites[request.decay.head.branch]
    np.testing.assert_allclose(head.momentum, sum(found.momenta.values()), rtol=1e-9, atol=1e-6)
    assert np.median(head.mass) == pytest.approx(5279.7, abs=5.0)
    # The order of the descriptor, head first.
    names = [node.branch for node in request.decay.head.composites()]
    assert list(found.composites) == names
    part = reconstruct(batch, request, combos.take(np.arange(10)))
    np.testing.assert_allclose(part.composites[names[0]].momentum, head.momentum[:10], rtol=1e-9)


def test_what_was_generated_is_signal_and_what_was_mixed_is_not(signal):
    batch, request, truth, generated, combos = signal
    rows = true_rows(batch, truth, request.decay, combos)
    args = (truth, request.decay, generated)
    assert (categories(*args, rows, combos.conjugated) == 0).all()
    known = [code for codes in CATEGORIES.values() for code in codes]
    swapped = rows[:, [1, 0, 2, 3]]
    assert set(categories(*args, swapped, combos.conjugated)) == {30}
    mixed = rows.copy()
    mixed[:, 0] = np.roll(mixed[:, 0], 1)
    ghost = rows.copy()
    ghost[:, 2] = -1
    assert set(categories(*args, ghost, combos.conjugated)) == {60}
    assert set(categories(*args, mixed, combos.conjugated)) <= set(known) - {0, 10, 20, 30, 40}


def test_equal_leaves_of_one_mother_share_a_number():
    assert slot_kinds(parse_decay("D+ -> K- pi+ pi+")) == [0, 1, 1]
    assert slot_kinds(parse_decay(B0)) == [0, 1, 2, 3]


def test_quantities_of_what_was_not_generated_are_nan(signal):
    truth = signal[2]
    values = generated_quantities(truth, np.array([0, -1])) | generated_end(
        truth, np.array([0, -1])
    )
    assert values["mc_pdg_id"].tolist() == [truth.pdg_id[0], 0]
    for name in ("mc_px", "mc_energy", "mc_vz", "mc_tau", "mc_end_z"):
        assert np.isnan(values[name][1]), name
    assert values["mc_pt"][0] == pytest.approx(np.hypot(*truth.momentum[0, :2]))
