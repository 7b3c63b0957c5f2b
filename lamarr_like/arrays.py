"""Names of the kinds of array that the package passes around, for annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Floats32: TypeAlias = NDArray[np.float32]  # what networks take and give
Ints: TypeAlias = NDArray[np.int64]
Ints32: TypeAlias = NDArray[np.int32]
Integers: TypeAlias = NDArray[np.integer[Any]]  # of any width: PDG numbers, event numbers, types
Keys: TypeAlias = NDArray[np.uint64]  # of random numbers, hashes
Mask: TypeAlias = NDArray[np.bool_]
Rows: TypeAlias = Ints | Mask  # which rows of a table: their places, or True where wanted
Columns: TypeAlias = dict[str, np.ndarray]  # by name, of equal length
ReadColumns: TypeAlias = Mapping[str, np.ndarray]  # the same, only to be read
