from __future__ import annotations

import json

import numpy as np

from lamarr_like.engine.atoms import FREE, Atoms


def rich_like(n=20_000, seed=0):
    """Five columns: thresholds make some equal, some zero; the last never is."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, 4)).astype(np.float32)
    below, nothing = rng.random(n) < 0.3, rng.random(n) < 0.1
    y[below, 2] = y[below, 0]
    y[nothing, :3] = 0.0
    return y


def test_classes_of_equalities_are_found():
    y = rich_like()
    atoms = Atoms.detect(y, np.zeros(4, dtype=bool))
    patterns = {tuple(p) for p in atoms.patterns}
    assert patterns == {(-1, -1, -1, -1), (-1, -1, -2, -1), (0, 0, 0, -1)}
    assert atoms.values == [[0.0], [0.0], [0.0], []]


def test_imposing_restores_every_degenerate_output_exactly():
    y = rich_like()
    integer = np.zeros(4, dtype=bool)
    atoms = Atoms.detect(y, integer)
    classes = atoms.classify(y, integer)
    spoilt = np.where(atoms.free[classes], y, 99.0)
    atoms.impose(spoilt, classes)
    np.testing.assert_array_equal(spoilt, y)


def test_rare_pattern_falls_to_the_nearest_more_general_class():
    y = rich_like()
    y[0] = [0.5, 0.7, 0.5, 0.5]  # the fourth equal as well: seen once
    integer = np.zeros(4, dtype=bool)
    atoms = Atoms.detect(y, integer)
    code = atoms.patterns[atoms.classify(y, integer)[0]]
    assert tuple(code) == (-1, -1, -2, -1)


def test_row_without_a_class_in_a_fully_degenerate_sample_gets_a_free_class():
    y = np.zeros((10_000, 2))
    y[0] = [1.0, 2.0]
    integer = np.zeros(2, dtype=bool)
    atoms = Atoms.detect(y, integer)
    assert len(atoms) == 2
    assert (atoms.patterns[atoms.classify(y, integer)[0]] == FREE).all()


def test_bound_of_a_column_is_a_fixed_value_and_rare_repeats_are_not():
    rng = np.random.default_rng(1)
    p = np.minimum(rng.exponential(0.3, 10_000), 0.4)
    p[:20] = 0.123
    atoms = Atoms.detect(p[:, None], np.zeros(1, dtype=bool))
    assert atoms.values == [[0.4]]
    assert len(atoms) == 2


def test_integers_have_no_atoms():
    rng = np.random.default_rng(2)
    y = np.stack([rng.integers(0, 5, 5000), rng.integers(0, 5, 5000)], axis=1)
    atoms = Atoms.detect(y, np.ones(2, dtype=bool))
    assert len(atoms) == 1
    assert atoms.free.all()


def test_weights_decide_what_is_frequent():
    y = rich_like()
    weights = np.where((y[:, :3] == 0).all(axis=1), 1e-4, 1.0)
    atoms = Atoms.detect(y, np.zeros(4, dtype=bool), weights)
    assert (0, 0, 0, -1) not in {tuple(p) for p in atoms.patterns}


def test_json_round_trip():
    y = rich_like()
    atoms = Atoms.detect(y, np.zeros(4, dtype=bool))
    again = Atoms.from_json(json.loads(json.dumps(atoms.to_json())))
    np.testing.assert_array_equal(again.patterns, atoms.patterns)
    assert again.values == atoms.values
