"""Real artefacts, quickly made: they know the shape of each target but nothing of conditions."""

from __future__ import annotations

import io

import numpy as np
import onnx
import xgboost as xgb
from onnx import TensorProto, helper

from lamarr_like.engine.artefact import artefact_name, write_artefact
from lamarr_like.engine.atoms import Atoms
from lamarr_like.engine.normal_scores import ConditionTransform, NormalScores
from lamarr_like.stages import MODEL_STAGES, AbstractClassifierStage

TINY = tuple(name for name in MODEL_STAGES if name not in ("ecal", "extra_tracks"))
"""Stages with a tiny model; a translation and a library of events have tests of their own."""


def write_models(folder, batch, pipeline=None):
    """One artefact ``<stage>-tiny-1`` for each stage, from a detailed sample.

    Args:
        folder: where to put them.
        batch: detailed events, after the propagation stage.
        pipeline: file of a pipeline with these models, written where it is given.
    """
    for name in TINY:
        stage = MODEL_STAGES[name]
        rows = stage.rows(batch)
        conditions, targets = stage.conditions(batch, rows), stage.targets(batch, rows)
        if issubclass(stage, AbstractClassifierStage):
            config, files = _booster(stage, conditions, targets)
        else:
            config, files = _shuffler(stage, conditions, targets)
        head = {"stage": name, "sample": "tiny", "version": "1"}
        config = {**head, **config, **stage.extra_config(batch)}
        write_artefact(folder / artefact_name(name, "tiny", "1"), config, files, f"# {name}\n")
    if pipeline is not None:
        lines = ["schema_version: 1", "name: tiny", "stages:", "  - stage: propagation"]
        for name in TINY:
            lines += [f"  - stage: {name}", f"    model: {name}-tiny-1"]
        pipeline.write_text("\n".join(lines) + "\n")


def _booster(stage, conditions, targets):
    table = np.stack(list(conditions.values()), axis=1).astype(np.float32)
    k = len(stage.classes)
    model = xgb.XGBClassifier(
        n_estimators=5, max_depth=3, n_jobs=1, objective="multi:softprob", num_class=k
    )
    if k == 2:
        model = xgb.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1)
    model.fit(table, targets[stage.target])
    config = {"kind": "classifier", "family": "booster", "conditions": list(conditions)}
    weights = bytes(model.get_booster().save_raw("ubj"))
    return {**config, "classes": list(stage.classes)}, {"model.ubj": weights}


def _shuffler(stage, conditions, targets):
    columns = list(conditions.values())
    transform = ConditionTransform.fit(columns)
    outputs = [targets[name] for name in stage.outputs]
    integer = [name in stage.integers for name in stage.outputs]
    atoms = Atoms([[] for _ in outputs], np.full((1, len(outputs)), -1))
    config = {
        "kind": "generator",
        "family": "shuffler",
        "conditions": list(conditions),
        "condition_flags": [bool(f) for f in transform.flags],
        "outputs": list(stage.outputs),
        "integer": integer,
        "atoms": atoms.to_json(),
        "noise": {"uniforms": 0, "normals": len(outputs)},
    }
    tables = io.BytesIO()
    scores = NormalScores.fit(outputs)
    arrays = transform.scores.to_arrays("conditions") | scores.to_arrays("outputs")
    np.savez(tables, **arrays)
    return config, {"model.onnx": _identity(len(outputs)), "transforms.npz": tables.getvalue()}


def _identity(width):
    """A network that passes its normal numbers on as scores."""
    shape = ["rows", width]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["normals"], ["scores"])],
        "identity",
        [helper.make_tensor_value_info("normals", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()
