"""What others build on changes on purpose only."""

import importlib
import re
import runpy
from types import SimpleNamespace

import pytest
from places import TESTS, TOP

public_api = SimpleNamespace(**runpy.run_path(str(TESTS / "public_api.py")))

PAGES = [TOP / "README.md", *(TOP / "tutorials").rglob("*.md"), *(TOP / "tutorials").rglob("*.py")]
IMPORT = re.compile(r"^\s*from (lamarr_like[\w.]*) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)


def imported():
    """Module and name of each import in the documentation."""
    found = set()
    for page in PAGES:
        for module, several, one in IMPORT.findall(page.read_text()):
            words = re.sub(r"#.*| as \w+", "", several or one.split(";")[0])
            found |= {(module, name) for name in re.findall(r"\w+", words)}
    return sorted(found)


def test_documented_names_are_those_of_the_file():
    now = list(public_api.lines())
    kept = public_api.FILE.read_text().splitlines()
    changes = [f"- {line}" for line in kept if line not in now]
    changes += [f"+ {line}" for line in now if line not in kept]
    assert now == kept, "\n".join(
        ["the public names changed; if on purpose: python tests/public_api.py", *changes]
    )


def test_a_changed_default_is_seen(monkeypatch):
    from lamarr_like.io import sources

    def open_source(text, *, n_events, seed=1, pileup=None, skip_bad=False):
        pass

    monkeypatch.setattr(sources, "open_source", open_source)
    kept = set(public_api.FILE.read_text().splitlines())
    (line,) = set(public_api.lines()) - kept
    assert line.startswith("lamarr_like.io.sources.open_source(text, *, n_events, seed=1,")


@pytest.mark.parametrize(("module", "name"), imported())
def test_imports_of_the_documentation_work(module, name):
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:  # coffea, say, which no extra of ours brings
        assert not str(error.name).startswith("lamarr_like")
        pytest.skip(f"needs {error.name}")
    if not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")


def test_documented_names_of_frozen_modules_are_frozen():
    frozen = {(m, n) for m, names in public_api.NAMES.items() for n in names.split()}
    modules = {m for m, _ in frozen} - {"lamarr_like"}
    missing = [pair for pair in imported() if pair[0] in modules and pair not in frozen]
    assert not missing, "add them to tests/public_api.py"
