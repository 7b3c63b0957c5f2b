"""The front of a search, as lines of a card and as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ..files.numbers import number, table
from ..system.extras import missing
from .config import SearchConfig
from .search import Trial, chosen, front

PICTURE = "search.svg"
"""The picture in the folder of a model."""


def front_lines(config: SearchConfig, trials: Sequence[Trial], picture: bool) -> list[str]:
    """What a card says of a search: nothing that was measured, which is another in each run.

    Args:
        config: the search.
        trials: all that are done; the first has the settings of the recipe.
        picture: whether `PICTURE` is beside the card.
    """
    best, kept = chosen(trials), front(trials)
    shown = [trials[0], *(one for one in kept if one is not trials[0])]
    rows = [
        (
            *(number(one.settings[k], 3) for k in best.settings),
            *(number(one.auc, 4), number(one.error, 2), number(one.us, 3), _mark(one, trials)),
        )
        for one in shown
    ]
    head = (*best.settings, "AUC", "+-", "us a row, reckoned", "")
    return [
        "## Where the settings come from",
        f"A search of {len(trials)} trials (tree-structured Parzen estimator, seed {config.seed}),",
        f"judged on {config.apart:.0%} of the events to train on, which the trials did not see.",
        "Here are the recipe and the trials that no other beats in both figures.",
        "",
        *table(head, rows),
        *(["", f"![Trials of the search]({PICTURE})"] if picture else []),
    ]


def _mark(one: Trial, trials: Sequence[Trial]) -> str:
    words = ["recipe"] if one is trials[0] else []
    return ", ".join([*words, *(["chosen"] if one is chosen(trials) else [])])


def picture_of(trials: Sequence[Trial]) -> bytes | None:
    """The trials and their front as SVG, the same bytes for the same trials.

    Args:
        trials: all that are done, the first that of the recipe.

    Returns:
        None without the extra ``plot``.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise missing(str(error.name), "plot") from None
        return None
    with matplotlib.rc_context({"svg.hashsalt": "search", "font.size": 9}):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.subplots()
        us, auc, errors = ([getattr(t, k) for t in trials] for k in ("us", "auc", "error"))
        axes.errorbar(us, auc, errors, fmt="o", color="0.6", markersize=4, label="trials")
        kept, best = front(trials), chosen(trials)
        axes.plot([t.us for t in kept], [t.auc for t in kept], "-", color="tab:blue", label="front")
        for one, mark, name in ((trials[0], "s", "recipe"), (best, "*", "chosen")):
            axes.plot([one.us], [one.auc], mark, markersize=9, label=name)
        axes.set(xscale="log", xlabel="us a row, reckoned", ylabel="area under the ROC curve")
        axes.legend(frameon=False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
