"""Check of a boosted model's bytes before XGBoost, which crashes at some that are damaged.

The loader of XGBoost 3.2 is made for files of its own: offsets beyond the end of the text, children
that a tree does not have or a tree of a million levels end the interpreter.  So a strict reader of
UBJSON goes first, and what it finds must have the one form that our classifiers are written in:
every item is named here, with the values that it may have.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArtefactError
from .shipped_networks import SHIPPED

_NUMBERS = {"i": "b", "U": "B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
_FIXED: dict[str, Any] = {"Z": None, "T": True, "F": False}
_LENGTHS = {ord(mark): struct.calcsize(_NUMBERS[mark]) for mark in "iUIlL"}
_MAX_DEPTH = 20
_NODES = {
    **dict.fromkeys(("left_children", "right_children", "split_indices", "parents"), ">i4"),
    **dict.fromkeys(("split_conditions", "base_weights", "loss_changes", "sum_hessian"), ">f4"),
    **dict.fromkeys(("default_left", "split_type"), "u1"),
}
"""Items of a tree with a value for each node, and their types."""
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_NO_PARENT = 2**31 - 1
MAX_LEVELS = 128
"""Most levels of a tree: XGBoost calls itself for each."""
OBJECTIVES = ("binary:logistic", "multi:softprob")
"""What classifiers are trained for."""
_SETTINGS = {
    "binary:logistic": ("reg_loss_param", "scale_pos_weight"),
    "multi:softprob": ("softmax_multiclass_param", "num_class"),
}


def check_booster(content: bytes, where: str, n_features: int, n_classes: int) -> None:
    """Refuse a model file that is not whole, or whose trees are none.

    Args:
        content: bytes of ``model.ubj``.
        where: name of the artefact, for messages.
        n_features: features that the model is to take; XGBoost refuses others.
        n_classes: classes that it is to give.  Trees that ship are known, and not read.

    Raises:
        ArtefactError: saying what is wrong.
    """
    if hashlib.sha256(content).hexdigest() in SHIPPED:
        return
    read_booster(content, where, n_features, n_classes)


def read_booster(content: bytes, where: str, n_features: int, n_classes: int) -> None:
    """The check itself, whether the trees ship or not; see `check_booster`."""
    try:
        reader = _Reader(content)
        model = reader.value(reader.mark(), 0)
        _need(reader.at == len(content), "something follows the model")
        _only(model, "learner", "version")
        version = model.get("version", [0])
        _need(all(type(v) is int and 0 <= v < 1000 for v in version), "a version that is none")
        _check_learner(model["learner"], n_features, n_classes)
    except (
        *(KeyError, TypeError, ValueError, IndexError, AttributeError),
        *(struct.error, OverflowError, RecursionError),
    ) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ArtefactError(f"{where}: model.ubj is no sound boosted model ({reason})") from None


class _Reader:
    """Values of UBJSON, draft 12, one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def mark(self) -> str:
        mark = chr(self.content[self.at])
        self.at += 1
        return mark

    def number(self, mark: str) -> Any:
        (found,) = struct.unpack_from(_NUMBERS[mark], self.content, self.at)
        self.at += struct.calcsize(_NUMBERS[mark])
        return found

    def size(self) -> int:
        mark, at = self.content[self.at], self.at + 1
        width = _LENGTHS.get(mark, 0)
        found = int.from_bytes(self.content[at : at + width], "big", signed=mark != ord("U"))
        self.at = at + width
        if not width or not 0 <= found <= len(self.content) - self.at:
            raise ValueError("a length that is no whole number, or beyond the end")
        return found

    def text(self) -> str:
        size = self.size()
        found = self.content[self.at : self.at + size].decode()
        self.at += size
        return found

    def value(self, mark: str, depth: int) -> Any:
        _need(depth < _MAX_DEPTH, "nested too deeply")
        if mark in _NUMBERS:
            return self.number(mark)
        if mark in _FIXED:
            return _FIXED[mark]
        if mark == "S":
            return self.text()
        if mark == "{":
            return self._object(depth)
        if mark == "[":
            return self._array(depth)
        raise ValueError(f"unknown mark {mark!r}")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.content[self.at] != ord("}"):
            key = self.text()
            _need(key not in found, f"{key} comes twice")
            found[key] = self.value(self.mark(), depth + 1)
        self.at += 1
        return found

    def _array(self, depth: int) -> Any:
        if self.content[self.at] == ord("$"):
            self.at += 1
            kind = self.mark()
            _need(self.mark() == "#", "a typed array without a length")
            size = self.size()
            numbers = np.frombuffer(self.content, np.dtype(_NUMBERS[kind]), size, self.at)
            self.at += numbers.nbytes
            return numbers
        if self.content[self.at] == ord("#"):
            self.at += 1
            return [self.value(self.mark(), depth + 1) for _ in range(self.size())]
        items = []
        while self.content[self.at] != ord("]"):
            items.append(self.value(self.mark(), depth + 1))
        self.at += 1
        return items


def _need(condition: object, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


def _only(found: Any, *names: str) -> None:
    """Refuse a mapping that has other items than those named."""
    _need(isinstance(found, dict), "no mapping")
    other = sorted(set(found) - set(names))
    _need(not other, f"an item {other[0] if other else ''!r} that is not known")


def _whole(found: Mapping[str, Any], name: str, *allowed: int) -> int:
    """A whole number, which XGBoost writes as text."""
    text = found[name]
    _need(isinstance(text, str) and re.fullmatch(r"\d{1,9}", text), f"{name} is no whole number")
    _need(not allowed or int(text) in allowed, f"{name} is {text}")
    return int(text)


def _check_learner(learner: dict[str, Any], n_features: int, n_classes: int) -> None:
    _only(
        learner,
        *("attributes", "feature_names", "feature_types", "gradient_booster"),
        *("learner_model_param", "objective"),
    )
    for name, allowed in (("feature_names", None), ("feature_types", {"float", "int", "i", "q"})):
        told = learner.get(name, [])
        _need(isinstance(told, list) and len(told) in (0, n_features), f"{name} of other length")
        _need(all(isinstance(one, str) for one in told), f"{name} that are no texts")
        _need(allowed is None or set(told) <= allowed, "features that are no numbers")
    told = learner.get("attributes", {})
    _need(all(isinstance(v, str) for v in dict(told).values()), "attributes that are no texts")
    n_groups = _check_settings(learner, n_features, n_classes)
    booster = learner["gradient_booster"]
    _only(booster, "name", "model")
    _need(booster["name"] == "gbtree", "no boosted trees")
    _check_forest(booster["model"], n_features, n_groups)


def _check_settings(learner: dict[str, Any], n_features: int, n_classes: int) -> int:
    """Check what the model is for; number of its trees for each iteration."""
    params, objective = learner["learner_model_param"], learner["objective"]
    known = ("base_score", "boost_from_average", "num_class", "num_feature", "num_target")
    _only(params, *known)
    _need(_whole(params, "num_feature") == n_features, f"not made for {n_features} features")
    _whole(params, "num_target", 1)
    _whole({"boost_from_average": "0", **params}, "boost_from_average", 0, 1)
    name = objective["name"]
    _need(name in OBJECTIVES, "an objective that is no classifier's")
    table, setting = _SETTINGS[name]
    _only(objective, "name", table)
    _only(objective.get(table, {}), setting)
    count = _whole(params, "num_class")
    if name == "binary:logistic":
        _need(count < 2 and n_classes == 2, f"not {n_classes} classes")
        weight = objective.get(table, {}).get(setting, "1")
        _need(0.0 < _decimal(weight) < 1e9, "a weight that is not positive")
    else:
        _need(count == n_classes, f"not {n_classes} classes")
        _whole(objective[table], setting, n_classes)
    text = params["base_score"]
    scores = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    _need(len(scores) in (1, n_classes), "base scores of another number")
    # A probability for two classes, else a score of each.
    low, high = (0.0, 1.0) if name == "binary:logistic" else (-1e3, 1e3)
    _need(all(low < _decimal(one) < high for one in scores), f"base score {text[:60]}")
    return max(count, 1)


def _decimal(text: Any) -> float:
    fits = isinstance(text, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", text)
    _need(fits and len(text) < 40, "a number that is none")
    return float(text)


def _check_forest(model: dict[str, Any], n_features: int, n_groups: int) -> None:
    _only(model, "gbtree_model_param", "trees", "tree_info", "iteration_indptr", "cats")
    params = model["gbtree_model_param"]
    _only(params, "num_trees", "num_parallel_tree", "size_leaf_vector")
    _whole(params, "num_parallel_tree", 1)
    _whole({"size_leaf_vector": "0", **params}, "size_leaf_vector", 0, 1)
    trees, n_trees = model["trees"], _whole(params, "num_trees")
    _need(isinstance(trees, list) and len(trees) == n_trees > 0, "missing trees")
    _need(n_trees % n_groups == 0, "an iteration that lacks trees")
    # One tree for each class in turn, and as many in each iteration.
    _same(model["tree_info"], [i % n_groups for i in range(n_trees)], "trees in disorder")
    steps = list(range(0, n_trees + 1, n_groups))
    _same(model.get("iteration_indptr", steps), steps, "iterations in disorder")
    categories = model.get("cats", {})
    _only(categories, "enc", "feature_segments", "sorted_idx")
    _need(not any(len(one) for one in categories.values()), "categories")
    counts = np.array([_check_tree(tree, i, n_features) for i, tree in enumerate(trees)])
    nodes = {name: np.concatenate([tree[name] for tree in trees]) for name in _NODES}
    _check_nodes(
        {k: v.astype(v.dtype.newbyteorder("=")) for k, v in nodes.items()}, counts, n_features
    )


def _same(found: Any, wanted: list[int], reason: str) -> None:
    """Refuse a list, or array, of other whole numbers."""
    whole = found.dtype.kind in "iu" if isinstance(found, np.ndarray) else isinstance(found, list)
    _need(whole and len(found) == len(wanted), reason)
    _need(all(type(v) is not bool for v in found) and list(found) == wanted, reason)


def _check_tree(tree: dict[str, Any], number: int, n_features: int) -> int:
    """Check the form of a tree; number of its nodes."""
    _only(tree, "id", "tree_param", *_NODES, *_CATEGORIES)
    params = tree["tree_param"]
    _only(params, "num_nodes", "num_feature", "num_deleted", "size_leaf_vector")
    n = _whole(params, "num_nodes")
    _need(n > 0, "a tree without nodes")
    _need(type(tree["id"]) is int and tree["id"] == number, f"tree {number} has another number")
    _need(_whole(params, "num_feature") == n_features, "a tree for other features")
    _need(params["num_deleted"] == "0", "deleted nodes")
    _need(params["size_leaf_vector"] in ("0", "1"), "leaves that are no numbers")
    for name, kind in _NODES.items():
        values = tree[name]
        fits = isinstance(values, np.ndarray) and values.dtype == kind and values.shape == (n,)
        _need(fits, f"a tree with {name} of another length or type")
    _need(not any(len(tree.get(name, ())) for name in _CATEGORIES), "splits by categories")
    return n


def _check_nodes(nodes: dict[str, np.ndarray], counts: np.ndarray, n_features: int) -> None:
    """Check the nodes of all trees, one after the other; `counts` are those of each."""
    _need(not nodes["split_type"].any(), "splits by categories")
    _need((nodes["default_left"] <= 1).all(), "a direction that is none")
    feature = nodes["split_indices"]
    _need(((feature >= 0) & (feature < n_features)).all(), "a feature that there is not")
    left, right = nodes["left_children"], nodes["right_children"]
    _need(((left == -1) == (right == -1)).all(), "a node with one child")
    inner = left != -1
    values = nodes["split_conditions"]
    _need(np.isfinite(values[~inner]).all() and not np.isnan(values).any(), "no finite leaves")
    first = np.cumsum(counts) - counts
    start, size = np.repeat(first, counts), np.repeat(counts, counts)
    at = np.flatnonzero(inner)
    children = np.concatenate([left[at], right[at]])
    at = np.tile(at, 2)
    _need(((children > 0) & (children < size[at])).all(), "a child that there is not")
    # Every node but the root is the child of one other: from the root on there is no circle.
    place = children + start[at]
    _need(len(np.unique(place)) == len(place) == len(left) - len(counts), "nodes that make no tree")
    parents = nodes["parents"]
    _need((parents[place] + start[place] == at).all(), "a child of another node")
    _need((parents[first] == _NO_PARENT).all(), "a root with a parent")
    up = parents.astype(np.int64) + start
    up[first] = first
    above = np.arange(len(up))
    for _ in range(MAX_LEVELS):
        above = up[above]
        above = above[up[above] != above]
        if not len(above):
            return
    raise ValueError(f"a tree of more than {MAX_LEVELS} levels, or with a circle")
