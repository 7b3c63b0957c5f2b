"""Libraries of detailed rows behind the interface of generators: see `engine.leaf_library`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..arrays import Floats, Floats32, Ints
from ..engine.leaf_library import FILE, MAX_DEPTH
from ..errors import TrainingError
from .config import LibraryConfig
from .generator import HeldOut
from .sample import (
    GeneratorSample,
    VectorRows,
    archive,
    data_digest,
    prepare_generator_sample,
    split,
    stream,
)
from .trained import TrainedModel, training_record


def fit_library(rows: VectorRows, config: LibraryConfig, *, progress: bool = True) -> TrainedModel:
    """Store rows and grow the trees that look them up.

    Args:
        rows: the sample; of negative weights nothing is stored.
        config: settings.
        progress: there is nothing to show: it takes a minute.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    if rows.emphasis is not None:
        raise TrainingError(f"a library cannot emphasise {rows.emphasis.number.name!r}: choose gan")
    sample = prepare_generator_sample(rows, knots=config.knots, seed=config.seed)
    held = split(len(sample.y), config.holdout, config.seed)
    started = time.perf_counter()
    stored = _stored(np.flatnonzero(~held), sample.weights.astype(np.float64), config)
    tables = {
        **_forest(sample, stored, config),
        "scores": sample.y[stored],
        "atom": sample.atom[stored],
    }
    spec: dict[str, Any] = {
        "kind": "generator",
        "family": "library",
        "conditions": list(rows.conditions),
        "condition_flags": sample.transform.flags,
        "outputs": list(rows.targets),
        "integer": sample.integer.tolist(),
        "atoms": sample.atoms.to_json(),
        "noise": {"uniforms": 2, "normals": 0},
    }
    files = {FILE: archive(tables)}
    transforms = archive(
        {**sample.transform.scores.to_arrays("conditions"), **sample.scores.to_arrays("outputs")}
    )
    judge = HeldOut(spec, transforms, rows, sample.weights, held, config.seed)
    figure = judge(files)
    spec |= training_record(
        config,
        rows=len(stored),
        digest=data_digest(rows.conditions, rows.targets),
        weighted=rows.weights is not None,
        history=[{"step": len(stored), "figure": round(figure.value, 6)}],
        started=started,
    )
    spec["figures"] = {"held_out_rows": int(held.sum()), "held_out_quick_c2st": figure.value}
    return TrainedModel(spec, {**files, "transforms.npz": transforms})


def _stored(rows: Ints, weights: Floats, config: LibraryConfig) -> Ints:
    """Which rows are stored: at random, in proportion to their weights, in their order."""
    w = np.maximum(weights[rows], 0.0)
    n, choice = min(config.rows, len(rows)), stream(config.seed, "library")
    equal = w.min() == w.max()
    chosen = choice.choice(rows, n, replace=not equal, p=None if equal else w / w.sum())
    found: Ints = np.sort(chosen)
    return found


def _forest(sample: GeneratorSample, stored: Ints, config: LibraryConfig) -> dict[str, np.ndarray]:
    """Trees of `engine.leaf_library` that part the stored rows by what they answer."""
    from sklearn.ensemble import RandomForestRegressor

    x = np.asarray(sample.x[stored])
    forest = RandomForestRegressor(
        config.trees,
        max_depth=MAX_DEPTH,
        min_samples_leaf=min(config.leaf, len(x)),
        max_features=config.features,
        bootstrap=False,
        random_state=config.seed,
        n_jobs=config.threads,
    )
    forest.fit(x, _parted(sample, stored))
    nodes: dict[str, list[np.ndarray]] = {k: [] for k in ("feature", "threshold", "left", "right")}
    lists, counts, roots, size = [], [], [], 0
    for one in forest.estimators_:
        tree = one.tree_
        leaf = tree.children_left < 0
        nodes["feature"].append(np.where(leaf, 0, tree.feature))
        nodes["threshold"].append(_below(np.where(leaf, 0.0, tree.threshold)))
        for name, child in (("left", tree.children_left), ("right", tree.children_right)):
            nodes[name].append(np.where(leaf, -1, child + size))
        place = one.apply(x)
        lists.append(np.argsort(place, kind="stable"))
        counts.append(np.bincount(place, minlength=len(leaf)))
        roots.append(size)
        size += len(leaf)
    tables = {name: np.concatenate(parts) for name, parts in nodes.items()}
    tables |= {"roots": np.array(roots), "rows": np.concatenate(lists)}
    tables["first"] = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    whole = {k: v.astype(np.int32) for k, v in tables.items() if v.dtype.kind == "i"}
    return {**tables, **whole}


def _below(threshold: Floats) -> Floats32:
    """The largest float32 not above each: columns are float32, so that the same go left."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, -np.inf), rounded)


def _parted(sample: GeneratorSample, stored: Ints) -> Floats32:
    """What trees part: means, squares and atoms of the answers, shape ``(n, 2 k + n_atoms)``."""
    y = sample.y[stored]
    atoms = np.eye(len(sample.atoms), dtype=np.float32)[sample.atom[stored]]
    return np.concatenate([y, y**2 / np.sqrt(2.0), 2.0 * atoms], axis=1).astype(np.float32)
