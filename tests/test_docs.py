import base64
import json
import os
import re
import runpy
import subprocess
import sys

import pytest
import yaml
from places import TOP
from typer.testing import CliRunner

from lamarr_like import schema
from lamarr_like.cli import app
from lamarr_like.decays.branches import BRANCHES, CONES, FITTED, ISOLATED
from lamarr_like.stages import STAGES

TUTORIALS = TOP / "tutorials"


@pytest.fixture(scope="module")
def site():
    return runpy.run_path(str(TUTORIALS / "site" / "pages.py"))


@pytest.fixture(scope="module")
def pages(site):
    return dict(site["pages"]())


def test_every_column_is_in_the_dictionary(pages):
    text = pages["columns.md"]
    for column in schema.COLUMNS.values():
        (row,) = re.findall(rf"^\| `{column.branch}` \| `{column.name}` \|.*$", text, re.MULTILINE)
        assert column.doc in row and column.dtype in row
    for name, stage in STAGES.items():
        table, column = min(stage.provides)
        branch = schema.column(table, column).branch
        assert re.search(rf"^\| `{branch}` .*\b{name}\b.*\|$", text, re.MULTILINE)
    assert re.search(r"^\| `GenPart_pdgId` .*\| \*source\* \|$", text, re.MULTILINE)


def test_every_branch_of_a_decay_is_in_the_dictionary(pages):
    for branch in BRANCHES:
        assert f"| `{branch.export}` |" in pages["decay-branches.md"]
    for branch in FITTED:
        assert f"| `DTF_{branch.export}` |" in pages["decay-branches.md"]
    for branch in ISOLATED:
        assert f"| `{branch.export}` |" in pages["decay-branches.md"]
    for branch in CONES:
        assert f"| `{branch.export}_0_50` |" in pages["decay-branches.md"]


def test_every_command_and_option_is_in_the_reference(site, pages):
    text = pages["cli.md"]
    for name, call in site["verbs"](app):
        assert f"\n## {name}\n" in text
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"})
        shown = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", result.output)) - {"--help"}
        assert (shown or not site["parameters"](call)) and shown <= set(
            re.findall(r"--[a-z][a-z0-9-]+", section)
        )
    assert "`--cite`" in text and "`--version`" in text


def test_every_model_has_a_page(pages):
    for card in (TOP / "models").glob("*/card.md"):
        name = card.parent.name
        assert pages[f"models/{name}.md"] == card.read_text()
        assert f"]({name}.md)" in pages["models/index.md"]


def test_navigation_names_pages_that_exist(pages):
    def names(item):
        if isinstance(item, str):
            return [item]
        return [
            n for value in (item if isinstance(item, list) else item.values()) for n in names(value)
        ]

    found = names(yaml.safe_load((TOP / "mkdocs.yml").read_text())["nav"])
    assert len(set(found)) == len(found)
    for name in found:
        assert name in pages or (TUTORIALS / name).is_file(), name


def test_links_of_the_readme_lead_somewhere(pages):
    for name in ("index.md", "changelog.md"):
        for target in re.findall(r"\]\(([^)#]+)", pages[name]):
            assert "://" in target or (TUTORIALS / target).is_file(), target


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(
        command, cwd=TOP, capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "columns" / "index.html").read_text()
    assert "Track_RichDLLk" in page


@pytest.mark.parametrize("name", ["first_ntuple", "decay_to_mass_fit"])
def test_notebook_and_script_are_those_of_the_tutorial(name):
    tool = runpy.run_path(str(TUTORIALS / "site" / "notebook.py"))
    markdown = (TUTORIALS / f"{name}.md").read_text()
    kept = json.loads((TUTORIALS / f"{name}.ipynb").read_text())
    message = f"run tutorials/site/notebook.py tutorials/{name}.md"
    sources = [(c["cell_type"], "".join(c["source"])) for c in kept["cells"]]
    assert sources == tool["cells"](markdown), message
    assert (TUTORIALS / f"{name}.py").read_text() == tool["script"](markdown, name), message
    outputs = [o for c in kept["cells"] for o in c.get("outputs", [])]
    assert any(o["output_type"] == "stream" for o in outputs)
    (picture,) = [base64.b64decode(o["data"]["image/png"]) for o in outputs if "data" in o]
    assert (TUTORIALS / "figures" / f"{name}.png").read_bytes() == picture
    assert (kept["nbformat"], kept["nbformat_minor"]) == (4, 5)


def test_a_notebook_is_made_by_running_the_tutorial(tmp_path, monkeypatch):
    tool = runpy.run_path(str(TUTORIALS / "site" / "notebook.py"))
    markdown = (TUTORIALS / "first_ntuple.md").read_text()
    monkeypatch.chdir(tmp_path)
    few, replaced = re.subn("n_events=300", "n_events=20", markdown)
    assert replaced == 1
    outputs = [o for c in tool["notebook"](few)["cells"] for o in c.get("outputs", [])]
    printed = "".join("".join(o["text"]) for o in outputs if o["output_type"] == "stream")
    assert "long tracks with RichDLLk > 5" in printed and "MeV  momentum" in printed
    (picture,) = [o["data"]["image/png"] for o in outputs if "data" in o]
    assert base64.b64decode(picture)[:4] == b"\x89PNG"
