"""What can be wrong with a production as a whole."""

from __future__ import annotations

from ..errors import LamarrLikeError


class ProductionError(LamarrLikeError):
    """A production file is wrong, or the output folder holds something else."""
