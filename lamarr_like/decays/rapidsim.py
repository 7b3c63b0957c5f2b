"""Decays of RapidSim (arXiv:1612.07489): a ``.decay`` file and the ``.config`` beside it.

``X.decay`` holds ``Bs0 -> { Jpsi -> mu+ mu- } { phi -> K+ K- }``, ``X.config`` lines ``setting :
value``, those of a particle behind ``@0``, ``@1``, ... counted level by level.  What becomes of
each setting stands in ``tutorials/decay_models.md``; what has no counterpart makes a note.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DecayError, SourceError
from ..files.yaml_json import read_bytes
from .descriptor import Decay, Node, parse_decay
from .expressions import MOST, Expression
from .names import properties
from .rapidsim_files import Setting, by_level, identifier, lines_of, members, written
from .spectra import ETA_RANGE, MAX_PT

MAX_BYTES = 100_000
"""Longest file."""

SUFFIXES = (".decay", ".config")

_ASKED = {"M": "M", "M2": "M2", "P": "P", "PT": "PT"}
"""Parameters that become expressions, by their type."""

_WRITTEN = {
    *("M", "E", "P", "PX", "PY", "PZ", "PT", "IP", "MINIP", "FD", "eta", "phi", "Mcorr"),
    *("SIGMAIP", "SIGMAMINIP", "vtxX", "vtxY", "vtxZ", "origX", "origY", "origZ"),
    *("ENDVTX_X", "ENDVTX_Y", "ENDVTX_Z", "ProbNNmu", "ProbNNe", "ProbNNpi", "ProbNNk", "ProbNNp"),
}
"""Parameters of one particle that every DecayTree has, or what stands for them."""

_NO_COUNTERPART = {
    "pid": "ProbNN come from our chain, not from histograms",
    "maxAttempts": "tries have bounds of their own",
    "minWidth": "all resonances have their widths",
    "parent": "spectra follow from the head itself",
    "evtGenUsePHOTOS": "photons are not radiated",
}


@dataclass
class RapidSim:
    """What a pair of files asks for.

    Attributes:
        path: the ``.config``, or the ``.decay`` where there is none.
        decay: the decay, with RapidSim's names of particles as those of branches.
        order: names of branches by RapidSim's numbers.
        seed: of the random numbers, None for our own.
        options: of a source of decays.
        models: model of EvtGen and its parameters by branch.
        shape: file, name of the histogram, and numbers of the particles of each axis.
        branches: expressions of branches.
        notes: what has no counterpart.
        uses_evtgen: whether models of EvtGen are asked for.
    """

    path: Path
    decay: Decay
    order: list[str]
    seed: int | None = None
    options: dict[str, str] = field(default_factory=dict)
    models: dict[str, tuple[str, list[float]]] = field(default_factory=dict)
    shape: tuple[Path, str, list[list[int]]] | None = None
    branches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    uses_evtgen: bool = False

    @classmethod
    def read(cls, path: Path) -> RapidSim:
        """Read ``X.config`` and ``X.decay``, one of which is named; the former may be missing.

        Raises:
            SourceError: for what cannot be read, with the file and line.
            DecayError: for a decay that cannot happen.
        """
        text = read_bytes(path.with_suffix(".decay"), MAX_BYTES, SourceError).decode(
            "utf-8", "replace"
        )
        config = path.with_suffix(".config")
        own: list[Setting] = []
        each: dict[int, list[Setting]] = {}
        if config.is_file():
            content = read_bytes(config, MAX_BYTES, SourceError).decode("utf-8", "replace")
            own, each = lines_of(content, config)
        top = members(text, path.with_suffix(".decay"))
        order = list(by_level(top))
        if each and max(each) >= len(order):
            raise SourceError(f"{config}: @{max(each)}, but the decay has {len(order)} particles")
        names = {k: v for k, lines in each.items() for _, key, v in lines if key == "name"}
        descriptor = written(top, {id(one): names.get(k, "") for k, one in enumerate(order)})
        decay = parse_decay(descriptor)
        nodes = list(by_level(decay.head))
        made = cls(config if config.is_file() else path, decay, [n.branch for n in nodes])
        made._globals(own)
        for k, lines in each.items():
            made._particle(nodes[k], lines)
        made._branches(own, each, nodes)
        return made

    def note(self, text: str) -> None:
        """Keep a remark, once."""
        line = f"{self.path}: {text}"
        if line not in self.notes:
            self.notes.append(line)

    def _globals(self, lines: Sequence[Setting]) -> None:
        """Settings of the whole run."""
        given = {key: value for _, key, value in lines}
        everywhere = given.get("geometry", "LHCb") == "4pi"
        eta = _range(given.get("etaRange", "-8 8" if everywhere else "1 6"), self.path, "etaRange")
        pt = _range(given.get("ptRange", "0 300" if everywhere else "0 100"), self.path, "ptRange")
        within = max(eta[0], ETA_RANGE[0]), min(eta[1], ETA_RANGE[1])
        if within != eta:
            self.note(f"eta {within[0]:g} to {within[1]:g} only, not {eta[0]:g} to {eta[1]:g}")
        if pt[1] > MAX_PT:
            self.note(f"pT up to {MAX_PT:g} GeV only, not {pt[1]:g}")
        self.options["eta"] = f"{within[0]:g}:{within[1]:g}"
        self.options["pt"] = f"{pt[0]:g}:{min(pt[1], MAX_PT):g}"
        self.options["ecm"] = given.get("energy", "13").strip()
        if "seed" in given:
            self.seed = int(_numbers(given["seed"], self.path, "seed", 1)[0])
        if given.get("acceptance", "Any") != "Any":
            self.note(
                f"acceptance {given['acceptance']}: passed over, the detector decides; "
                "MCDecayTree has every decay"
            )
        for key, value in given.items():
            if key in _NO_COUNTERPART:
                self.note(f"{key} {value}: passed over, {_NO_COUNTERPART[key]}")
        self.uses_evtgen = "useEvtGen" in given
        for _, key, value in lines:
            if key == "cut":
                self.note(f"cut {value}: not applied; cut on the branch in the DecayTree")

    def _particle(self, node: Node, lines: Sequence[Setting]) -> None:
        """Settings of one particle."""
        for _, key, value in lines:
            if key == "smear":
                self.note("smear: passed over, resolution and efficiency come from our chain")
            if key == "invisible" and value.lower() == "true" and not node.is_invisible:
                self.note(
                    f"invisible {node.branch}: passed over, only neutrinos, K_L, neutrons are"
                )
            if key == "evtGenModel" and node.daughters:
                if not self.uses_evtgen:
                    self.note("evtGenModel without useEvtGen: passed over")
                    continue
                model, *rest = value.split()
                self.models[node.branch] = model, _numbers(" ".join(rest), self.path, key)

    def _branches(
        self,
        lines: Sequence[Setting],
        each: Mapping[int, Sequence[Setting]],
        nodes: Sequence[Node],
    ) -> None:
        """Parameters as expressions, and the shape, which names some of them."""
        params: dict[str, list[int]] = {}
        for number, key, value in lines:
            where = f"{self.path}, line {number}"
            if key == "param":
                self._param(value, where, params)
            elif key in ("paramsTwoBody", "paramsThreeBody"):
                size = 2 if key == "paramsTwoBody" else 3
                for node in nodes:
                    if len(node.daughters) <= size:
                        continue
                    for some in itertools.combinations(node.daughters, size):
                        names = [one.branch for one in some]
                        for kind in _words(value):
                            self._ask(f"{'_'.join(names)}_{kind}", kind, names)
            elif key in ("paramsStable", "paramsDecaying"):
                for kind in sorted({*_words(value)} - _WRITTEN):
                    self.note(f"{key} {kind}: no branch")
        for _, key, value in lines:
            if key == "shape":
                self._shape(value, params)
        self._swapped(each, nodes)

    def _param(self, value: str, where: str, params: dict[str, list[int]]) -> None:
        """``NAME TYPE 1 2 [TRUE]``."""
        words = value.split()
        true = words[-1:] == ["TRUE"]
        numbers = words[2:-1] if true else words[2:]
        if len(words) < 3 or not all(w.isdecimal() and int(w) < len(self.order) for w in numbers):
            raise SourceError(f"{where}: param {value!r} is not NAME TYPE NUMBERS")
        params[words[0]] = [int(w) for w in numbers]
        names = [self.order[int(w)] for w in numbers]
        if self._ask(words[0], words[1], names) and true:
            self.note(
                "TRUE: branches are those of what is reconstructed; true momenta are TRUEP_X "
                "and the like of each particle"
            )

    def _ask(self, name: str, kind: str, names: Sequence[str]) -> bool:
        """Add a branch, if there is an expression for it."""
        if kind not in _ASKED:
            self.note(f"param {name} of type {kind}: no branch")
            return False
        return self._add(f"{re.sub(r'[^A-Za-z0-9_]', '_', name)}={_ASKED[kind]}({','.join(names)})")

    def _add(self, text: str) -> bool:
        if text in self.branches:
            return True
        if len(self.branches) >= MOST:
            self.note(f"more than {MOST} branches: the others are left out")
            return False
        try:
            Expression.parse(text, self.decay)
        except DecayError as error:
            self.note(f"{text}: left out, {error.reason.rpartition(': ')[2]}")
            return False
        self.branches.append(text)
        return True

    def _shape(self, value: str, params: Mapping[str, list[int]]) -> None:
        words = value.split()
        if not 3 <= len(words) <= 4:
            raise SourceError(f"{self.path}: shape {value!r} is not FILE HISTOGRAM PARAM [PARAM]")
        for name in words[2:]:
            if name not in params:
                raise SourceError(f"{self.path}: shape: no param {name!r}")
        file = Path(words[0])
        beside = self.path.parent / file
        found = next(
            (f for f in (beside, file, self.path.parent / file.name) if f.is_file()), beside
        )
        self.shape = found, words[1], [params[name] for name in words[2:]]

    def _swapped(self, each: Mapping[int, Sequence[Setting]], nodes: Sequence[Node]) -> None:
        """Masses of the head with one or two particles taken for others."""
        others = [
            (nodes[k], identifier(word))
            for k, lines in each.items()
            for _, key, value in lines
            if key == "altMass"
            for word in _words(value)
        ][:MOST]
        leaves = [n.branch for n in self.decay.head.leaves()]
        for size in (1, 2):
            for some in itertools.combinations(others, size):
                taken = {node.branch: properties(number).name for node, number in some}
                if len(taken) < size or not {*taken} <= {*leaves}:
                    continue
                parts = [f"{b}:{taken[b]}" if b in taken else b for b in leaves]
                short = "_".join(f"{b}2{_plain(taken[b])}" for b in taken)
                self._add(f"M_{short}=M({','.join(parts)})")


def _plain(name: str) -> str:
    return re.sub(r"\W", "", name.replace("+", "p").replace("-", "m").replace("~", "bar"))


def _words(value: str) -> list[str]:
    return value.replace(",", " ").split()


def _range(value: str, path: Path, key: str) -> tuple[float, float]:
    low, high = _numbers(value, path, key, 2)
    return low, high


def _numbers(value: str, path: Path, key: str, n: int | None = None) -> list[float]:
    try:
        found = [float(word) for word in _words(value)]
    except ValueError:
        found = []
        n = -1
    if (n is not None and len(found) != n) or not all(abs(f) < 1e12 for f in found):
        raise SourceError(f"{path}: {key} {value!r}: numbers are expected")
    return found
