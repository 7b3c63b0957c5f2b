import subprocess
import sys
import textwrap

import numpy as np
import pytest
from plugin_fakes import install

from lamarr_like import plugins, schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.chain.pipeline_file import parse_config
from lamarr_like.errors import (
    ArtefactError,
    LamarrLikeError,
    PipelineError,
    SchemaError,
    SourceError,
    TrainingError,
)
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.io.ntuple_reader import read_events, read_schema
from lamarr_like.io.sources import open_source
from lamarr_like.schema import Column
from lamarr_like.stages import STAGES, TRAINED_STAGES, Propagation, find_stage, find_trained
from lamarr_like.training.sample import stage_class

CODE = """
import numpy as np
from lamarr_like.io.truth import TruthSource
from lamarr_like.io.generators.gun import GunSource
from lamarr_like.plugins import declare
from lamarr_like.schema import Column
from lamarr_like.stages import AbstractGeneratorStage, AbstractStage
from lamarr_like.stages.stage import keys, typed

declare(Column("particle", "depth", "mm", "float32", "how deep", "depth"))

class Depth(AbstractStage):
    name = "depth"
    requires = keys("particle", "mc_ctb_z")
    provides = keys("particle", "depth")
    options = {"scale": 2.0}

    def __init__(self, scale=2.0):
        self.scale = scale

    def __call__(self, batch, seed, is_gun=False):
        depth = self.scale * batch.particle["mc_ctb_z"]
        return batch.with_columns("particle", **typed("particle", {"depth": depth}))

class Shadow(Depth):
    name = "propagation"

class Other(Depth):
    name = "somebody_else"

class Undeclared(Depth):
    name = "undeclared"
    provides = frozenset({("particle", "width")})

class Nameless(AbstractStage):
    def __call__(self, batch, seed, is_gun=False):
        return batch

class Unfinished(AbstractStage):
    name = "unfinished"

class Learnt(AbstractGeneratorStage):
    name = "learnt"
    table = "particle"
    requires = provides = target_columns = keys("particle", "mc_ctb_z")
    outputs = ("mc_ctb_z",)

    def __call__(self, batch, seed, is_gun=False):
        return batch

    @classmethod
    def rows(cls, batch):
        return np.ones(len(batch.particle), dtype=bool)

    @classmethod
    def conditions(cls, batch, rows):
        return {"z": batch.particle["mc_ctb_z"][rows]}

    @classmethod
    def targets(cls, batch, rows):
        return {"mc_ctb_z": batch.particle["mc_ctb_z"][rows]}

def pions(name, head, *, n_events, seed, options, skip_bad):
    return GunSource(name, "pi+", n_events, seed, options)

def wrong(name, head, **rest):
    return [1, 2, 3]

number = 3
"""
STAGES_OF_FAKE = {
    "depth": "fake_plugin:Depth",
    "propagation": "fake_plugin:Shadow",
    "other": "fake_plugin:Other",
    "undeclared": "fake_plugin:Undeclared",
    "nameless": "fake_plugin:Nameless",
    "unfinished": "fake_plugin:Unfinished",
    "learnt": "fake_plugin:Learnt",
    "number": "fake_plugin:number",
    "absent": "fake_plugin:Absent",
    "broken": "no_such_module_at_all:Broken",
}
SOURCES_OF_FAKE = {
    "pions": "fake_plugin:pions",
    "wrong": "fake_plugin:wrong",
    "number": "fake_plugin:number",
    "gun": "fake_plugin:wrong",
    "broken": "no_such_module_at_all:broken",
}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    install(monkeypatch, folder, "fake_plugin", STAGES_OF_FAKE, SOURCES_OF_FAKE, CODE)


def _document(*stages):
    return {"schema_version": 1, "name": "mine", "stages": list(stages)}


def test_stage_of_a_plugin_runs_and_its_column_is_written(fake, tmp_path):
    document = _document({"stage": "propagation"}, {"stage": "depth", "options": {"scale": 3.0}})
    config = parse_config(document, "mine.yaml")
    chain = Pipeline([find_stage(s.stage)(**s.options) for s in config.stages])
    path = tmp_path / "out.root"
    with EventWriter(path, metadata={}) as writer:
        for batch in open_source("pions:?p=5-10", n_events=4, seed=1):
            writer.write(chain(batch))
    (found,) = read_events(path)
    expected = 3.0 * found.particle["mc_ctb_z"]
    np.testing.assert_allclose(found.particle["depth"], expected, rtol=1e-6)
    assert (found.particle["mc_pdg_id"] == 211).all()
    told = read_schema(path)["branches"]["GenPart_depth"]
    assert told == {
        "table": "particle", "name": "depth", "unit": "mm", "dtype": "float32", "doc": "how deep"
    }  # fmt: skip


def test_pipeline_file_with_a_plugin(fake, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("schema_version: 1\nname: m\nstages: [{stage: propagation}, {stage: depth}]\n")
    assert [s.name for s in Pipeline.load(file).stages] == ["propagation", "depth"]
    # The plug-in needs what propagation provides: said as for stages of ours.
    file.write_text("schema_version: 1\nname: m\nstages: [{stage: depth}]\n")
    with pytest.raises(PipelineError, match=r"'depth' misses particle.mc_ctb_z; put stage propag"):
        Pipeline.load(file)


def test_names_of_ours_cannot_be_taken(fake):
    assert find_stage("propagation") is Propagation
    assert (
        type(open_source("gun:pi+", n_events=1, seed=1)).__module__
        == "lamarr_like.io.generators.gun"
    )
    assert find_trained("prob_nn") is TRAINED_STAGES["prob_nn"]
    assert find_stage("prob_nn") is TRAINED_STAGES["prob_nn"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", r"plug-in 'broken' of fake_plugin 1\.2 \(no_such_module_at_all:Broken\) cannot "
         "be imported: ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("absent", "'absent' of .* cannot be imported: AttributeError"),
        ("number", "plug-in 'number' is 3, no class derived from AbstractStage"),
        ("nameless", "Nameless has no attribute 'name'"),
        ("unfinished", "Unfinished does not define __call__"),
        ("other", "the stage calls itself 'somebody_else'; names must agree"),
        ("undeclared", "no column 'width' in table 'particle'.*; see lamarr_like.plugins.declare"),
        ("magic", "no stage 'magic'; there are .*vertices, extra_tracks, absent, broken, depth"),
    ],
)  # fmt: skip
def test_plugins_that_are_no_stages(fake, name, message):
    with pytest.raises(PipelineError, match=r"mine.yaml: stages\[0\].stage: .*" + message):
        parse_config(_document({"stage": name}), "mine.yaml")


def test_options_and_models_of_plugins_are_checked(fake):
    with pytest.raises(PipelineError, match=r"options.size: stage 'depth' has no such option"):
        parse_config(_document({"stage": "depth", "options": {"size": 1}}), "m")
    with pytest.raises(PipelineError, match="stage 'depth' takes no model"):
        parse_config(_document({"stage": "depth", "model": "x"}), "m")
    with pytest.raises(PipelineError, match="stage 'learnt' needs a model"):
        parse_config(_document({"stage": "learnt"}), "m")


def test_trained_stage_of_a_plugin(fake):
    assert find_trained("learnt").__name__ == "Learnt"
    assert stage_class("learnt") is find_trained("learnt")
    with pytest.raises(PipelineError, match="stage 'depth' has no model"):
        find_trained("depth")
    with pytest.raises(TrainingError, match="no stage 'depth' to train"):
        stage_class("depth")


def test_training_of_a_plugin(fake, tmp_path, eager):
    from lamarr_like.chain.pipeline import load_stage
    from lamarr_like.nets.config import ArmdnConfig
    from lamarr_like.training.train import Request, fit_stage

    assert Request("learnt").config(500) == ArmdnConfig(weight_decay=0.02)
    with pytest.raises(TrainingError, match="no stage 'magic' to train"):
        Request("magic").config(500)
    (batch,) = open_source("gun:pi+", n_events=600, seed=1)
    sample = Propagation()(batch, 1)
    model = fit_stage(sample, Request("learnt", steps=2), progress=False)
    folder = model.save(tmp_path, stage="learnt", sample="s", version="1", card="c", provenance={})
    stage, artefact = load_stage(str(folder))
    assert type(stage) is find_trained("learnt")
    assert artefact.config["outputs"] == ["mc_ctb_z"]


def test_model_of_a_stage_that_is_not_installed(tmp_path):
    from lamarr_like.chain.pipeline import load_stage
    from lamarr_like.engine.artefact import write_artefact

    config = {"stage": "gone", "kind": "classifier", "family": "x", "sample": "s", "version": "1"}
    folder = write_artefact(tmp_path / "gone-s-1", {**config, "conditions": []}, {}, "card")
    with pytest.raises(ArtefactError, match="unknown stage: no stage 'gone'"):
        load_stage(str(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("broken:x", r"plug-in 'broken' of fake_plugin 1\.2 .* cannot be imported"),
        ("number:x", "plug-in 'number' is 3, nothing that opens a source"),
        ("wrong:x", "plug-in 'wrong' gave a list, which is no TruthSource"),
        ("pion:x", r"no such file \(nor pythia:..., gun:..., decay:..., broken:.*pions:...*\)"),
        ("pions:?zz=1", "unknown option 'zz'"),
    ],
)
def test_plugins_that_are_no_sources(fake, text, message):
    with pytest.raises(SourceError, match=message):
        open_source(text, n_events=2, seed=1)


def test_source_of_a_plugin_takes_additions_but_no_pileup(fake):
    (batch,) = open_source("pions:?p=5-10+gun:mu-", n_events=2, seed=1)
    assert set(batch.particle["mc_pdg_id"]) == {211, 13}
    with pytest.raises(SourceError, match="pile-up can only be generated for pythia"):
        open_source("pions:", n_events=2, seed=1, pileup=1.0)


def test_files_come_before_plugins(fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pions:x").write_text("")
    with pytest.raises(SourceError, match="the file is empty"):
        open_source("pions:x", n_events=1, seed=1)


def test_two_distributions_with_one_name(fake, tmp_path, monkeypatch):
    install(monkeypatch, tmp_path / "second", "second", {"depth": "second:Depth"})
    with pytest.raises(PipelineError, match=r"offered by fake_plugin 1.2 .* and second 1.2"):
        find_stage("depth")


def test_declaring_columns(monkeypatch):
    monkeypatch.setattr(schema, "COLUMNS", dict(schema.COLUMNS))
    column = Column("track", "mine", "ns", "float32", "a time", "mine")
    plugins.declare(column)
    plugins.declare(column)
    assert schema.column("track", "mine") is column
    for bad, message in (
        (Column("track", "mine", "s", "float32", "a time", "mine"), "another meaning"),
        (Column("tracks", "a", "", "int32", "", "a"), "no such table"),
        (Column("track", "a", "", "str", "", "a"), "no NumPy number"),
        (Column("track", "a", "", "nonsense", "", "a"), "no NumPy number"),
        (Column("track", "a", "", "int32", "", "px"), "branch Track_px is that of track.px"),
    ):
        with pytest.raises(SchemaError, match=message):
            plugins.declare(bad)


def test_no_plugin_is_looked_up_for_names_of_ours(monkeypatch):
    def never(**_):
        raise AssertionError("looked for entry points")

    monkeypatch.setattr(plugins, "entry_points", never)
    assert all(find_stage(name) is stage for name, stage in STAGES.items())
    Pipeline.load("reference")
    open_source("gun:pi+", n_events=1, seed=1)


def test_errors_are_of_the_kind_asked_for(fake):
    with pytest.raises(LamarrLikeError) as caught:
        plugins.load(plugins.STAGE_GROUP, "broken", SourceError)
    assert type(caught.value) is SourceError
    assert plugins.load(plugins.STAGE_GROUP, "nobody", SourceError) is None


def test_import_stays_fast_and_imports_no_plugin():
    code = """
    import time
    start = time.perf_counter()
    import lamarr_like
    import lamarr_like.plugins
    print(time.perf_counter() - start)
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert float(found.stdout) < 1.0
