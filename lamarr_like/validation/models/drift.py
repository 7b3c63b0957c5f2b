"""What the commands do with figures: those of a registry, those of a new sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ...engine.artefact import NAME, read_artefact
from ...errors import ArtefactError
from ...files.numbers import plain, write_tables
from ...registry import store
from ...registry.index import Entry
from ...registry.remote import Registry, open_registry
from ...statistics.judgement import Status
from ..verdict import Verdict, VerdictConfig
from .figures import FigureSet, of_config, read_figures
from .gate import Change, Gate, compared, gate, thresholds, verdict_of


def label_of(figures: FigureSet) -> str:
    """Label by which figures are kept in a registry: what made them, and on which samples."""
    stems = [Path(name).stem for name in figures.samples]
    text = "-".join([figures.kind, *(re.sub(r"[^A-Za-z0-9._+]", "_", stem) for stem in stems)])
    return text[:100] if re.fullmatch(NAME, text) else figures.kind


def checked(entry: Entry, contents: Mapping[str, bytes]) -> dict[str, tuple[bytes, FigureSet]]:
    """Figures that are about a model, by label.

    Args:
        entry: the model.
        contents: JSON of `validate` or `fidelity` by the name of the file.

    Raises:
        ArtefactError: if one is none, is about another model, or two are of the same samples.
    """
    found: dict[str, tuple[bytes, FigureSet]] = {}
    for where, content in contents.items():
        figures = read_figures(content, where, entry.name)
        own = figures.digests.get(entry.name)
        if own is None:
            raise ArtefactError(
                f"{where}: does not tell that it is about {entry.name}; make it anew with it"
            )
        if not entry.digest.startswith(own):
            raise ArtefactError(
                f"{where}: is about another {entry.name}, of digest {own[:12]} and not "
                f"{entry.digest[:12]}"
            )
        label = label_of(figures)
        if label in found:
            raise ArtefactError(f"{where}: figures of {label} are given twice")
        found[label] = content, figures
    return found


def kept(registry: Registry, entry: Entry) -> dict[str, FigureSet]:
    """Figures beside a model in a registry, by label.

    Raises:
        ArtefactError: if they are altered or about another model.
    """
    contents = {label: registry.report(entry, label) for label in entry.reports}
    return {label: one for label, (_, one) in checked(entry, contents).items()}


def judged(
    registry: Registry,
    entry: Entry,
    config: VerdictConfig | None = None,
    limits: VerdictConfig | None = None,
) -> Gate:
    """Hold a candidate against the model of its line that was approved last.

    Args:
        registry: where both are.
        entry: the candidate, with its figures beside it.
        config, limits: thresholds as of `gate`, the shipped ones where None.

    Raises:
        ArtefactError: if it is no candidate or has no figures.
    """
    if entry.life != "candidate":
        raise ArtefactError(f"{entry.name} is {entry.life}, no candidate")
    before = registry.index.approved(entry.line)
    new = kept(registry, entry)
    if before is None:
        return gate(entry.name, new, config=config, limits=limits)
    old, lineage = kept(registry, before), (before.lineage, entry.lineage)
    return gate(entry.name, new, before.name, old, config, limits, lineage)


def pass_gate(
    folder: Path,
    model: str,
    contents: Mapping[str, bytes],
    config: VerdictConfig | None = None,
    limits: VerdictConfig | None = None,
) -> Gate:
    """Give a candidate its figures, judge it, and approve it if it passes.

    Args:
        folder: its registry.
        model: name or pin.
        contents: figures as of `checked`; those beside it already count, too.
        config, limits: thresholds as of `gate`, the shipped ones where None.

    Raises:
        ArtefactError: if it is no candidate, or the figures are not about it.
        OutputError: if the registry cannot be written.
    """
    entry = open_registry(str(folder)).find(model)
    if given := checked(entry, contents):
        reports = {label: content for label, (content, _) in given.items()}
        entry = store.attach(folder, entry.name, reports)
    found = judged(open_registry(str(folder)), entry, config, limits)
    if found.status is Status.passed:
        beside = f"no worse than {found.approved}" if found.approved else "first of its line"
        store.set_life(folder, entry.name, "approved", f"{', '.join(found.own)}; {beside}")
    return found


def baseline(registry: Registry | None, entry: Entry, folder: Path) -> FigureSet:
    """Figures of single stages that a model had when it was made or published.

    Args:
        registry: where it is; None for a model in a folder.
        entry: the model.
        folder: its folder.

    Raises:
        ArtefactError: if it has none.
    """
    if registry is not None:
        found = [one for one in kept(registry, entry).values() if one.kind == "fidelity"]
        if found:
            return found[0]
    own = of_config(read_artefact(folder).config, f"{folder}/config.json")
    if own is None:
        raise ArtefactError(
            f"{entry.name} has no figures to drift from: write some by fidelity --cards before it "
            "is published, or give them to approve"
        )
    return own


def drift(
    entry: Entry,
    folder: Path,
    before: FigureSet,
    data: Sequence[Path],
    *,
    config: VerdictConfig | None = None,
    output: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Verdict, list[Change]]:
    """Measure a model on new detailed samples, and hold that against its figures of before.

    Args:
        entry: the model.
        folder: its folder.
        before: its figures of before, as of `baseline`.
        data: the samples.
        config: thresholds, the shipped ones where None.
        output: folder for ``fidelity.json`` and ``fidelity.md``.
        say: called with a line of text as the work goes on.

    Raises:
        LamarrLikeError: if a sample cannot be read or the stage cannot be tested alone.
    """
    import json

    from ..stages.fidelity import SampleConfig, run

    report = run(SampleConfig(data), single=[str(folder)], say=say)
    if output is not None:
        write_tables(output, "fidelity", asdict(report), report.markdown + "\n")
    new = read_figures(json.dumps(plain(asdict(report))).encode(), "the new sample", entry.name)
    changes, lost = compared(before, new)
    if lost or not changes:
        raise ArtefactError(f"{entry.name}: not measured on the new sample: {'; '.join(lost[:5])}")
    return verdict_of(changes, config or thresholds()), changes
