"""Hook of mkdocs: pages that are made from the code, the README and the models, never kept."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

sys.path.insert(0, str(Path(__file__).parent))

import rooms

from lamarr_like import schema
from lamarr_like.decays import branches
from lamarr_like.files import citation
from lamarr_like.validation.look.columns import Dictionary, made_by, picture, quality, reach

TOP = Path(__file__).resolve().parents[2]

STYLE = """
.md-grid { max-width: 76rem; }
.md-typeset table:not([class]) th { min-width: 0; }
.md-typeset table:not([class]) td, .md-typeset table:not([class]) th { padding: .4em .8em; }
.md-typeset td code, .md-typeset td a { white-space: nowrap; }
"""

ROOMS = "<!-- table of rooms -->"

OPTION_HEAD = ("option", "takes", "default", "meaning")

TABLES = {
    "event": "one row an event",
    "particle": "generated particles",
    "vertex": "generated collisions",
    "weight": "a generator weight",
    "track": "reconstructed tracks",
    "reco_vertex": "reconstructed primary vertices",
    "cluster": "clusters of the ECAL",
    "cluster_link": "which generated particles gave energy to which cluster",
}
KINDS = {
    "event": "Branches of the event (no prefix)",
    "any": "All particles",
    "track": "Charged leaves: tracks",
    "photon": "Photons",
    "pi0": "Neutral pions",
    "composite": "What decays",
    "generated": "Generated decays (`MCDecayTree` only)",
    "head": "The head of the decay",
    "flying": "Daughters with a decay vertex of their own",
}


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to those of the folder."""
    from mkdocs.structure.files import File

    drawn = ("figures/rooms.svg", rooms.picture())
    for name, content in (*pages(), ("tables.css", STYLE), drawn):
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """Fill in the table of rooms; take links out that lead to files beside the tutorials."""
    if ROOMS in text:
        text = text.replace(ROOMS, "\n".join(markdown_table(rooms.HEAD, rooms.table())))
    depth = page.file.src_uri.count("/")
    outside = r"\[([^\]]+)\]\(" + r"\.\./" * (depth + 1) + r"[^)]*\)"
    return re.sub(outside, r"\1", text)


def pages() -> Iterator[tuple[str, str]]:
    """Name and Markdown of every generated page."""
    yield "index.md", top_page("README.md")
    yield "changelog.md", top_page("CHANGELOG.md")
    yield "columns.md", columns()
    yield "decay-branches.md", decay_branches()
    yield "cli.md", commands()
    yield "cite.md", cite()
    yield "models/index.md", models()
    for card in sorted((TOP / "models").glob("*/card.md")):
        yield f"models/{card.parent.name}.md", card.read_text()


def top_page(name: str) -> str:
    """A page from the top of the checkout; its links start here."""
    return re.sub(r"\]\(tutorials/", "](", (TOP / name).read_text())


def columns() -> str:
    """Every column of the events: names, unit, type, range, picture, quality, meaning, stage."""
    found = Dictionary.shipped()
    lines = [
        "# Columns",
        "",
        "Lengths are mm, momenta MeV, times ns, angles rad. The first name is that of the branch",
        "in the tree `Events`, the second that of the column in Python. The stage is the one that",
        "makes the column; *source* stands for what a generated event brings, *none* for what only",
        "the detailed simulation, a training or a repetition of the detector writes.",
        "",
        f"Ranges (98 % of the values) and pictures are those of {' (line: '.join(found.samples)}),",
        "collisions of minimum bias. The distance is Kolmogorov's between the fast column and the",
        "detailed one, by itself and over all rows; in parentheses what two draws of one law are",
        "apart on average for as many rows, were these independent. `lamarr-like columns NTUPLE",
        "--beside OTHER -o columns.html` makes such a page of files of yours. The last column is",
        "how well trees tell the stage from the detailed one, given its conditions (0.5: not at",
        "all; in parentheses a second detailed draw), see [Fidelity](fidelity.md).",
    ]
    judged = fidelity()
    head = ("branch", "column", "unit", "type", "range", "", "distance", "meaning", "AUC", "stage")
    for table, meaning in TABLES.items():
        lines += ["", f"## {table}: {meaning}", ""]
        rows = []
        for c in schema.table_columns(table):
            one, stages = found.columns.get(c.branch), made_by(table, c.name)
            drawn = () if one is None else (reach(one), picture(one), quality(table, c.name, one))
            auc = ", ".join(judged[stage] for stage in stages if stage in judged)
            rows.append(
                (f"`{c.branch}`", f"`{c.name}`", c.unit, c.dtype, *(drawn or ("", "", "")), c.doc)
                + (auc, ", ".join("*source*" if s == "source" else s for s in stages) or "*none*")
            )
        lines += markdown_table(head, rows)
    return "\n".join(lines) + "\n"


def fidelity() -> dict[str, str]:
    """The AUC of each stage of the shipped chain and its floor, from the figures of the tutorial."""
    path = TOP / "tutorials" / "fidelity" / "reference" / "fidelity.json"
    found = {}
    for one in (row for rows in json.loads(path.read_text())["stages"].values() for row in rows):
        if one["test"] == "plain":
            found[one["stage"]] = f"{one['auc']['value']:.3f} ({one['floor']['value']:.3f})"
    return found


def decay_branches() -> str:
    """Every branch of a decay: name, unit, meaning."""
    lines = ["# Branches of a DecayTree", ""]
    lines += ["Each stands behind the name of its particle, as in `B0_M` or `Kplus_PIDK`."]
    for kind, title in KINDS.items():
        rows = [(f"`{b.export}`", b.unit, b.dtype, b.doc) for b in branches.of_kind(kind)]
        lines += ["", f"## {title}", ""]
        lines += markdown_table(("branch", "unit", "type", "meaning"), rows)
    lines += ["", "## Fits of the whole tree", ""]
    lines += ["Of `--fit`; the name of the fit stands in front, as in `B0_DTF_M`.", ""]
    rows = [(f"`DTF_{b.export}`", b.unit, b.dtype, f"{b.kind}: {b.doc}") for b in branches.FITTED]
    lines += markdown_table(("branch", "unit", "type", "of which particle, meaning"), rows)
    lines += ["", "## Isolation", ""]
    lines += [
        "Of `--isolation`, for all that decays; the radius stands behind those of a cone.",
        "",
    ]
    rows = [(f"`{b.export}`", b.unit, b.dtype, b.doc) for b in branches.ISOLATED]
    rows += [(f"`{b.export}_0_50`", b.unit, b.dtype, b.doc) for b in branches.CONES]
    lines += markdown_table(("branch", "unit", "type", "meaning"), rows)
    return "\n".join(lines) + "\n"


def commands() -> str:
    """The command line, from the signatures of its functions."""
    from lamarr_like.cli import app

    found = dict(verbs(app))
    common = app.registered_callback.callback
    lines = ["# Command line", "", str(app.info.help), ""]
    lines += markdown_table(OPTION_HEAD, [o.row for o in parameters(common)])
    rows = [
        (f"[`{name}`](#{name.replace(' ', '-')})", first_line(call)) for name, call in found.items()
    ]
    lines += ["", *markdown_table(("command", "what it does"), rows)]
    for name, call in found.items():
        given = parameters(call)
        arguments = [p for p in given if p.is_argument]
        words = " ".join([f"lamarr-like {name}", *(p.names for p in arguments), "[OPTIONS]"])
        lines += ["", f"## {name}", "", paragraph(call.__doc__), "", "```", words, "```", ""]
        if arguments:
            rows = [(f"`{p.names}`", p.meaning) for p in arguments]
            lines += [*markdown_table(("argument", "meaning"), rows), ""]
        lines += markdown_table(OPTION_HEAD, [p.row for p in given if not p.is_argument])
    return "\n".join(lines) + "\n"


def verbs(app: Any) -> Iterator[tuple[str, Any]]:
    """Verbs and what they call, those of groups after their group's name."""
    for command in app.registered_commands:
        yield command.name or command.callback.__name__, command.callback
    for group in app.registered_groups:
        for name, call in verbs(group.typer_instance):
            yield f"{group.name} {name}", call


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command."""

    names: str
    kind: str
    default: str
    meaning: str
    is_argument: bool

    @property
    def row(self) -> tuple[str, str, str, str]:
        """Its cells in a table of options."""
        names = ", ".join(f"`{name}`" for name in self.names.split(", "))
        return names, self.kind, f"`{self.default}`" if self.default else "", self.meaning


def parameters(call: Any) -> list[Parameter]:
    """What a command takes, read from its signature as typer reads it."""
    import typer

    hints = get_type_hints(call, include_extras=True)
    found = []
    for name, parameter in inspect.signature(call).parameters.items():
        kind, info = get_args(hints[name])
        is_argument = isinstance(info, typer.models.ArgumentInfo)
        many = get_origin(kind) is list
        word, is_flag = kind_of(kind)
        if is_argument:
            names = (info.metavar or name.upper()) + ("..." if many else "")
        else:
            # Inside of Annotated the first name takes the place of the default value.
            given = [n for n in (info.default, *info.param_decls) if str(n).startswith("-")]
            long = f"--{name.replace('_', '-')}"
            names = ", ".join(given or ([long, f"--no-{long[2:]}"] if is_flag else [long]))
        value = parameter.default
        shown = "" if value in (inspect.Parameter.empty, None, False) else value
        if value is inspect.Parameter.empty and not is_argument:
            word += ", required"
        if isinstance(shown, tuple):
            shown = " ".join(map(str, shown))
        default = str(getattr(shown, "value", shown))
        found.append(Parameter(names, word, default, str(info.help or ""), is_argument))
    return found


def kind_of(kind: Any) -> tuple[str, bool]:
    """What an option takes, in words, and whether it is a flag."""
    inner = [a for a in get_args(kind) if a is not type(None)]
    origin = get_origin(kind)
    if origin is list:
        return f"{kind_of(inner[0])[0]}, repeatable", False
    if origin is tuple:
        return " ".join(kind_of(a)[0] for a in inner), False
    if inner:  # an optional one
        return kind_of(inner[0])
    if issubclass(kind, Enum):
        return " or ".join(str(member.value) for member in kind), False
    words = {str: "text", int: "integer", float: "number", Path: "path", bool: ""}
    return words[kind], kind is bool


def models() -> str:
    """The trained models: stage, family, size, pipelines; a link to each card."""
    users: dict[str, list[str]] = {}
    for path in sorted((TOP / "pipelines").glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text()).get("stages", []):
            users.setdefault(entry.get("model", ""), []).append(path.stem)
    rows = []
    for folder in sorted((TOP / "models").iterdir()):
        if not (folder / "card.md").is_file():
            continue
        config = json.loads((folder / "config.json").read_text())
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e3
        gives = ", ".join(config.get("outputs", config.get("classes", ())))
        used = ", ".join(users.get(folder.name, [])) or "none"
        link = f"[{folder.name}]({folder.name}.md)"
        rows.append((link, config["stage"], config["family"], f"{size:.0f} kB", used, gives))
    head = ("model", "stage", "family", "size", "pipelines", "gives")
    note = "Each card says what a model learnt from, how well, and where it must not be used.\n"
    return "\n".join(["# Models", "", note, *markdown_table(head, rows)]) + "\n"


def cite() -> str:
    """What to cite, as the command prints it."""
    head, _, entries = citation.citation().partition("\n\n@")
    lines = [
        "# How to cite",
        "",
        "`lamarr-like --cite` prints this page; `CITATION.cff` says it to machines.",
    ]
    return "\n".join([*lines, "", "```", head, "```", "", "```bibtex", f"@{entries}", "```", ""])


def markdown_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(text(cell) for cell in line) + " |" for line in lines]


def text(cell: str | None) -> str:
    """A cell of a table: one line, no bars of its own."""
    return " ".join((cell or "").replace("|", "\\|").split())


def first_line(call: Any) -> str:
    """What a command does, in one sentence."""
    return paragraph(call.__doc__).split(". ")[0].split("\n")[0]


def paragraph(help_text: str | None) -> str:
    """The first paragraphs of a help text: what stands before the arguments."""
    found = inspect.cleandoc(help_text or "").split("\n\nArgs:")[0]
    return found.replace("\f", "")
