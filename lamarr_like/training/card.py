"""Text of the card of a model."""

from __future__ import annotations

from typing import Any

from ..nets.trained import TrainedModel
from .request import Request


def card(request: Request, model: TrainedModel, provenance: dict[str, Any]) -> str:
    """Text of ``card.md``: what it is, what it learnt from, how well, and where not to use it.

    Args:
        request: what was trained.
        model: the model.
        provenance: ``data`` (names of the files), ``events``, ``command``, and ``search``, lines on
            where the settings come from, if they were searched.
    """
    config, training = model.config, model.config["training"]
    figures = "\n".join(f"- {name}: {_plain(value)}" for name, value in config["figures"].items())
    outputs = ", ".join(config.get("outputs", config.get("classes", ())))
    weighted = f"Weighted: {'yes' if training['weighted'] else 'no'}."
    if training["weighted"] and getattr(request.stage_class, "rare_species", False):
        weighted = "Weighted: rare species by the inverse root of their share."
    told = getattr(request.stage_class, "told", "")
    took = f"; {training['minutes']} minutes on one thread" if "minutes" in training else ""
    searched = "\n".join(["", *provenance["search"], ""]) if provenance.get("search") else ""
    return f"""# {request.stage}, {config["family"]}, sample {request.sample}

Model of the stage `{request.stage}`; gives {outputs}.

## Trained on
{training["rows"]} rows of {provenance["events"]} events of {", ".join(provenance["data"])},
made by the *reference detector* of this package unless the sample's name says otherwise: an
LHCb-like spectrometer with published resolutions, not LHCb.
{weighted}
Seed {request.seed}{took}.
Command: `{provenance["command"] or "lamarr_like.training.train"}`

## How well, on rows held out of the training (they also chose the state kept)
{figures}

Figures on independent events, stage by stage and beside their floor: tutorials/fidelity.md, made by
`lamarr-like fidelity`.
{told}{searched}
## Do not use it
- for conditions outside the sample: other beam energies or lines, other magnet settings, momenta
  above a few hundred GeV, other species than e, mu, pi, K, p;
- for statements about LHCb itself.
"""


def _plain(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
