"""The command ``lamarr-like decays``: candidates of decays from ntuples that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ..system.command_line import Events, Force, Output, command_line, tell_shorter

if TYPE_CHECKING:
    from .request import DecayRequest, Selection


def known(path: Path | None) -> Path | None:
    """Make particles of the user's own known, before any decay is read."""
    if path is not None:
        from .own_particles import use_particles

        use_particles(path)
    return path


Decays = Annotated[
    list[str],
    typer.Option(
        "--decay",
        help='"B0 -> (K*(892)0 -> K+ pi-) (J/psi(1S) -> mu+ mu-)", with "NAME:" in front to name'
        " its folder; may be given more than once.",
    ),
]
Particles = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--particles",
        help="YAML with particles of your own: name, id, mass, width, lifetime, charge.",
        callback=known,
        is_eager=True,
    ),
]
Combinatorial = Annotated[
    bool,
    typer.Option("--combinatorial", help="All combinations, not those of the generated decay."),
]
Swaps = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--as", help="pi+:K+ takes the pi+ of the decays for K+; may be repeated."),
]
Fits = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--fit",
        help="'J/psi(1S)=mass,PV' fits the whole tree with these constraints and adds B_DTF_M and "
        "others; 'NAME: ...' names a further one; may be repeated.",
    ),
]
Branches = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--branch",
        help="'mkpi=M(K+,pi-)' adds a branch: M, M2, P, PT, ANGLE, DOCA, COSHEL or CHI of some "
        "particles, K+:pi+ taken for others; may be repeated.",
    ),
]
Isolation = Annotated[
    Optional[list[float]],  # noqa: UP045
    typer.Option(
        "--isolation",
        help="0.5: CONEPT, PTASY and others of the other tracks in a cone of this radius in eta and"
        " phi, and how well one would fit the vertex (SMALLESTDELTACHI2); may be repeated.",
    ),
]
Trigger = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--trigger",
        help="Adds decisions of trigger-like lines, with TOS and TIS of every particle: 2016, or a"
        " YAML with lines of your own.",
    ),
]
Masses = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--mass", help="B0:5000-5600, range of a mass in MeV, by name of the branch."),
]


def decays(
    ntuple: Annotated[
        list[Path], typer.Argument(help="Detailed samples or fast ntuples.", show_default=False)
    ],
    decay: Decays,
    output: Output,
    combinatorial: Combinatorial = False,
    swap: Swaps = None,
    mass: Masses = None,
    fit: Fits = None,
    branch: Branches = None,
    isolation: Isolation = None,
    trigger: Trigger = None,
    min_pt: Annotated[float, typer.Option(help="Least pT of tracks [MeV].")] = 100.0,
    min_ip_chi2: Annotated[float, typer.Option(help="Least impact chi2 of tracks.")] = 0.0,
    min_photon_et: Annotated[float, typer.Option(help="Least ET of photons [MeV].")] = 200.0,
    max_vertex_chi2: Annotated[float, typer.Option(help="Vertex chi2 per dof.")] = 25.0,
    no_pid: Annotated[
        bool, typer.Option("--no-pid", help="No cuts on identification, for calibration samples.")
    ] = False,
    particles: Particles = None,
    events: Events = None,
    force: Force = False,
) -> None:
    """Reconstruct decays in ntuples: a DecayTree for each, with DaVinci's names of branches."""
    from .request import PID_WINDOWS, Selection
    from .run import reconstruct_decays

    selection = Selection(
        masses=parse_masses(mass or []),
        min_pt=min_pt,
        min_ip_chi2=min_ip_chi2,
        min_photon_et=min_photon_et,
        max_vertex_chi2=max_vertex_chi2,
        pid={} if no_pid else PID_WINDOWS,
    )
    requests = make_requests(
        decay, combinatorial, swap or [], selection, fit or [], branch or [], isolation, trigger
    )
    summary = reconstruct_decays(
        ntuple, output, requests, n_events=events, command=command_line(), force=force
    )
    typer.echo(f"{output}: {summary.events} events")
    tell_shorter(", ".join(map(str, ntuple)), (events or 0) - summary.events, events)
    for line in summary.lines():
        typer.echo(f"  {line}")


def sweights(
    candidates: Annotated[
        list[Path], typer.Argument(help="Files with candidates of one decay.", show_default=False)
    ],
    mass: Annotated[
        str, typer.Option(help="Branch of the mass that is fitted, or A-B for a difference of two.")
    ],
    window: Annotated[tuple[float, float], typer.Option(help="Range of the fit [MeV].")],
    output: Output,
    shape: Annotated[str, typer.Option(help="Peak: gauss or double-gauss.")] = "double-gauss",
    background: Annotated[
        str, typer.Option(help="Below it: exponential, or threshold from the lower end on.")
    ] = "exponential",
    terms: Annotated[
        int,
        typer.Option(
            min=1, max=4, help="Functions of the background; more for one that depends on the mass."
        ),
    ] = 1,
    least: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="D0_FDCHI2_OWNPV:9 leaves out what is below; may be repeated."),
    ] = None,
    track: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Track that is kept, such as Kminus; may be repeated; all without it."),
    ] = None,
    tree: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Tree of the candidates, where the file holds several."),
    ] = None,
    force: Force = False,
) -> None:
    """Fit a mass and write the tracks of candidates with weights of the signal, for trainings."""
    from ..system.extras import need
    from .calibration import Calibration, weigh

    need("fit")
    cuts = parse_least(least or [])
    wanted = Calibration(mass, window, shape, background, terms, cuts, tuple(track or ()), tree)
    summary = weigh(candidates, output, wanted, command_line(), force)
    for line in (f"{output}:", *summary.lines()):
        typer.echo(line)


def make_requests(
    texts: list[str],
    combinatorial: bool,
    swaps: list[str],
    selection: Selection,
    fits: list[str] | None = None,
    branches: list[str] | None = None,
    cones: list[float] | None = None,
    trigger: str | None = None,
) -> list[DecayRequest]:
    """Requests of the options, which go to the decays that know their names.

    Cones and trigger go to all.

    Raises:
        DecayError: for a bad decay, and for a window, swap, fit or branch that none of them has.
    """
    from dataclasses import replace

    from ..errors import DecayError
    from .descriptor import parse_decay
    from .request import DecayRequest
    from .trigger.menu import SHIPPED, Menu

    menu = None if trigger is None else Menu.load(SHIPPED if trigger == "2016" else trigger)
    parsed = [parse_decay(text) for text in texts]
    names = [{n.branch for n in d.head.composites()} for d in parsed]
    for branch in selection.masses:
        if not any(branch in known for known in names):
            listing = ", ".join(sorted(set().union(*names)))
            raise DecayError(f"no mass window for {branch!r}: there are {listing}")
    options = {"swaps": swaps, "fits": fits or [], "branches": branches or []}
    used: dict[str, set[str]] = {name: set() for name in options}
    requests = []
    for text, known in zip(texts, names, strict=True):
        mine = replace(selection, masses={k: v for k, v in selection.masses.items() if k in known})
        fitting = {name: _fitting(text, name, given) for name, given in options.items()}
        for name, found in fitting.items():
            used[name].update(found)
        requests.append(
            DecayRequest.parse(
                *(text, combinatorial, fitting["swaps"], mine),
                *(fitting["fits"], fitting["branches"], cones or (), menu),
            )
        )
    for name, given in options.items():
        for one in given:
            if one not in used[name]:
                _parsed(texts[0], name, one)  # raises and says why
    return requests


def _fitting(text: str, option: str, given: list[str]) -> list[str]:
    """Those of some options that go with a decay."""
    from ..errors import DecayError

    found = []
    for one in given:
        try:
            _parsed(text, option, one)
        except DecayError:
            continue
        found.append(one)
    return found


def _parsed(text: str, option: str, one: str) -> DecayRequest:
    from .request import DecayRequest

    return DecayRequest.parse(text, **{option: [one]})  # type: ignore[arg-type]


def parse_least(texts: list[str]) -> dict[str, float]:
    """Read ``D0_FDCHI2_OWNPV:9``.

    Raises:
        DecayError: if it is not of this form.
    """
    from ..errors import DecayError

    found = {}
    for text in texts:
        match = re.fullmatch(r"(\w+):(-?[0-9]+(?:\.[0-9]*)?)", text)
        if match is None:
            raise DecayError(f"{text!r} is not of the form BRANCH:LEAST, such as D0_PT:1500")
        found[match[1]] = float(match[2])
    return found


def parse_masses(texts: list[str]) -> dict[str, tuple[float, float]]:
    """Read ``B0:5000-5600``.

    Raises:
        DecayError: if it is not of this form.
    """
    from ..errors import DecayError

    found = {}
    for text in texts:
        match = re.fullmatch(r"(\w+):([0-9]+(?:\.[0-9]*)?)-([0-9]+(?:\.[0-9]*)?)", text)
        if match is None or not float(match[2]) < float(match[3]):
            raise DecayError(f"{text!r} is not of the form NAME:LOW-HIGH, such as B0:5000-5600")
        found[match[1]] = (float(match[2]), float(match[3]))
    return found
