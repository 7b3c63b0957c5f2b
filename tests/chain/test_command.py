"""Verbs about chains and models, on tiny models."""

import pytest
import typer
from typer.testing import CliRunner

from lamarr_like.chain.command import new_stage
from lamarr_like.chain.pipeline_file import load_config, parse_config
from lamarr_like.engine.command import inspect
from lamarr_like.errors import ArtefactError, PipelineError
from lamarr_like.stages import STAGES


def call(verb, *words):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(verb)
    return CliRunner().invoke(app, [str(w) for w in words])


def test_a_package_is_written_and_what_comes_next_is_told(tmp_path):
    folder = tmp_path / "mine"
    done = call(new_stage, "time_of_flight", "-o", folder)
    assert done.exit_code == 0 and f"pytest {folder}" in done.output
    for path in folder.rglob("*.py"):
        assert f"wrote {path}" in done.output
        compile(path.read_text(), str(path), "exec")
    again = call(new_stage, "time_of_flight", "-o", folder)
    assert again.exit_code != 0 and isinstance(again.exception, Exception)


def test_a_model_is_shown(whole_chain):
    done = call(inspect, "rich-tiny-1", "--models", whole_chain)
    assert done.exit_code == 0
    for word in ("stage      rich", "kind       generator", "sha256", "rich_dll_k", "# rich"):
        assert word in done.output
    assert isinstance(call(inspect, "rich-tiny-2").exception, ArtefactError)


def test_a_pipeline_file_is_read_in_its_order(whole_chain):
    config = load_config(whole_chain / "tiny.yaml")
    assert config.name == "tiny"
    names = [s.stage for s in config.stages]
    assert names[0] == "propagation" and set(names) <= set(STAGES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version is 2"),
        ({"name": 3}, "name"),
        ({"stages": []}, "stages"),
        ({"stages": [{"stage": "magic"}]}, r"stages\[0\]\.stage: no stage 'magic'"),
        ({"stages": [{"stage": "rich"}]}, "stage 'rich' needs a model"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_pipelines_that_are_none(change, message):
    sound = {"schema_version": 1, "name": "m", "stages": [{"stage": "propagation"}]}
    parse_config(sound, "m.yaml")
    with pytest.raises(PipelineError, match="m.yaml: .*" + message):
        parse_config({**sound, **change}, "m.yaml")
