"""Every error that `lamarr_like` raises on purpose.

::

    LamarrLikeError
    ├── SourceError        truth input that cannot be read or is not physical
    │   └── BadEventError  the same, tied to one event of one file
    ├── SchemaError        a column is missing, has the wrong unit, type or length
    ├── ArtefactError      a trained model on disk is absent, altered or unreadable
    ├── PipelineError      the stages of a pipeline do not fit together
    ├── TrainingError      the training sample cannot support the training asked for
    ├── OutputError        the output cannot be written where it was asked for
    ├── MissingExtraError  a package is missing that an extra of this one brings
    ├── DecayError         a decay cannot be read or cannot happen
    ├── ProductionError    a production cannot go on, or its folder holds something else
    └── TwinError          a twin or a search is described wrongly, or cannot be made

Messages name the file, the event and the column, and say what to do.
"""

from __future__ import annotations


class LamarrLikeError(Exception):
    """Base of all errors raised on purpose by this package."""


class SourceError(LamarrLikeError):
    """Truth input that cannot be read or is not physical."""


class BadEventError(SourceError):
    """One event of one source is broken.

    Args:
        source: name of the file or generator.
        event: zero-based position of the event in the source.
        reason: what is wrong, naming the column where there is one.
    """

    def __init__(self, source: str, event: int, reason: str) -> None:
        super().__init__(f"{source}, event {event}: {reason}")
        self.source = source
        self.event = event
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadEventError], tuple[str, int, str]]:
        # Exceptions come back from worker processes with the arguments of their base otherwise.
        return type(self), (self.source, self.event, self.reason)


class SchemaError(LamarrLikeError):
    """A column is missing, has the wrong unit, type or length."""


class ArtefactError(LamarrLikeError):
    """A trained model on disk is absent, altered or unreadable."""


class PipelineError(LamarrLikeError):
    """The stages of a pipeline do not fit together."""


class TrainingError(LamarrLikeError):
    """The training sample cannot support the training asked for."""


class OutputError(LamarrLikeError):
    """The output cannot be written where it was asked for."""


class MissingExtraError(LamarrLikeError, ModuleNotFoundError):
    """A package is missing that an extra of this one brings; says how to install it."""


class DecayError(LamarrLikeError):
    """A decay that cannot be read or cannot happen.

    Args:
        reason: what is wrong.
        text: the descriptor.
        position: where in it, as an index; -1 for no place in particular.
    """

    def __init__(self, reason: str, text: str = "", position: int = -1) -> None:
        place = f"\n  {text}\n  {' ' * position}^" if position >= 0 else ""
        super().__init__(f"{reason}{place}")
        self.reason = reason
        self.text = text
        self.position = position

    def __reduce__(self) -> tuple[type[DecayError], tuple[str, str, int]]:
        return type(self), (self.reason, self.text, self.position)


class ProductionError(LamarrLikeError):
    """A production file is wrong, or the output folder holds something else."""


class TwinError(LamarrLikeError):
    """A twin or a search is described wrongly, or a step of it cannot be made."""
