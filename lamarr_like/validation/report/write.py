"""Write the report: ``index.html``, ``report.json``, ``histograms.root`` and ``plots/``."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import asdict, is_dataclass, replace
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import __version__
from ...errors import OutputError
from ...files.places import fresh
from ...statistics.adaptive_bins import Bins
from ...system.extras import need
from .canvas import Drawing
from .columns import SPECIES
from .compute import Part, Report
from .decays import DecayComparison
from .draw import drawings
from .efficiency import Binned, Ratio
from .gather import Sample
from .measure import box_texts
from .page import Image, page
from .workers import Inline

if TYPE_CHECKING:
    import hist

REPORT_SCHEMA = 1
"""Version of the layout of ``report.json``; it grows when a name changes or goes."""
EMBEDDED = 9_000_000
"""Bytes of PNG that the page carries at the most; further figures lie beside it."""
DPI = 90


def write_report(
    report: Report,
    folder: Path,
    *,
    every: bool = False,
    extra: Iterable[Drawing] = (),
    say: Callable[[str], None] = lambda line: None,
    pool: Executor | None = None,
    workers: int = 1,
) -> list[Path]:
    """Write everything into a folder, made if absent.

    Args:
        report: the numbers.
        folder: where to.
        every: draw every efficiency ratio, not only the main and the worst ones.
        extra: further figures.
        say: called with the name of each step.
        pool: processes that share the work, this one if None.
        workers: how many there are.

    Returns:
        The files.

    Raises:
        OutputError: if the folder cannot be written.
    """
    need("report")
    files = [folder / n for n in ("index.html", "report.json", "histograms.root")]
    try:
        (folder / "plots").mkdir(parents=True, exist_ok=True)
        slim = replace(
            report,
            detailed=report.detailed.without_pairs(),
            fast=report.fast.without_pairs(),
        )
        share = partial(_images, slim, folder / "plots", every, workers=workers)
        say("figures")
        parts = [(pool or Inline()).submit(share, k) for k in range(workers)]
        say("numbers")
        text = json.dumps(numbers(report), allow_nan=False, separators=(",", ":"))
        fresh(files[1]).write_text(text + "\n")
        write_histograms(report, files[2])
        further = [_image(drawing, folder / "plots") for drawing in extra]
        drawn = chain.from_iterable(zip_longest(*(part.result() for part in parts)))
        images = [*(image for image in drawn if image is not None), *further]
        for image in images:
            files += [folder / "plots" / f"{image.name}.{e}" for e in ("png", "pdf")]
        fresh(files[0]).write_text(page(report, _embedded(images)))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error})") from None
    return files


def _images(report: Report, folder: Path, every: bool, first: int, workers: int) -> list[Image]:
    """Draw every so many-th figure of a report."""
    chosen = islice(drawings(report, every), first, None, workers)
    return [_image(drawing, folder) for drawing in chosen]


def _image(drawing: Drawing, folder: Path) -> Image:
    """Write a figure as PNG and PDF."""
    # The layout takes most of the time and is the same for both files; no other engine may look
    # once more before each.
    drawing.figure.draw_without_rendering()
    drawing.figure.set_layout_engine(None)
    held = io.BytesIO()
    drawing.figure.savefig(held, format="png", dpi=DPI)
    printed = fresh(folder / f"{drawing.name}.pdf")
    drawing.figure.savefig(printed, metadata={"CreationDate": None})
    data = held.getvalue()
    fresh(folder / f"{drawing.name}.png").write_bytes(data)
    width, height = drawing.figure.get_size_inches() * DPI
    return Image(
        *(drawing.name, drawing.section, drawing.caption, int(width), int(height)),
        data=base64.b64encode(data).decode(),
    )


def _embedded(images: list[Image]) -> list[Image]:
    """The same without the data of those beyond the size of the page."""
    kept, size = [], 0
    for image in images:
        size += len(image.data)
        kept.append(image if size <= EMBEDDED else image._replace(data=""))
    return kept


# --- report.json


def numbers(report: Report) -> dict[str, Any]:
    """Content of ``report.json``: numbers and text only, null where there is no number."""
    verdict = report.verdict
    content = {
        "schema_version": REPORT_SCHEMA,
        "program": f"lamarr_like {__version__}",
        "provenance": report.provenance,
        "samples": {s.name: _sizes(s) for s in (report.detailed, report.fast)},
        "common_events": report.common,
        "not_compared": report.missing,
        "verdict": {
            "status": verdict.status.value,
            "exit_status": verdict.exit_status,
            "lines": verdict.lines,
            "false_alarm": verdict.false_alarm,
            "thresholds": verdict.thresholds,
            "checks": [asdict(c) for c in verdict.checks],
        },
        "comparison": _part(report.whole),
        "floor": None if report.floor is None else _part(report.floor),
        "classifier": [asdict(t) for t in report.tellings],
        "physics": {
            "impact": [asdict(w) for w in report.physics.impact],
            "vertices": [asdict(w) for w in report.physics.vertices],
            "curves": [asdict(c) for c in report.physics.curves],
            "peaks": [asdict(p) for p in report.physics.peaks],
        },
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def _sizes(sample: Sample) -> dict[str, Any]:
    counts = {n: int((sample.track["species"] == c).sum()) for n, c in SPECIES.items()}
    return {
        "events": sample.n_events,
        "particles": len(sample.particle["unit"]),
        "long_tracks": len(sample.track["unit"]),
        "out_of_range": sample.out_of_range,
        "species": counts,
        "repeated_tracks": sample.duplicates,
    }


def _part(part: Part) -> dict[str, Any]:
    bins: dict[str, dict[str, Any]] = {}
    ratios = []
    for ratio in part.ratios:
        schemes = {}
        for axes, binned in ratio.schemes.items():
            key = _boxes(bins, binned.bins)
            schemes["*".join(axes)] = {"bins": key, **_shares(binned)}
        head = {k: getattr(ratio, k) for k in ("group", "species", "label", "kind", "variable")}
        ratios.append({**head, "all": _columns(ratio.whole), "schemes": schemes})
    return {
        "bins": bins,
        "ratios": ratios,
        "distances": [asdict(d) | {"chi2": d.chi2._asdict()} for d in part.distances],
        "widths": [asdict(w) for w in part.widths],
        "correlations": [asdict(c) for c in part.correlations],
        "slices": [asdict(s) for s in part.slices],
        "decays": [_decay(d) for d in part.decays],
    }


def _decay(one: DecayComparison) -> dict[str, Any]:
    by_tau = None
    if one.by_tau is not None:
        by_tau = {"boxes": one.by_tau.bins.seen[:, 0], **_shares(one.by_tau)}
    return {
        **{k: getattr(one, k) for k in ("name", "text", "head", "generated", "candidates")},
        **{k: _columns(getattr(one, k)) for k in ("per_event", "of_all", "of_accepted")},
        "by_tau": by_tau,
        "widths": [asdict(w) for w in one.widths],
        "distances": [asdict(d) | {"chi2": d.chi2._asdict()} for d in one.distances],
    }


def _boxes(held: dict[str, dict[str, Any]], bins: Bins) -> str:
    """Edges are written once for all ratios that share them; returns their name."""
    boxes = bins.seen.tolist()
    for name, known in held.items():
        if known["boxes"] == boxes:
            return name
    name = f"{'*'.join(bins.axes)}/{len(held)}"
    held[name] = {"axes": bins.axes, "boxes": boxes}
    return name


def _shares(binned: Binned) -> dict[str, Any]:
    return {**_columns(binned.shares), "chi2": binned.chi2._asdict()}


def _columns(shares: Any) -> dict[str, Any]:
    names = ("n_detailed", "n_fast", "detailed", "fast", "ratio", "ratio_error", "pull")
    return {name: getattr(shares, name) for name in names}


def _plain(value: Any) -> Any:
    """Numbers with five digits, text, lists and dictionaries."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    number = float(value)
    return float(f"{number:.5g}") if math.isfinite(number) else None


# --- histograms.root


def write_histograms(report: Report, path: Path) -> None:
    """Efficiencies and ratios in one axis, and the 3 x 3 pages, as TH1D.

    Keys are ``ratio/SPECIES/VARIABLE_N/AXIS/{detailed,fast,ratio}`` and
    ``page/SPECIES/VARIABLE/BOX/{detailed,fast}``; titles tell the cut and the box.
    """
    import uproot

    with uproot.recreate(fresh(path)) as file:
        counter: dict[tuple[str, str], int] = {}
        for ratio in report.whole.ratios:
            key = (ratio.species, ratio.variable)
            counter[key] = counter.get(key, -1) + 1
            for name, one in _ratio_histograms(ratio):
                file[f"ratio/{ratio.species}/{ratio.variable}_{counter[key]}/{name}"] = one
        for shown in report.physics.pages:
            for box, place in enumerate(box_texts(shown.bins)):
                for i, name in enumerate(("detailed", "fast")):
                    file[f"page/{shown.species}/{shown.variable}/box{box}/{name}"] = _histogram(
                        *(shown.edges, shown.counts[i, box], shown.squares[i, box], place)
                    )


def _ratio_histograms(ratio: Ratio) -> Iterable[tuple[str, hist.Hist]]:
    for axes, binned in ratio.schemes.items():
        if len(axes) > 1:
            continue
        edges = np.concatenate([binned.bins.seen[:, 0, 0], binned.bins.seen[-1:, 0, 1]])
        s = binned.shares
        found = {
            "detailed": (s.detailed, s.detailed * (1.0 - s.detailed) / s.n_detailed),
            "fast": (s.fast, s.fast * (1.0 - s.fast) / s.n_fast),
            "ratio": (s.ratio, s.ratio_error**2),
        }
        for name, (values, variances) in found.items():
            yield f"{axes[0]}/{name}", _histogram(edges, values, variances, ratio.label)


def _histogram(
    edges: np.ndarray, values: np.ndarray, variances: np.ndarray, text: str
) -> hist.Hist:
    import hist

    one = hist.Hist(hist.axis.Variable(edges), storage=hist.storage.Weight(), name=text)
    known = np.isfinite(values) & np.isfinite(variances)
    one.view().value = np.where(known, values, 0.0)
    one.view().variance = np.where(known, np.maximum(variances, 0.0), 0.0)
    return one
