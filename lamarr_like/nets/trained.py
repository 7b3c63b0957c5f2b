"""What a training hands back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..engine.artefact import artefact_name, write_artefact
from ..engine.classifier import Classifier
from ..engine.generator import Generator
from ..engine.kinds import Model
from ..engine.load import build_model
from ..engine.translator.translation import Translator
from .config import AbstractConfig


def training_record(
    config: AbstractConfig,
    *,
    rows: int,
    digest: str,
    weighted: bool,
    history: list[dict[str, float]],
    started: float,
    **further: Any,
) -> dict[str, Any]:
    """What the configuration of a model records about its training.

    Args:
        config: settings.
        rows: rows that it learnt from.
        digest: `lamarr_like.nets.sample.data_digest` of the sample.
        weighted: whether the rows had weights.
        history: what `lamarr_like.nets.loop.run` returned.
        started: `time.perf_counter` at the start.
        further: what else is to be kept of it.
    """
    training = {
        "rows": rows,
        **further,
        "data_digest": digest,
        "weighted": weighted,
        "settings": config.to_json(),
        "history": history,
        "minutes": round((time.perf_counter() - started) / 60, 2),
    }
    return {"training": training, "code_version": __version__}


@dataclass(frozen=True)
class TrainedModel:
    """A trained model in memory: what `artefact.write_artefact` needs but names and card.

    Args:
        config: contents of ``config.json`` without stage, sample and version.
        files: weights and tables by file name.
    """

    config: dict[str, Any]
    files: dict[str, bytes] = field(repr=False)

    @property
    def figures(self) -> dict[str, Any]:
        """How well the model does on rows held out of its training."""
        figures: dict[str, Any] = self.config["figures"]
        return figures

    def model(self) -> Model:
        """The model ready to run."""
        return build_model(self.config, self.files, "trained model")

    def classifier(self) -> Classifier:
        """The same, for a model that is a classifier."""
        model = self.model()
        assert isinstance(model, Classifier)
        return model

    def generator(self) -> Generator:
        """The same, for a model that is a generator."""
        model = self.model()
        assert isinstance(model, Generator)
        return model

    def translator(self) -> Translator:
        """The same, for a model that is a translator."""
        model = self.model()
        assert isinstance(model, Translator)
        return model

    def save(
        self,
        parent: Path | str,
        *,
        stage: str,
        sample: str,
        version: str,
        card: str,
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the artefact ``<stage>-<sample>-<version>`` into a folder.

        Args:
            parent: folder of artefacts.
            stage: stage it is for.
            sample: what it was trained on.
            version: version of the artefact.
            card: text of ``card.md``.
            provenance: what else to record (source of the sample, command, further figures).
            overwrite: replace an artefact of that name.

        Raises:
            ArtefactError: if it cannot be written.
        """
        names = {"stage": stage, "sample": sample, "version": version}
        head = {k: self.config[k] for k in ("kind", "family")}
        config = {**head, **names, **self.config, "provenance": dict(provenance or {})}
        folder = Path(parent) / artefact_name(stage, sample, version)
        return write_artefact(folder, config, self.files, card, overwrite=overwrite)
