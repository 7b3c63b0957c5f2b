"""Trained models at run time: ONNX Runtime and XGBoost, one thread, no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy.special import ndtri

from ..arrays import Floats
from ..errors import ArtefactError, SchemaError
from .artefact import Artefact, read_artefact
from .atoms import Atoms
from .booster_check import check_booster
from .model_config import check_config
from .model_tables import (
    check_atoms,
    check_probabilities,
    drawn_ranges,
    file_of,
    read_arrays,
    read_scores,
)
from .normal_scores import ConditionTransform, NormalScores
from .onnx_session import Network, Session
from .translator.cluster_layout import CLUSTER_FEATURES, MOST_CLUSTERS, MOST_OWN
from .translator.sequences import Sources
from .translator.translation import Translator


def _columns(
    names: tuple[str, ...], conditions: Mapping[str, np.ndarray], where: str
) -> list[np.ndarray]:
    """Condition arrays in the model's order, checked."""
    missing = [name for name in names if name not in conditions]
    if missing:
        raise SchemaError(f"{where} lacks the conditions {', '.join(missing)}")
    columns = [np.asarray(conditions[name]) for name in names]
    for name, values in zip(names, columns, strict=True):
        if values.shape != columns[0].shape or values.ndim != 1:
            raise SchemaError(
                f"{where}: condition {name!r} has shape {values.shape}, "
                f"{names[0]!r} has {columns[0].shape}; all must be (n,)"
            )
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise SchemaError(f"{where}: condition {name!r} is {values[row]} in row {row}")
    return columns


class Classifier:
    """Probabilities of classes given conditions.

    Args:
        conditions: names of the conditions, in the model's order.
        classes: names of the classes.
        probabilities: maps checked condition columns to an array ``(n, n_classes)``.
        where: name for messages.
    """

    def __init__(
        self,
        conditions: tuple[str, ...],
        classes: tuple[str, ...],
        probabilities: Callable[[list[np.ndarray]], np.ndarray],
        where: str,
    ) -> None:
        self.conditions = conditions
        self.classes = classes
        self._probabilities = probabilities
        self._where = where

    def predict(self, conditions: Mapping[str, np.ndarray]) -> Floats:
        """Probabilities, shape ``(n, n_classes)``.

        Args:
            conditions: arrays of shape ``(n,)``; others than those needed are ignored.

        Raises:
            SchemaError: if a condition is missing, has another length or is not finite.
            ArtefactError: if the model gives anything but probabilities.
        """
        columns = _columns(self.conditions, conditions, self._where)
        if len(columns[0]) == 0:
            return np.zeros((0, len(self.classes)))
        found = np.asarray(self._probabilities(columns), dtype=np.float64)
        shape = (len(columns[0]), len(self.classes))
        if found.shape != shape:
            raise ArtefactError(f"{self._where}: {found.shape} probabilities, {shape} are needed")
        check_probabilities(found, self._where, self.classes)
        return found


class Generator:
    """Draws of a vector given conditions.

    Args:
        conditions: names of the conditions, in the model's order.
        outputs: names of what is drawn.
        network: graph with inputs ``conditions``, ``uniforms``, ``normals`` (those it has) and
            outputs ``scores`` and, with more than one class of atoms, ``atom``.
        transform: conditions to network input.
        scores: normal scores of the outputs to physical values.
        atoms: exact equalities to impose.
        integer: whether each output is an integer.
        noise: how many uniform and how many normal numbers a row needs.
        where: name for messages.

    Attributes:
        ranges: smallest and largest value of each output, by name.
    """

    def __init__(
        self,
        *,
        conditions: tuple[str, ...],
        outputs: tuple[str, ...],
        network: Network,
        transform: ConditionTransform,
        scores: NormalScores,
        atoms: Atoms,
        integer: tuple[bool, ...],
        noise: tuple[int, int],
        where: str,
    ) -> None:
        self.conditions = conditions
        self.outputs = outputs
        self.n_uniforms = sum(noise)
        self.ranges = drawn_ranges(outputs, scores, atoms)
        self._network = network
        self._transform = transform
        self._scores = scores
        self._atoms = atoms
        self._integer = integer
        self._noise = noise
        self._where = where

    def draw(self, conditions: Mapping[str, np.ndarray], uniforms: Floats) -> dict[str, np.ndarray]:
        """One draw a row, in physical units.

        Args:
            conditions: arrays of shape ``(n,)``; others than those needed are ignored.
            uniforms: independent numbers in (0, 1), shape ``(n, n_uniforms)``.

        Returns:
            For each output an array of shape ``(n,)``: int64 for integers, else float64.

        Raises:
            SchemaError: if a condition is missing, has another length or is not finite, or if the
                random numbers have the wrong shape.
            ArtefactError: if the network gives what is no draw.
        """
        columns = _columns(self.conditions, conditions, self._where)
        uniforms = np.asarray(uniforms, dtype=np.float64)
        if uniforms.shape != (len(columns[0]), self.n_uniforms):
            raise SchemaError(
                f"{self._where}: uniforms have shape {uniforms.shape}, "
                f"needed is {(len(columns[0]), self.n_uniforms)}"
            )
        n_uniform = self._noise[0]
        feed = {
            "conditions": self._transform(columns),
            "uniforms": uniforms[:, :n_uniform].astype(np.float32),
            "normals": ndtri(uniforms[:, n_uniform:]).astype(np.float32),
        }
        drawn = self._network(**{name: feed[name] for name in self._network.inputs})
        values = self._scores.inverse(drawn[0])
        if len(self._atoms) > 1 or not self._atoms.free.all():
            atom = drawn[1][:, 0] if len(drawn) > 1 else np.zeros(len(values))
            check_atoms(atom, len(self._atoms), self._where)
            self._atoms.impose(values, atom.astype(np.int64))
        return {
            name: np.rint(values[:, k]).astype(np.int64) if self._integer[k] else values[:, k]
            for k, name in enumerate(self.outputs)
        }


Model: TypeAlias = Classifier | Generator | Translator
"""Every kind of trained model."""


def _booster_probabilities(model: bytes, where: str) -> Callable[[list[np.ndarray]], np.ndarray]:
    import xgboost as xgb

    booster = xgb.Booster()
    try:
        booster.load_model(bytearray(model))
    except xgb.core.XGBoostError as error:
        raise ArtefactError(f"{where}: XGBoost cannot load model.ubj: {error}") from error
    booster.set_param({"nthread": 1})

    def probabilities(columns: list[np.ndarray]) -> np.ndarray:
        features = np.stack([c.astype(np.float32) for c in columns], axis=1)
        p = np.asarray(booster.inplace_predict(features), dtype=np.float64)
        return p if p.ndim == 2 else np.stack([1.0 - p, p], axis=1)

    return probabilities


def _transform(
    config: Mapping[str, Any], arrays: Mapping[str, np.ndarray], where: str
) -> ConditionTransform:
    flags: list[bool] = config["condition_flags"]
    return ConditionTransform(
        flags, read_scores(arrays, "conditions", len(flags) - sum(flags), where)
    )


def _network_probabilities(
    config: Mapping[str, Any], files: Mapping[str, bytes], where: str
) -> Callable[[list[np.ndarray]], np.ndarray]:
    network = Network(file_of(files, "model.onnx", where), where)
    transform = _transform(config, read_arrays(files, where), where)
    return lambda columns: network(conditions=transform(columns))[0]


def _noise(config: Mapping[str, Any]) -> tuple[int, int]:
    return config["noise"]["uniforms"], config["noise"]["normals"]


def _translator(config: Mapping[str, Any], files: Mapping[str, bytes], where: str) -> Translator:
    conditions, copied = tuple(config["conditions"]), tuple(config["copied"])
    encoder, decoder = (
        Session(file_of(files, f"{name}.onnx", where), f"{where}/{name}.onnx")
        for name in ("encoder", "decoder")
    )
    head = Network(file_of(files, "head.onnx", where), f"{where}/head.onnx")
    scores = read_scores(read_arrays(files, where), "outputs", len(config["outputs"]), where)
    given = len(CLUSTER_FEATURES) + len(copied)
    wanted = {
        "the encoder's features": (encoder.inputs.get("features", ()), len(conditions)),
        "the decoder's features": (decoder.inputs.get("features", ()), given),
    }
    for what, (shape, size) in wanted.items():
        if not shape or shape[-1] != size:
            raise ArtefactError(f"{where}: {what} have shape {shape}, expected width {size}")
    shape = encoder.outputs.get("probabilities", ())
    # Sources of earlier models own three clusters at the most.
    if not shape or shape[-1] not in (MOST_OWN + 1, MOST_CLUSTERS + 1):
        raise ArtefactError(f"{where}: the probabilities have shape {shape}")
    atoms = Atoms.from_json(config["atoms"])
    model = Translator(
        conditions=conditions,
        copied=copied,
        outputs=tuple(config["outputs"]),
        encoder=_checked_encoder(encoder, f"{where}/encoder.onnx"),
        decoder=decoder,
        head=_checked_head(head, len(atoms), f"{where}/head.onnx"),
        scores=scores,
        atoms=atoms,
        noise=_noise(config),
        longest=config["longest"],
        zones=config["zones"],
    )
    model.ranges = drawn_ranges(model.outputs, scores, atoms)
    return model


def _checked_encoder(encoder: Session, where: str) -> Callable[..., list[np.ndarray]]:
    """The encoder, whose first output must be probabilities."""

    def run(**inputs: np.ndarray) -> list[np.ndarray]:
        found = encoder(**inputs)
        check_probabilities(found[0], where)
        return found

    return run


def _checked_head(head: Network, n: int, where: str) -> Callable[..., list[np.ndarray]]:
    """The head, whose second output, if it has one, must be classes of atoms."""

    def run(**inputs: np.ndarray) -> list[np.ndarray]:
        found = head(**inputs)
        if len(found) > 1:
            check_atoms(found[1][:, 0], n, where)
        return found

    return run


def build_model(config: Mapping[str, Any], files: Mapping[str, bytes], where: str) -> Model:
    """A runnable model from the contents of an artefact, tried on one row.

    Args:
        config: contents of ``config.json``.
        files: weights and tables by file name.
        where: name of the artefact, for messages.

    Raises:
        ArtefactError: if something is missing or cannot be read, or the parts do not fit together.
    """
    try:
        check_config(config, f"{where}/config.json")
        model = _built(config, files, where)
        _try(model)
    except KeyError as error:
        raise ArtefactError(f"{where} lacks {error}") from error
    except ArtefactError:
        raise
    except Exception as error:  # whatever a stranger's tables and shapes may lead to
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ArtefactError(f"{where}: its parts do not fit together ({reason})") from error
    return model


def _try(model: Model) -> None:
    """Run a model on one row, so that wrong shapes are found before the first event."""
    if isinstance(model, Translator):
        _try_translator(model)
        return
    row = {name: np.zeros(1) for name in model.conditions}
    if isinstance(model, Classifier):
        shape = model.predict(row).shape
        if shape != (1, len(model.classes)):
            raise ValueError(f"{shape} probabilities for {len(model.classes)} classes")
        return
    for name, values in model.draw(row, np.full((1, model.n_uniforms), 0.5)).items():
        if values.shape != (1,):
            raise ValueError(f"output {name} has the shape {values.shape}")


def _try_translator(model: Translator) -> None:
    """Run a translator on two sources, whose numbers are such that they own clusters."""
    n = 2
    place, ones = np.arange(n, dtype=np.float64), np.ones(n)
    features = np.zeros((n, len(model.conditions)), np.float32)
    sources = Sources(np.array([0, n]), features, place, place, ones, ones, ones < 0.0)
    model.draw(
        sources,
        np.full((n, 2), 1.0 - 1e-9),
        lambda owner, number, attempt, size: np.full((len(owner), size), 0.5),
    )


def _built(config: Mapping[str, Any], files: Mapping[str, bytes], where: str) -> Model:
    if config["kind"] == "classifier":
        if config["family"] == "booster":
            weights = file_of(files, "model.ubj", where)
            check_booster(weights, where, len(config["conditions"]), len(config["classes"]))
            run = _booster_probabilities(weights, where)
        else:
            run = _network_probabilities(config, files, where)
        return Classifier(tuple(config["conditions"]), tuple(config["classes"]), run, where)
    if config["kind"] == "translator":
        return _translator(config, files, where)
    arrays = read_arrays(files, where)
    return Generator(
        conditions=tuple(config["conditions"]),
        outputs=tuple(config["outputs"]),
        network=Network(file_of(files, "model.onnx", where), where),
        transform=_transform(config, arrays, where),
        scores=read_scores(arrays, "outputs", len(config["outputs"]), where, config["integer"]),
        atoms=Atoms.from_json(config["atoms"]),
        integer=tuple(config["integer"]),
        noise=_noise(config),
        where=where,
    )


def load_model(path: Path | str | Artefact) -> Model:
    """Load, verify and prepare a trained model.

    Args:
        path: folder of the artefact, or one already read.

    Raises:
        ArtefactError: if it is absent, altered or cannot be read.
    """
    artefact = path if isinstance(path, Artefact) else read_artefact(path)
    return build_model(artefact.config, artefact.files, artefact.folder.name)


def load_classifier(path: Path | str | Artefact) -> Classifier:
    """`load_model` for a model that must be a classifier."""
    model = load_model(path)
    if not isinstance(model, Classifier):
        raise ArtefactError(f"{path} is no classifier")
    return model


def load_generator(path: Path | str | Artefact) -> Generator:
    """`load_model` for a model that must be a generator."""
    model = load_model(path)
    if not isinstance(model, Generator):
        raise ArtefactError(f"{path} is no generator")
    return model
