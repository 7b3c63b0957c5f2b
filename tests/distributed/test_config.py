"""Production files and the command: what is refused, and how it is said."""

import pytest
from hepmc_samples import write_sample
from production_samples import finish, start, write_production

from lamarr_like.distributed.config import ClusterConfig, load_production, parse_production
from lamarr_like.errors import LamarrLikeError, ProductionError

MINIMAL = {
    "schema_version": 1,
    "name": "a",
    "pipeline": "reference",
    "output": "out",
    "sources": [{"gun": "K-", "events": 10}],
}


def parse(folder, **items):
    values = {k: v for k, v in {**MINIMAL, **items}.items() if v is not None}
    return parse_production(values, "p.yaml", folder)


def test_minimal_production(tmp_path):
    config = parse(tmp_path)
    assert config.output == tmp_path / "out"
    assert (config.seed, config.unit_events, config.retries, config.cluster) == (1, 1000, 2, None)
    assert config.pipeline == "reference"
    assert config.sources[0].text == "gun:K-"


def test_paths_count_from_the_file(tmp_path):
    write_sample(tmp_path / "b.hepmc", 1)
    write_sample(tmp_path / "a.hepmc", 1)
    (tmp_path / "card.cmnd").write_text("HardQCD:all = on\n")
    sources = [
        {"files": ["*.hepmc", "a.hepmc"], "options": "collisions=event"},
        {"pythia": "card.cmnd", "events": 5, "pileup": 2},
    ]
    config = parse(tmp_path, sources=sources, pipeline="x/p.yaml", models="m", cluster={})
    assert [p.name for p in config.sources[0].files] == ["a.hepmc", "b.hepmc"]
    assert config.sources[0].text == "?collisions=event"
    assert config.sources[1].text == f"pythia:{tmp_path}/card.cmnd"
    assert config.pipeline == str(tmp_path / "x/p.yaml") and config.models == tmp_path / "m"
    assert config.cluster == ClusterConfig()


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"seeds": 1}, "p.yaml: seeds is unknown; known are schema_version, name"),
        ({"seed": "1"}, "p.yaml: seed: expected a whole number, found text"),
        ({"seed": True}, "p.yaml: seed: expected a whole number, found true or false"),
        ({"name": None}, "p.yaml: name is missing"),
        ({"name": "../a"}, "p.yaml: name: use letters"),
        ({"schema_version": 2}, "schema_version is 2, this version reads 1"),
        ({"unit_events": 0}, "unit_events: 0 is less than 1"),
        ({"retries": -1}, "retries: -1 is less than 0"),
        ({"root_format": "hdf5"}, "root_format: it can be ttree, rntuple"),
        ({"merge": "../a.root"}, "merge: expected a plain name"),
        ({"merge": "part-000001.root"}, "merge: expected a plain name"),
        ({"sources": []}, "p.yaml: sources is empty"),
        ({"sources": ["gun"]}, r"p.yaml: sources\[0\]: expected a mapping, found text"),
        ({"sources": [{"gun": "K-"}]}, r"sources\[0\].events is missing"),
        ({"sources": [{"gun": "K-", "events": 0}]}, r"sources\[0\].events: ask for at least 1"),
        ({"sources": [{"events": 1}]}, r"sources\[0\]: give exactly one of pythia, gun"),
        ({"sources": [{"gun": "K-", "pythia": "x"}]}, "give exactly one of"),
        ({"sources": [{"pythia": "x", "events": 1}]}, r"sources\[0\].pythia: no process and no"),
        ({"sources": [{"gun": "K-", "events": 1, "pileup": 1.0}]}, "pileup: a positive number"),
        ({"sources": [{"gun": "K-", "events": 1, "split": True}]}, "split is for files only"),
        ({"sources": [{"gun": "K-", "events": 1, "add": ["K-"]}]}, r"add\[0\]: expected gun:"),
        ({"sources": [{"source": "a.hepmc", "events": 1}]}, "names of files go under files"),
        ({"sources": [{"source": "none:x"}]}, r"sources\[0\]\.source: 'none:x' is no generator"),
        ({"sources": [{"source": "gun:K-"}]}, "events is missing"),
        ({"oversample": 0}, "oversample: 0 draws of each event"),
        ({"preset": "small"}, "preset, keep, drop: no preset 'small'"),
        ({"drop": ["Trak_*"]}, "preset, keep, drop: no branch is called 'Trak_"),
        ({"drop": "Track_*"}, "drop: expected a list, found text"),
        ({"sources": [{"files": ["none*"]}]}, r"sources\[0\].files\[0\]: no file matches 'none"),
        ({"sources": [{"files": []}]}, r"sources\[0\].files is empty"),
        ({"cluster": {"kind": "pbs"}}, "cluster.kind: it can be local, htcondor, slurm"),
        ({"cluster": {"job": 1}}, "p.yaml: cluster.job is unknown"),
        ({"cluster": {"cores": 0}}, "cluster.cores: 0 is less than 1"),
    ],
)
def test_mistakes_are_named(tmp_path, items, message):
    with pytest.raises(ProductionError, match=message):
        parse(tmp_path, **items)


def test_files_that_are_no_production(tmp_path):
    path = tmp_path / "p.yaml"
    with pytest.raises(ProductionError, match="cannot be read"):
        load_production(path)
    for text in ("a: [", "\0", "!!python/object/apply:os.getcwd []"):
        path.write_text(text)
        with pytest.raises(ProductionError, match="is no YAML"):
            load_production(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ProductionError, match="is no YAML"):
        load_production(path)
    path.write_text("- 1")
    with pytest.raises(ProductionError, match="expected a mapping, found a list"):
        load_production(path)
    assert issubclass(ProductionError, LamarrLikeError)


def test_command_says_what_is_wrong_in_one_line(tmp_path):
    status, out, err = finish(start(write_production(tmp_path, tmp_path, seed="x")))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and "production.yaml: seed: expected a whole number" in err
