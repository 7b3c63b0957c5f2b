"""Write the report: ``index.html``, ``report.json``, ``histograms.root`` and ``plots/``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...files.numbers import PROGRAM, report_folder, write_json
from ...files.scratch import whole
from ...statistics.adaptive_bins import Bins
from ...statistics.binned_shares import Binned
from ...statistics.influence import Shares
from ...system.extras import need
from ...system.processes import Inline
from ..page import ENDINGS, Drawing, Image, draw_all, write_page
from ..tracks import SPECIES
from .canvas import SAMPLES
from .compute import Part, Report
from .decays import DecayComparison
from .draw import drawings
from .efficiency import Ratio
from .measure import box_texts
from .sample import Sample
from .tables import HEADING, facts, floor_name, sections

if TYPE_CHECKING:
    import hist

REPORT_SCHEMA = 1
"""Version of the layout of ``report.json``; it grows when a name changes or goes."""
DIGITS = 5
"""Significant digits of its numbers."""


def write_report(
    report: Report,
    folder: Path,
    *,
    every: bool = False,
    pdf: bool = False,
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
        pdf: write each figure as PDF, too.
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
    main, histograms, plots = folder / "report.json", folder / "histograms.root", folder / "plots"
    with report_folder(folder):
        say("figures")
        endings = ENDINGS if pdf else ENDINGS[:1]
        share = partial(_images, report, plots, every, endings, workers=workers)
        parts = [(pool or Inline()).submit(share, k) for k in range(workers)]
        say("numbers")
        write_json(main, numbers(report), digits=DIGITS, indent=None)
        write_histograms(report, histograms)
        further = draw_all(extra, plots, endings)
        drawn = chain.from_iterable(zip_longest(*(part.result() for part in parts)))
        images = [*filter(None, drawn), *further]
        told = (HEADING, sections(report), images, report.verdict, facts(report))
        page = write_page(folder / "index.html", *told)
    files = [plots / f"{image.name}.{e}" for image in images for e in endings]
    return [page, main, histograms, *files]


def _images(
    report: Report, folder: Path, every: bool, endings: Sequence[str], first: int, workers: int
) -> list[Image]:
    """Draw every so many-th figure of a report."""
    return draw_all(islice(drawings(report, every), first, None, workers), folder, endings)


# --- report.json


def numbers(report: Report) -> dict[str, Any]:
    """Content of ``report.json``, see `numbers.plain`."""
    verdict, shown = report.verdict, report.physics
    return {
        "schema_version": REPORT_SCHEMA,
        "program": PROGRAM,
        "provenance": report.provenance,
        "samples": {s.name: _sizes(s) for s in (report.detailed, report.fast)},
        "common_events": report.common,
        "not_compared": report.missing,
        "verdict": verdict.numbers,
        "comparison": _part(report.whole),
        "floor_of": floor_name(report),
        "floor": None if report.floor is None else _part(report.floor),
        "classifier": report.tellings,
        "physics": {k: getattr(shown, k) for k in ("impact", "vertices", "curves", "peaks")},
    }


def _sizes(sample: Sample) -> dict[str, Any]:
    return {
        "events": sample.n_events,
        "particles": len(sample.particle["unit"]),
        "long_tracks": len(sample.track["unit"]),
        "out_of_range": sample.out_of_range,
        "species": {n: (sample.track["species"] == c).sum() for n, c in SPECIES.items()},
        "repeated_tracks": sample.duplicates,
    }


def _part(part: Part) -> dict[str, Any]:
    bins: dict[str, dict[str, Any]] = {}
    ratios = []
    for ratio in part.ratios:
        schemes = {
            "*".join(axes): {"bins": _boxes(bins, binned.bins), **_binned(binned)}
            for axes, binned in ratio.schemes.items()
        }
        head = {k: getattr(ratio, k) for k in ("group", "species", "label", "kind", "variable")}
        ratios.append({**head, "all": _shares(ratio.whole), "schemes": schemes})
    lists = ("distances", "widths", "correlations", "slices")
    return {
        "bins": bins,
        "ratios": ratios,
        **{name: getattr(part, name) for name in lists},
        "decays": [_decay(d) for d in part.decays],
    }


def _decay(one: DecayComparison) -> dict[str, Any]:
    by_tau = one.by_tau and {"boxes": one.by_tau.bins.seen[:, 0], **_binned(one.by_tau)}
    return {
        **{k: getattr(one, k) for k in ("name", "text", "head", "generated", "candidates")},
        **{k: _shares(getattr(one, k)) for k in ("per_event", "of_all", "of_accepted")},
        **{"by_tau": by_tau, "widths": one.widths, "distances": one.distances},
        "gains": one.gains,
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


def _binned(binned: Binned) -> dict[str, Any]:
    return {**_shares(binned.shares), "chi2": binned.chi2}


def _shares(shares: Shares) -> dict[str, Any]:
    names = ("n_detailed", "n_fast", "detailed", "fast", "ratio", "ratio_error", "pull")
    return {name: getattr(shares, name) for name in names}


# --- histograms.root


def write_histograms(report: Report, path: Path) -> None:
    """Efficiencies and ratios in one axis, and the 3 x 3 pages, as TH1D.

    Keys are ``ratio/SPECIES/VARIABLE_N/AXIS/{detailed,fast,ratio}`` and
    ``page/SPECIES/VARIABLE/BOX/{detailed,fast}``; titles tell the cut and the box.
    """
    import uproot

    counter: dict[str, int] = {}
    with whole(path, durable=False) as new, uproot.recreate(new) as file:
        for ratio in report.whole.ratios:
            key = f"ratio/{ratio.species}/{ratio.variable}"
            counter[key] = counter.get(key, -1) + 1
            for name, one in _ratio_histograms(ratio):
                file[f"{key}_{counter[key]}/{name}"] = one
        for shown in report.physics.pages:
            for box, place in enumerate(box_texts(shown.bins)):
                for i, name in enumerate(SAMPLES):
                    file[f"page/{shown.species}/{shown.variable}/box{box}/{name}"] = _histogram(
                        *(shown.edges, shown.counts[i, box], shown.squares[i, box], place)
                    )


def _ratio_histograms(ratio: Ratio) -> Iterator[tuple[str, hist.Hist[Any]]]:
    for (axis, *others), binned in ratio.schemes.items():
        if others:
            continue
        s = binned.shares
        for name, values, variances in (
            ("detailed", s.detailed, s.detailed * (1.0 - s.detailed) / s.n_detailed),
            ("fast", s.fast, s.fast * (1.0 - s.fast) / s.n_fast),
            ("ratio", s.ratio, s.ratio_error**2),
        ):
            yield f"{axis}/{name}", _histogram(binned.bins.edges, values, variances, ratio.label)


def _histogram(
    edges: np.ndarray, values: np.ndarray, variances: np.ndarray, text: str
) -> hist.Hist[Any]:
    import hist

    one = hist.Hist(hist.axis.Variable(edges), storage=hist.storage.Weight(), name=text)
    known = np.isfinite(values) & np.isfinite(variances)
    one.view().value = np.where(known, values, 0.0)
    one.view().variance = np.where(known, np.maximum(variances, 0.0), 0.0)
    return one
