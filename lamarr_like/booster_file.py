"""Check of a boosted model's bytes before XGBoost, which crashes at some that are damaged.

The loader of XGBoost 3.2 is made for files of its own: offsets beyond the end of the text, or
children that a tree does not have, end the interpreter.  So a strict reader of UBJSON goes first,
and the trees that it finds must be trees.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from .errors import ArtefactError

_NUMBERS = {"i": "b", "U": "B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
_FIXED: dict[str, Any] = {"Z": None, "T": True, "F": False}
_MAX_DEPTH = 20
_NODES = (
    *("left_children", "right_children", "split_indices", "split_conditions", "parents"),
    *("default_left", "split_type", "base_weights", "loss_changes", "sum_hessian"),
)
_NO_PARENT = 2**31 - 1
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
OBJECTIVES = ("binary:logistic", "multi:softprob")
"""What classifiers are trained for."""


def check_booster(content: bytes, where: str, n_features: int, n_classes: int) -> None:
    """Refuse a model file that is not whole, or whose trees are none.

    Args:
        content: bytes of ``model.ubj``.
        where: name of the artefact, for messages.
        n_features: features that the model is to take.
        n_classes: classes that it is to give.

    Raises:
        ArtefactError: saying what is wrong.
    """
    try:
        reader = _Reader(content)
        model = reader.value(reader.mark(), 0)
        _need(reader.at == len(content), "something follows the model")
        _check_learner(model["learner"], n_features, n_classes)
    except (KeyError, TypeError, ValueError, IndexError, struct.error, OverflowError) as error:
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
        mark = self.mark()
        _need(mark in "iUIlL", "a length that is no whole number")
        found = int(self.number(mark))
        _need(0 <= found <= len(self.content) - self.at, "a length beyond the end")
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


def _check_learner(learner: dict[str, Any], n_features: int, n_classes: int) -> None:
    params = learner["learner_model_param"]
    n_groups = 1 if n_classes == 2 else n_classes
    _need(int(params["num_feature"]) == n_features, f"not made for {n_features} features")
    _need(int(params["num_target"]) == 1, "more than one target")
    _need(max(int(params["num_class"]), 1) in (n_groups, n_classes), f"not {n_classes} classes")
    _need(learner["objective"]["name"] in OBJECTIVES, "an objective that is no classifier's")
    booster = learner["gradient_booster"]
    _need(booster["name"] == "gbtree", "no boosted trees")
    model = booster["model"]
    trees, groups = model["trees"], np.asarray(model["tree_info"])
    n_trees = int(model["gbtree_model_param"]["num_trees"])
    _need(isinstance(trees, list) and len(trees) == len(groups) == n_trees, "missing trees")
    n_groups = max(int(params["num_class"]), 1)
    _need(((groups >= 0) & (groups < n_groups)).all(), "a tree for a class that there is not")
    steps = np.asarray(model.get("iteration_indptr", [0, n_trees]))
    _need(steps.ndim == 1 and len(steps) and (np.diff(steps) >= 0).all(), "disordered iterations")
    _need(steps[0] == 0 and steps[-1] == n_trees, "iterations that are not those of the trees")
    for tree in trees:
        _check_tree(tree, n_features)


def _check_tree(tree: dict[str, Any], n_features: int) -> None:
    params = tree["tree_param"]
    n = int(params["num_nodes"])
    _need(n > 0 and int(params["size_leaf_vector"]) <= 1, "a tree without nodes or with vectors")
    _need(int(params["num_deleted"]) == 0, "deleted nodes")
    nodes = {name: np.asarray(tree[name]) for name in _NODES}
    _need(all(v.shape == (n,) for v in nodes.values()), "nodes that lack a value")
    _need(not any(len(tree.get(name, ())) for name in _CATEGORIES), "splits by categories")
    _need(not nodes["split_type"].any(), "splits by categories")
    feature = nodes["split_indices"]
    _need(((feature >= 0) & (feature < n_features)).all(), "a feature that there is not")
    left, right = nodes["left_children"], nodes["right_children"]
    _need(((left == -1) == (right == -1)).all(), "a node with one child")
    inner = np.flatnonzero(left != -1)
    children = np.concatenate([left[inner], right[inner]])
    # Every node but the root is the child of one other: from the root on there is no circle.
    _need(((children > 0) & (children < n)).all(), "a child that there is not")
    _need(len(np.unique(children)) == len(children) == n - 1, "nodes that do not make a tree")
    parents = nodes["parents"]
    _need((parents[children] == np.tile(inner, 2)).all(), "a child of another node")
    _need(parents[0] == _NO_PARENT, "a root with a parent")
