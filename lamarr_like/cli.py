"""The command ``lamarr-like``: verbs live beside their work; heavy imports happen inside them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from . import __version__
from .chain.command import new_stage
from .decays.command import decays, sweights
from .decays.trigger.command import trigger
from .distributed.command import batch
from .engine.command import inspect
from .errors import DecayError, LamarrLikeError
from .io.hepmc.command import truth
from .responses.command import draw, list_responses, sample
from .responses.command import train as train_response
from .responses.translate.command import apply
from .responses.translate.command import train as train_translation
from .runs.command import detailed, doctor, identify, simulate
from .runs.rapidsim import rapidsim
from .system.extras import extra_of, missing
from .system.quick_start import put_off
from .system.signals import interrupted, stoppable
from .training.command import classify, refine
from .twin.command import train, twin
from .validation.detector.command import detailed_check
from .validation.look.command import columns, display, plot
from .validation.models.command import VERBS as MODEL_VERBS
from .validation.objects.command import objects
from .validation.report.command import validate
from .validation.responses.command import compare, compare_translated
from .validation.stages.command import fidelity
from .validation.tpc.command import tpc

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ultra-fast simulation of an LHCb-like detector: truth particles in, ntuple out.",
)
for _verb in (
    *(simulate, detailed, identify, train, fidelity, objects, inspect),
    *(decays, sweights, detailed_check, validate, batch, new_stage, tpc, doctor, plot, display),
    *(rapidsim, trigger, columns, twin, refine, truth, classify),
):
    app.command(_verb.__name__.replace("_", "-"))(_verb)

response = typer.Typer(
    no_args_is_help=True, help="Responses as arrays: calorimeter cells and the like."
)
for _name, _part in (
    *(("list", list_responses), ("sample", sample), ("train", train_response)),
    *(("draw", draw), ("compare", compare)),
):
    response.command(_name)(_part)
app.add_typer(response, name="response")

translate = typer.Typer(
    no_args_is_help=True, help="Arrays of one simulation to those of another, learnt without pairs."
)
translate.command("train")(train_translation)
translate.command("apply")(apply)
translate.command("compare")(compare_translated)
app.add_typer(translate, name="translate")

models = typer.Typer(
    no_args_is_help=True, help="Trained models: registries, their gate and their catalogue."
)
for _name, _part in MODEL_VERBS.items():
    models.command(_name)(_part)
app.add_typer(models, name="models")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"lamarr-like {__version__}")
        raise typer.Exit


def _cite(asked: bool) -> None:
    if asked:
        from .files.citation import citation

        typer.echo(citation())
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    cite: Annotated[
        bool, typer.Option("--cite", callback=_cite, is_eager=True, help="Show what to cite.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; errors raised on purpose become one line and exit status 2."""
    with stoppable():
        put_off()
        try:
            app()
        except (ModuleNotFoundError, LamarrLikeError) as error:
            if interrupted():  # the error is only what the signal led to
                raise
            print(f"lamarr-like: error: {_line(error)}", file=sys.stderr)
            raise SystemExit(2) from None


def _line(error: Exception) -> str:
    """What there is to say of an error.

    Raises:
        ModuleNotFoundError: if it is one and no extra has the module.
    """
    if isinstance(error, ModuleNotFoundError) and not isinstance(error, LamarrLikeError):
        extra = extra_of(error.name)
        if extra is None:
            raise error
        error = missing(str(error.name), extra)
    # The caret under a decay descriptor needs its line breaks.
    return str(error) if isinstance(error, DecayError) else " ".join(str(error).split())
