"""Code that steps depend on: what is declared is what is imported, and only meaning counts."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from lamarr_like.nets.families import FAMILIES
from lamarr_like.responses.families import RESPONSE_FAMILIES
from lamarr_like.stages import MODEL_STAGES
from lamarr_like.twin import code

# Of no influence on a result: errors, messages, files, and what only finds and loads.
SILENT = ("errors", "plugins", "moved", "system", "files", "registry", "__init__", "decays")


@cache
def imported(path):
    """Files of the package that a file imports, names that a room hands on looked up in it."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and id(node) not in skipped:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            found |= {one for alias in node.names for one in resolved(base, alias.name)}
    return frozenset(found)


def resolved(base, name):
    for path in (base / f"{name}.py", base.with_suffix(".py")):
        if path.is_file():
            return [path]
    room = base / "__init__.py"
    for node in ast.parse(room.read_text()).body if room.is_file() else ():
        if isinstance(node, ast.ImportFrom) and node.level:
            names = {alias.asname or alias.name: alias.name for alias in node.names}
            if name in names:
                return resolved(base.joinpath(*(node.module or "").split(".")), names[name])
    return []


def closure(*starts):
    found, todo = set(), [code.PACKAGE / one for one in starts]
    while todo:
        path = todo.pop()
        head = path.relative_to(code.PACKAGE).parts[0].removesuffix(".py")
        if path not in found and head not in SILENT:
            found.add(path)
            todo += imported(path)
    return found


def declared(*patterns):
    return {path for pattern in patterns for path in code.files_of(pattern)}


@pytest.mark.parametrize("stage", MODEL_STAGES.values(), ids=MODEL_STAGES)
def test_a_stage_depends_on_its_room_only(stage):
    start = stage.__module__.replace(".", "/").removeprefix("lamarr_like/") + ".py"
    assert closure(start) <= declared(*code.TRAIN, *code.of_stage(stage))


def test_families_and_samples_depend_on_what_is_declared():
    every = {f"stages/{room}/*" for room in ("tracking", "calorimeter", "identification")}
    every |= {"stages/vertices/*", "chain/*", "nets/translator/*"}
    for family in FAMILIES.values():
        start = family.path.partition(":")[0].replace(".", "/").removeprefix("lamarr_like/") + ".py"
        assert closure(start) <= declared(*code.TRAIN, *every), family.name
    detailed = {
        path for path in closure("detailed/simulate.py") if "responses" not in path.parts
    }  # of other generators of showers, which a twin does not choose
    assert detailed <= declared(*code.SAMPLE, *every, "engine/translator/*")


def test_responses_depend_on_what_is_declared():
    others = declared("nets/translator/config.py", "nets/families.py")  # settings of other families
    for family in RESPONSE_FAMILIES.values():
        start = family.path.partition(":")[0].replace(".", "/").removeprefix("lamarr_like/") + ".py"
        assert closure(start) - others <= declared(*code.RESPONSE, *code.GENERATOR), family.name
    made = closure("responses/making.py", "responses/declared.py")
    assert made <= declared(*code.RESPONSE)
    compared = closure("validation/responses/compute.py", "responses/drawing.py")
    assert compared - others <= declared(*code.RESPONSE, *code.COMPARE)


def test_only_what_is_meant_counts(tmp_path, monkeypatch):
    (tmp_path / "room").mkdir()
    monkeypatch.setattr(code, "PACKAGE", tmp_path)

    def digest(text, name="a.py"):
        (tmp_path / "room" / name).write_text(text)
        code._digest.cache_clear()
        code._meaning.cache_clear()
        return code.code_digests(["room/*"])["room/*"]

    first = digest('"""Words."""\n\nA = 1  # one\n')
    assert digest('"""Other words."""\nA = (1)\n') == first
    assert digest("A = 2\n") != first
    assert digest("A = 1\n") == first and digest("x", "table.yaml") != first
    (tmp_path / "room" / "table.yaml").unlink()
    assert digest("B = 2\n", "command.py") == first
    code._digest.cache_clear()
    code._meaning.cache_clear()


def test_modules_of_plugins_count(tmp_path, monkeypatch):
    (tmp_path / "my_twin_stage.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    (digest,) = code.plugins("lamarr_like.stages.occupancy", "my_twin_stage").values()
    code._meaning.cache_clear()
    (tmp_path / "my_twin_stage.py").write_text("A = 2\n")
    assert code.plugins("my_twin_stage") != {"my_twin_stage": digest}


def test_programs_are_told():
    found = code.programs("pythia", "booster")
    assert set(found) == {"pythia8mc", "xgboost"} and all(found.values())
