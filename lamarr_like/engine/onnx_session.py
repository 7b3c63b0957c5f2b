"""ONNX graphs at run time: one thread, rows in blocks that are no longer than they need be.

The result of a row is the same bit for bit whichever rows share the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..arrays import Floats32
from ..errors import ArtefactError
from .kept_networks import keeping, kept, place_of
from .onnx_check import check_model
from .translator.sequences import LENGTHS, SLOTS

BLOCK = 1024
"""Most rows in a call of a network."""
STEP = 16
"""Rows of a call are a multiple of it: as many float32 as the widest registers hold, so that it
makes no difference for the bits of a row how many others share the call."""


_CPU = ["CPUExecutionProvider"]


def _pieces(length: int, width: int) -> dict[str, int]:
    """Lengths of the axes of the networks that see sequences of sources and of clusters."""
    pieces = max(SLOTS // length, 1)
    sources = {"rows": pieces * length, "pieces": pieces, "length": length, "absorbers": length + 1}
    return {**sources, "width": width, "clusters": pieces * width}


SEQUENCES = (_pieces(LENGTHS[0], 64), _pieces(96, LENGTHS[-1]))
"""The largest that such networks are given: many short sequences, and a few long ones."""


def _blocks(n: int) -> Iterator[tuple[int, int, int]]:
    """Start, stop and padded size of the blocks that cover ``n`` rows."""
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        yield start, stop, -(-(stop - start) // STEP) * STEP


class Session:
    """An ONNX graph run on one thread, on arrays just as they come.

    Args:
        model: serialised ONNX model.
        where: name for messages.
        sizes: lengths of the named axes of its inputs, in each of the ways in which it is to run.

    Raises:
        ArtefactError: if it does what no model needs, costs too much, or ONNX Runtime refuses it.
    """

    def __init__(
        self,
        model: bytes,
        where: str = "model.onnx",
        sizes: Sequence[Mapping[str, int]] = SEQUENCES,
    ) -> None:
        import onnxruntime as ort

        place = place_of(model, ort.__version__)
        if place is None:  # else it is one that ships
            check_model(model, where, sizes)

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        try:
            found = kept(place)
            if found is None:
                with keeping(place) as options.optimized_model_filepath:
                    self._session = ort.InferenceSession(model, options, _CPU)
            else:
                options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
                self._session = ort.InferenceSession(found, options, _CPU)
        except Exception as error:  # onnxruntime has no common base of its own errors
            raise ArtefactError(f"{where}: ONNX Runtime cannot load it: {error}") from error
        self._where = where
        self.inputs = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        self.outputs = {o.name: tuple(o.shape) for o in self._session.get_outputs()}

    def __call__(self, **inputs: np.ndarray) -> list[np.ndarray]:
        """Outputs for some inputs; those that the graph does not have are left out."""
        feed = {name: np.ascontiguousarray(inputs[name]) for name in self.inputs}
        try:
            found: list[np.ndarray] = self._session.run(None, feed)
        except Exception as error:  # onnxruntime has no common base of its own errors
            raise ArtefactError(f"{self._where}: the network cannot be run: {error}") from error
        for name, values in zip(self.outputs, found, strict=True):
            if not np.isfinite(values).all():
                bad = values[~np.isfinite(values)][0]
                raise ArtefactError(
                    f"{self._where}: its output {name!r} is {bad}; the model is damaged, or was "
                    "not made for such input"
                )
        return found


class Network:
    """An ONNX graph run in blocks on one thread.

    Args:
        model: serialised ONNX model whose inputs and outputs all have shape ``(rows, width)``.
        where: name for messages.

    Attributes:
        inputs, outputs: their names.
        widths: of the outputs.

    Raises:
        ArtefactError: if ONNX Runtime refuses the model.
    """

    def __init__(self, model: bytes, where: str = "model.onnx") -> None:
        self._run = Session(model, where, [{"": BLOCK}])
        self.inputs, self.outputs = list(self._run.inputs), list(self._run.outputs)
        for name, shape in (*self._run.inputs.items(), *self._run.outputs.items()):
            if len(shape) != 2 or isinstance(shape[0], int) or not isinstance(shape[1], int):
                raise ArtefactError(f"{where}: {name!r} has the shape {shape}, not (rows, width)")
        self.widths = [int(shape[1]) for shape in self._run.outputs.values()]

    def __call__(self, **inputs: Floats32) -> list[Floats32]:
        """Run on arrays of shape ``(n, width)``; one array of shape ``(n, width)`` an output."""
        n = len(next(iter(inputs.values())))
        results = [np.empty((n, width), dtype=np.float32) for width in self.widths]
        for start, stop, size in _blocks(n):
            feed = {name: _padded(inputs[name][start:stop], size) for name in self.inputs}
            for result, block in zip(results, self._run(**feed), strict=True):
                result[start:stop] = block[: stop - start]
        return results


def _padded(values: Floats32, size: int) -> Floats32:
    if len(values) == size:
        return np.ascontiguousarray(values)
    result = np.zeros((size, values.shape[1]), dtype=np.float32)
    result[: len(values)] = values
    # A copy of a real row keeps the padding inside the range of the network.
    result[len(values) :] = values[-1]
    return result
