"""Trainings of a few steps, which take less time than to compile them would.

`conftest` leaves XLA out of all tests; what `in_xla` makes of a step shows that XLA takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial


@contextmanager
def eagerly() -> Iterator[None]:
    """Steps of TensorFlow as they come, none compiled; needs the extra ``train``."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def in_xla(trainer, *batch, name="step"):
    """A step in the language of XLA, not yet machine code, which would take 5 to 20 s."""
    import tensorflow as tf

    step = partial(getattr(type(trainer), name).python_function, trainer)
    compiled = tf.function(step, jit_compile=True, autograph=False)
    return compiled.experimental_get_compiler_ir(*map(tf.constant, batch))(stage="hlo")
