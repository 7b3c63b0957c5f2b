"""Electronics of the calorimeters: noise, digitisation, saturation, the crossing before."""

from __future__ import annotations

import numpy as np

from ..compiled import inner
from ..random import exponential, normal, poisson, uniform
from .cells import sine


@inner
def read_out(resp, signals, state):  # type: ignore[no-untyped-def]
    """Energy of the crossing before, noise, digitisation and saturation, in place."""
    cells = resp.ecal
    real, n = np.empty(len(cells.exists), np.int64), 0
    for c in range(len(cells.exists)):
        if cells.exists[c]:
            real[n] = c
            n += 1
    for _ in range(poisson(state, resp.stray)):
        c = real[min(int(uniform(state) * n), n - 1)]
        signals.ecal[c] += resp.stray_et * exponential(state) / sine(c, cells, resp.plane_z)
    for k in range(n):
        c = real[k]
        count = resp.adc_step / sine(c, cells, resp.plane_z)
        level = round(signals.ecal[c] / count + resp.noise * normal(state))
        signals.ecal[c] = min(level, resp.et_max / resp.adc_step - 1.0) * count
    for c in range(len(resp.hcal.x)):
        if resp.hcal.exists[c]:
            noise = resp.hcal_noise / sine(c, resp.hcal, resp.hcal_z)
            signals.hcal[c] += noise * normal(state)
