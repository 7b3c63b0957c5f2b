"""Between which numbers an output of a model makes sense, whatever it was trained on.

A draw never leaves the range of the training sample, which the tables of the model tell.  These
come from whoever trained it: a probability of -85 is refused when the model is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..errors import ArtefactError

_SHARE, _LOG, _COUNT = (0.0, 1.0), (-50.0, 50.0), (-0.5, 1e6)
_LIKELIHOOD, _ENERGY = (-1e5, 1e5), (0.0, 1e8)

BOUNDS: Mapping[str, tuple[float, float]] = {
    # Whole numbers are spread by a half before they are learnt.
    **dict.fromkeys(("n_spd_hits", "n_tracks", "n_dof"), _COUNT),
    **dict.fromkeys(("ghost_prob", "in_ecal", "owner_share", "is_matched"), _SHARE),
    **dict.fromkeys(("is_not_h", "photon_id", "is_not_e"), _SHARE),
    **dict.fromkeys(("brem_energy", "prs_energy", "hcal_energy", "merged_mass"), _ENERGY),
    "chi2_per_dof": (0.0, 1e6),
    "spread": (0.0, 1e5),
    "decay_z": (-2e3, 2e4),
    "ecal_height": (-10.0, 50.0),
    "log_energy": _LOG,
    **dict.fromkeys((f"log_sigma_{k}" for k in "xyz"), _LOG),
    **dict.fromkeys((f"log_sigma_{k}" for k in ("t_rad", "t_tan", "qop", "u_rad", "u_tan")), _LOG),
    **dict.fromkeys((f"rich_dll_{k}" for k in ("bt", "k", "p", "mu", "e")), _LIKELIHOOD),
    **dict.fromkeys((f"gain_{k}" for k in ("pi", "mu", "e", "k", "p")), _LIKELIHOOD),
    **dict.fromkeys(("calo_dll_e", "calo_dll_mu", "muon_mu_ll", "muon_bg_ll"), _LIKELIHOOD),
    **dict.fromkeys((f"logit_{k}" for k in ("k", "pi", "p", "mu", "e", "ghost")), _LOG),
    **dict.fromkeys((f"log_{k}_over_pi" for k in ("k", "p", "mu", "e", "ghost")), (-700.0, 700.0)),
}
"""Smallest and largest value of outputs, by name; momenta and energies in MeV, lengths in mm."""


def check_bounds(
    stage: str, model: object, bounds: Mapping[str, tuple[float, float]] = BOUNDS
) -> None:
    """Refuse a model that draws what cannot be.

    Args:
        stage: name of the stage, for messages.
        model: the model; what does not tell its ranges passes.
        bounds: smallest and largest value of outputs, by name.

    Raises:
        ArtefactError: naming the stage and the output.
    """
    ranges: Mapping[str, tuple[float, float]] = getattr(model, "ranges", {})
    for name, (low, high) in ranges.items():
        least, most = bounds.get(name, (-math.inf, math.inf))
        if low < least or high > most:
            raise ArtefactError(
                f"stage {stage!r}: its model draws {name} from {low:g} to {high:g}, which can only "
                f"lie within {least:g} and {most:g}"
            )
