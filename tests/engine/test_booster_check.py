"""Trees of strangers: forests that are none, circles, and those of XGBoost itself."""

import json
import struct

import numpy as np
import pytest
import xgboost as xgb
from onnx import helper
from onnx_networks import value

from lamarr_like.engine.artefact import read_artefact
from lamarr_like.engine.booster_check import check_booster
from lamarr_like.errors import ArtefactError


def inner(*nodes):
    """A graph in a graph."""
    return helper.make_graph(list(nodes), "inner", [], [value("z", "rows", 2)])


@pytest.fixture(scope="module")
def models(whole_chain):
    return whole_chain


@pytest.fixture
def booster(models):
    found = read_artefact(models / "efficiency-tiny-1")
    return json.loads(json.dumps(found.config)), dict(found.files)


class Writer:
    """UBJSON as XGBoost writes it."""

    @staticmethod
    def text(value):
        return b"L" + struct.pack(">q", len(value.encode())) + value.encode()

    @classmethod
    def value(cls, value):
        if isinstance(value, dict):
            parts = [cls.text(k) + cls.value(v) for k, v in value.items()]
            return b"{" + b"".join(parts) + b"}"
        if isinstance(value, np.ndarray):
            mark = {"f4": b"d", "i4": b"l", "u1": b"U", "i8": b"L"}[value.dtype.str[1:]]
            size = b"L" + struct.pack(">q", len(value))
            return b"[$" + mark + b"#" + size + value.tobytes()
        if isinstance(value, list):
            return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(cls.value, value))
        if isinstance(value, str):
            return b"S" + cls.text(value)
        return b"l" + struct.pack(">i", value)


def tree_of_levels(levels, n_features):
    """A tree whose right children go on and on."""
    n = 2 * levels - 1
    inner = np.arange(0, n - 1, 2) if levels > 1 else np.zeros(0, int)
    left, right = np.full(n, -1), np.full(n, -1)
    left[inner], right[inner] = inner + 1, inner + 2
    parents = np.full(n, 2**31 - 1)
    parents[inner + 1] = parents[inner + 2] = inner
    tree = {name: np.zeros(n, kind) for name, kind in {
        **dict.fromkeys(("base_weights", "loss_changes", "split_conditions", "sum_hessian"), ">f4"),
        **dict.fromkeys(("default_left", "split_type"), "u1"), "split_indices": ">i4",
    }.items()}  # fmt: skip
    tree |= {"left_children": left.astype(">i4"), "right_children": right.astype(">i4")}
    tree |= {"parents": parents.astype(">i4"), "categories": np.zeros(0, ">i4")}
    tree |= {"categories_nodes": np.zeros(0, ">i4"), "categories_sizes": np.zeros(0, ">i8")}
    tree |= {"categories_segments": np.zeros(0, ">i8")}
    params = {"num_deleted": "0", "num_feature": str(n_features), "num_nodes": str(n)}
    return {**tree, "id": 0, "tree_param": {**params, "size_leaf_vector": "1"}}


def forest(*trees, n_features=2):
    for number, tree in enumerate(trees):
        tree["id"] = number
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": list(range(len(trees) + 1)),
        "tree_info": [0] * len(trees),
        "trees": list(trees),
    }
    params = {"base_score": "5E-1", "boost_from_average": "0", "num_class": "0"}
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {**params, "num_feature": str(n_features), "num_target": "1"},
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    return {"learner": learner, "version": [2, 1, 0]}


def of(model):
    """The parts of a forest that are changed below."""
    inner = model["learner"]["gradient_booster"]["model"]
    return inner, inner["trees"][0], model["learner"]


def test_a_forest_of_ours_is_read_by_xgboost():
    content = Writer.value(forest(tree_of_levels(20, 2), tree_of_levels(1, 2)))
    check_booster(content, "m", 2, 2)
    found = xgb.Booster()
    found.load_model(bytearray(content))
    assert found.inplace_predict(np.zeros((1, 2), np.float32)).tolist() == [0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, t, x: t["tree_param"].update(size_leaf_vector="-1"), "leaves that are no numb"),
        (
            lambda m, t, x: t["tree_param"].update(size_leaf_vector="2"),
            "leaves that are no numbers",
        ),
        (lambda m, t, x: t["tree_param"].update(num_deleted="-3"), "deleted nodes"),
        (lambda m, t, x: t["tree_param"].update(num_feature="900"), "a tree for other features"),
        (lambda m, t, x: t["tree_param"].update(num_nodes="5 "), "num_nodes is no whole number"),
        (lambda m, t, x: t["tree_param"].update(extra="1"), "an item 'extra' that is not known"),
        (lambda m, t, x: t.update(id=1), "tree 0 has another number"),
        (lambda m, t, x: m["trees"][1].update(id=0), "tree 1 has another number"),
        (lambda m, t, x: m["trees"].reverse(), "tree 0 has another number"),
        (lambda m, t, x: t.update(parents=t["parents"].astype(">i8")), "parents of another"),
        (lambda m, t, x: t.update(split_conditions=t["split_conditions"][1:]), "another length"),
        (lambda m, t, x: t.update(categories=np.ones(1, ">i4")), "splits by categories"),
        (lambda m, t, x: t["split_type"].fill(1), "splits by categories"),
        (lambda m, t, x: t["default_left"].fill(7), "a direction that is none"),
        (lambda m, t, x: t["split_indices"].fill(2), "a feature that there is not"),
        (lambda m, t, x: t["split_conditions"].fill(np.inf), "no finite leaves"),
        (lambda m, t, x: m.update(tree_info=[0, 1]), "trees in disorder"),
        (lambda m, t, x: m.update(iteration_indptr=[0, 2, 1]), "iterations in disorder"),
        (lambda m, t, x: m["gbtree_model_param"].update(num_trees="1"), "missing trees"),
        (
            lambda m, t, x: m["gbtree_model_param"].update(num_parallel_tree="2"),
            "num_parallel_tree",
        ),
        (lambda m, t, x: m.update(cats={"enc": [1]}), "categories"),
        (lambda m, t, x: x["gradient_booster"].update(name="dart"), "no boosted trees"),
        (lambda m, t, x: x["gradient_booster"].update(weight_drop=[1]), "item 'weight_drop'"),
        (lambda m, t, x: x["learner_model_param"].update(num_target="3"), "num_target is 3"),
        (lambda m, t, x: x["learner_model_param"].update(num_class="9"), "not 2 classes"),
        (
            lambda m, t, x: x["learner_model_param"].update(base_score="nan"),
            "a number that is none",
        ),
        (lambda m, t, x: x["learner_model_param"].update(base_score="0"), "base score 0"),
        (
            lambda m, t, x: x["learner_model_param"].update(base_score="[0.5,0.5,0.5]"),
            "base scores",
        ),
        (lambda m, t, x: x["objective"].update(name="reg:squarederror"), "no classifier's"),
        (lambda m, t, x: x["objective"].update(extra={}), "item 'extra'"),
        (lambda m, t, x: x.update(feature_types=["c", "c"]), "features that are no numbers"),
        (lambda m, t, x: x.update(Config={}), "item 'Config'"),
    ],
)
def test_forests_that_are_none(change, message):
    model = forest(tree_of_levels(3, 2), tree_of_levels(2, 2))
    check_booster(Writer.value(model), "m", 2, 2)
    change(*of(model))
    with pytest.raises(ArtefactError, match=rf"^m: model\.ubj is no sound boosted .*{message}"):
        check_booster(Writer.value(model), "m", 2, 2)


def test_a_tree_of_a_million_levels():
    for levels in (129, 1_000_000):
        model = Writer.value(forest(tree_of_levels(levels + 1, 2)))
        with pytest.raises(ArtefactError, match="more than 128 levels"):
            check_booster(model, "m", 2, 2)
    check_booster(Writer.value(forest(tree_of_levels(129, 2))), "m", 2, 2)


def test_nodes_in_a_circle():
    """A root that is a leaf, and beside it nodes that are each other's children."""
    tree = tree_of_levels(3, 2)
    for name, values in (
        ("left_children", [-1, 2, 1, -1, -1]),
        ("right_children", [-1, 3, 4, -1, -1]),
        ("parents", [2**31 - 1, 2, 1, 1, 2]),
    ):
        tree[name] = np.array(values, ">i4")
    with pytest.raises(ArtefactError, match="with a circle"):
        check_booster(Writer.value(forest(tree)), "m", 2, 2)


def test_boosters_of_this_version_are_read(booster):
    config, files = booster
    sizes = len(config["conditions"]), len(config["classes"])
    check_booster(files["model.ubj"], "m", *sizes)
    with pytest.raises(ArtefactError, match="classes"):
        check_booster(files["model.ubj"], "m", sizes[0], sizes[1] + 1)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(200, 3)), rng.integers(0, 3, 200)
    for options in ({"max_depth": 2}, {"grow_policy": "lossguide", "max_leaves": 40}, {"gamma": 1}):
        found = xgb.XGBClassifier(n_estimators=3, n_jobs=1, objective="multi:softprob", **options)
        content = bytes(found.fit(x, y).get_booster().save_raw("ubj"))
        check_booster(content, "m", 3, 3)
