"""Models of EvtGen by name, as laws of `law` and `semileptonic`.

=====================  ============================================================================
``PHSP``               phase space
``VSS``, ``TSS``       a vector or tensor to two scalars
``SVS``, ``STS``       a scalar to a vector or tensor, and a scalar
``VLL``                a vector to two charged leptons
``VSP_PWAVE``          a vector to a scalar and a photon
``SVV_HELAMP``         a scalar to two vectors: ``|H+| arg |H0| arg |H-| arg``
``SVP_HELAMP``         a scalar to a vector and a photon: ``|H+| arg |H-| arg``
``HELAMP``             any two bodies: ``|H| arg`` from the highest helicities to the lowest, those
                       of the first daughter outermost
``ISGW2``, ``ISGW``    semileptonic decays to pseudoscalar and vector mesons
``HQET2``, ``HQET``    those to D and D*, with slope and ratios as parameters
=====================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..names import PHOTON
from .law import Complex, Law, TwoBody, VectorToLeptons
from .semileptonic import hqet2, isgw2

PHASE_SPACE = ("PHSP",)
"""Models that say nothing beyond phase space."""


class MismatchError(Exception):
    """A model that does not fit the particles or the number of parameters given to it."""


def spin2(pdg_id: int) -> int:
    """Twice the spin of a particle, 0 where nobody knows.

    Args:
        pdg_id: PDG identifier.
    """
    from particle.pdgid import PDGID

    spin = PDGID(pdg_id).J
    return 0 if spin is None else round(2 * float(spin))


def law_of(
    model: str, mother: int, daughters: Sequence[int], parameters: Sequence[float]
) -> tuple[Law | None, tuple[int, ...]]:
    """The law that a model gives a decay, and the order of the daughters that it takes.

    Args:
        model: name of the model, a key of `MODELS` or one of `PHASE_SPACE`.
        mother: PDG identifier of what decays.
        daughters: those of what it decays to.
        parameters: numbers behind the name of the model.

    Raises:
        MismatchError: if the model is not for these particles or parameters.
        KeyError: for a model that nobody knows.
    """
    in_order = tuple(range(len(daughters)))
    if model in PHASE_SPACE:
        return None, in_order
    if model in SEMILEPTONIC:
        leptons = [i for i in in_order if 11 <= abs(daughters[i]) <= 16]
        charged = [i for i in leptons if daughters[i] % 2]
        if len(daughters) != 3 or len(leptons) != 2 or len(charged) != 1:
            raise MismatchError("it is for a meson, a lepton and a neutrino")
        (lepton,) = charged
        order = (lepton, sum(leptons) - lepton, 3 - sum(leptons))
        meson = daughters[order[2]]
        law = SEMILEPTONIC[model](mother, meson, daughters[lepton], list(parameters))
        if law is None:
            raise MismatchError("its form factors for these mesons are not here")
        return law, order
    make = MODELS[model]
    if len(daughters) != 2:
        raise MismatchError("it is for two bodies")
    spins = [spin2(i) for i in (mother, *daughters)]
    return make(spins, list(daughters), list(parameters)), in_order


def _no_parameters(parameters: list[float]) -> None:
    if parameters:
        raise MismatchError("it has no parameters")


def _spins(spins: list[int], *allowed: tuple[int, int, int]) -> None:
    if tuple(spins) not in allowed:
        raise MismatchError("the spins of the particles are others")


def _scalars(spin: int) -> Callable[[list[int], list[int], list[float]], Law]:
    """What decays to two scalars."""

    def make(spins: list[int], daughters: list[int], parameters: list[float]) -> Law:
        _no_parameters(parameters)
        _spins(spins, (spin, 0, 0))
        return TwoBody(spin, np.ones((1, 1)))

    return make


def _along(spin: int) -> Callable[[list[int], list[int], list[float]], Law]:
    """A scalar to something with a spin, which has no helicity, and a scalar."""

    def make(spins: list[int], daughters: list[int], parameters: list[float]) -> Law:
        _no_parameters(parameters)
        _spins(spins, (0, spin, 0), (0, 0, spin))
        couplings = np.zeros((spins[1] + 1, spins[2] + 1))
        couplings[spins[1] // 2, spins[2] // 2] = 1.0
        return TwoBody(0, couplings)

    return make


def _leptons(spins: list[int], daughters: list[int], parameters: list[float]) -> Law:
    _no_parameters(parameters)
    _spins(spins, (2, 1, 1))
    return VectorToLeptons()


def _vector_photon(spins: list[int], daughters: list[int], parameters: list[float]) -> Law:
    _no_parameters(parameters)
    _spins(spins, (2, 0, 2), (2, 2, 0))
    couplings = np.array([1.0, 0.0, -1.0])
    return TwoBody(2, couplings.reshape(spins[1] + 1, spins[2] + 1))


def _two_vectors(spins: list[int], daughters: list[int], parameters: list[float]) -> Law:
    _spins(spins, (0, 2, 2))
    return TwoBody(0, np.diag(_polar(parameters, 3)))


def _scalar_photon(spins: list[int], daughters: list[int], parameters: list[float]) -> Law:
    _spins(spins, (0, 2, 2))
    if daughters[1] != PHOTON:
        raise MismatchError("its second daughter is a photon")
    right, left = _polar(parameters, 2)
    return TwoBody(0, np.diag([right, 0.0, left]))


def _any(spins: list[int], daughters: list[int], parameters: list[float]) -> Law:
    mother, first, second = spins
    if (mother + first + second) % 2:
        raise MismatchError("these spins do not add up")
    allowed = [
        (i, j)
        for i in range(first + 1)
        for j in range(second + 1)
        if abs((first - 2 * i) - (second - 2 * j)) <= mother
        and not (daughters[0] == PHOTON and i == 1)
        and not (daughters[1] == PHOTON and j == 1)
    ]
    couplings = np.zeros((first + 1, second + 1), dtype=np.complex128)
    for (i, j), value in zip(allowed, _polar(parameters, len(allowed)), strict=True):
        couplings[i, j] = value
    return TwoBody(mother, couplings)


def _polar(parameters: list[float], n: int) -> Complex:
    """Complex numbers from sizes and phases."""
    if len(parameters) != 2 * n:
        raise MismatchError(f"it takes {2 * n} parameters")
    sizes, phases = np.array(parameters).reshape(n, 2).T
    if not sizes.any():
        raise MismatchError("all its amplitudes are 0")
    return np.asarray(sizes * np.exp(1j * phases))


MODELS: dict[str, Callable[[list[int], list[int], list[float]], Law]] = {
    "VSS": _scalars(2),
    "TSS": _scalars(4),
    "SVS": _along(2),
    "STS": _along(4),
    "VLL": _leptons,
    "VSP_PWAVE": _vector_photon,
    "SVV_HELAMP": _two_vectors,
    "SVP_HELAMP": _scalar_photon,
    "HELAMP": _any,
}
"""Models of two-body decays: from the spins doubled, the daughters and the parameters to a law."""

SEMILEPTONIC: dict[str, Callable[[int, int, int, list[float]], Law | None]] = {
    "ISGW2": isgw2,
    "ISGW": isgw2,
    "HQET2": hqet2,
    "HQET": hqet2,
}
"""Models of semileptonic decays: from mother, meson, lepton and parameters to a law."""
