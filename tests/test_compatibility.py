"""What older versions wrote is read; what later ones write is refused with a clear error.

``tests/data/N`` holds files of one version each, made once by ``tests/data/make.py``.
"""

import json

import pytest
from chain_fakes import truth_events
from places import DATA

from lamarr_like import schema
from lamarr_like.chain.pipeline_file import load_config
from lamarr_like.distributed.config import load_production
from lamarr_like.engine.artefact import read_artefact, write_artefact
from lamarr_like.engine.load import load_model
from lamarr_like.errors import ArtefactError, PipelineError, ProductionError, SchemaError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import EventWriter, content_digest, read_events, read_schema
from lamarr_like.io.sources import open_source
from lamarr_like.runs.simulate import RunConfig, simulate


@pytest.fixture(params=sorted(p.name for p in DATA.iterdir() if p.name.isdigit()))
def old(request):
    """Folder of the files of one version, and what is expected of them."""
    folder = DATA / request.param
    return folder, json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_old_ntuples(old, kind):
    folder, expected = old
    path = folder / f"{kind}.root"
    assert content_digest(path) == expected["digest"][kind]
    batch = concatenate(read_events(path))
    assert len(batch) == expected["events"]
    for name, table in batch.tables.items():
        assert len(table) == expected["rows"][name]
    # Every branch of then has a column now, under the same name.
    for branch in read_schema(path)["branches"].values():
        assert branch["name"] in batch[branch["table"]].columns
    truth = concatenate(open_source(str(path), n_events=None, seed=1))
    assert len(truth) == expected["events"]


def test_old_models(old):
    folder, expected = old
    for name, conditions in expected["conditions"].items():
        assert list(load_model(folder / "models" / name).conditions) == conditions


def test_old_pipelines_and_productions_run(old, tmp_path):
    folder, _ = old
    assert load_production(folder / "production.yaml").unit_events == 5
    config = RunConfig("gun:K-?p=3-100", tmp_path / "a.root", 12, seed=7)
    assert simulate(config, folder / "old.yaml", folder / "models").events == 12


def test_ntuple_of_a_later_version(tmp_path, monkeypatch):
    path = tmp_path / "a.root"
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)
    with EventWriter(path, metadata={}) as writer:
        writer.write(truth_events(3, seed=1))
    monkeypatch.undo()
    with pytest.raises(SchemaError, match=r"a.root: has schema version \d+.*install a newer one"):
        list(read_events(path))
    with pytest.raises(SchemaError, match="install a newer one"):
        list(open_source(str(path), n_events=None, seed=1))


def test_models_and_documents_of_a_later_version(old, tmp_path, monkeypatch):
    folder, _ = old
    artefact = read_artefact(folder / "models" / "acceptance-tiny-1")
    files = {k: v for k, v in artefact.files.items() if k != "card.md"}
    later = {**artefact.config, "artefact_schema": 99}
    monkeypatch.setattr("lamarr_like.engine.artefact.ARTEFACT_SCHEMA", 99)
    write_artefact(tmp_path / "m", later, files, "")
    monkeypatch.undo()
    with pytest.raises(ArtefactError, match="has artefact schema 99, this version reads"):
        read_artefact(tmp_path / "m")
    for name, load, error in (
        ("old.yaml", load_config, PipelineError),
        ("production.yaml", load_production, ProductionError),
    ):
        text = (
            (folder / name).read_text().replace("schema_version: 1", "schema_version: 99\nlater: 1")
        )
        (tmp_path / name).write_text(text)
        with pytest.raises(error, match="schema_version is 99, this version reads"):
            load(tmp_path / name)
