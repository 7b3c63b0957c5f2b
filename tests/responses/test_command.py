"""The verbs of responses from the first to the last, with their files looked at."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from blobs import BLOBS, blobs, simulate

from lamarr_like import cli
from lamarr_like.errors import ArtefactError, SchemaError, TrainingError
from lamarr_like.nets.config import MlpConfig
from lamarr_like.nets.families import Family, find_family
from lamarr_like.responses import command, config, declared, drawing, families, fit
from lamarr_like.responses.model import load
from lamarr_like.responses.samples import read_sample, write_sample


def run(*words, status=0):
    with pytest.raises(SystemExit) as ended:
        cli.app([str(w) for w in ("response", *words)])
    assert ended.value.code == status


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A declaration, a sample to train on, one to test on, a library."""
    home = tmp_path_factory.mktemp("responses")
    (home / "blobs.yaml").write_text(yaml.safe_dump(BLOBS.to_json()))
    for name, n, seed in (("train", 800, 1), ("test", 200, 2), ("again", 200, 3)):
        sample = blobs(n, seed)
        if name == "again":
            particles = blobs(200, 2).conditions
            keys = np.arange(1, 201).astype(np.uint64) * np.uint64(99)
            arrays = simulate(particles, keys)
            sample = type(sample)(BLOBS, particles, arrays, {}, "again")
        write_sample(sample, home / f"{name}.npz")
    run(
        "train",
        home / "blobs.yaml",
        "--family",
        "library",
        "--data",
        home / "train.npz",
        "-o",
        home / "models",
    )
    return home


def test_list_names_responses_families_and_models(capsys):
    command.list_responses()
    told = capsys.readouterr().out
    assert "ecal_shower: photon or electron" in told and "30 x 30 cells [MeV]" in told
    assert all(name in told for name in families.RESPONSE_FAMILIES)


def test_a_model_says_what_it_is(folder):
    home = folder / "models" / "blobs-library-1"
    told = json.loads((home / "config.json").read_text())
    assert told["kind"] == "response" and told["family"] == "library"
    assert told["training"]["rows"] == 720 and told["figures"]["held_out_rows"] == 80
    card = (home / "card.md").read_text()
    assert (
        "Toy showers" in card and "`energy`: energy, 1 to 20 GeV" in card and "not of LHCb" in card
    )


def test_drawn_for_a_sample_and_for_a_table(folder, tmp_path):
    run(
        "draw",
        "blobs-library-1",
        "--models",
        folder / "models",
        "--like",
        folder / "test.npz",
        "-o",
        tmp_path / "a.npz",
        "--seed",
        4,
    )
    pd.DataFrame(blobs(200, 2).conditions).to_parquet(tmp_path / "t.parquet")
    run(
        "draw",
        folder / "models/blobs-library-1",
        "--like",
        tmp_path / "t.parquet",
        "-n",
        50,
        "-o",
        tmp_path / "b.npz",
        "--seed",
        4,
    )
    a, b = read_sample(tmp_path / "a.npz"), read_sample(tmp_path / "b.npz")
    assert len(a) == 200 and len(b) == 50 and np.array_equal(a.arrays[:50], b.arrays)
    assert a.record["model"] == "blobs-library-1" and a.record["seed"] == 4


def test_tables_that_do_not_fit(folder, tmp_path):
    table = pd.DataFrame(blobs(20, 2).conditions)
    path = tmp_path / "t.parquet"
    for change, message in (
        (lambda t: t.drop(columns="tx"), "lacks the conditions tx"),
        (lambda t: t.assign(energy=np.r_[np.nan, t.energy[1:]]), "'energy'"),
        (lambda t: t.assign(energy=[None, *t.energy[1:]]), "'energy'"),
        (lambda t: t.assign(x="a"), "must be numbers"),
    ):
        change(table).to_parquet(path)
        with pytest.raises(SchemaError, match=message):
            drawing.particles(path, BLOBS)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(SchemaError, match="cannot be read as a Parquet table"):
        drawing.particles(path, BLOBS)


def test_wanted_values_are_read_and_go_to_the_model(folder, tmp_path):
    assert drawing.wanted_of(["total=300", "w0=-1.5"]) == {"total": 300.0, "w0": -1.5}
    for words, message in (
        (["total"], "--want total: must look like total=300"),
        (["total=much"], "--want total=much: must look like"),
        (["w0=1", "w0=2"], "--want w0=2: w0 comes twice"),
    ):
        with pytest.raises(SchemaError, match=message):
            drawing.wanted_of(words)
    with pytest.raises(SchemaError, match="its draws cannot be asked for values"):
        cli.app(
            [
                *("response", "draw", "blobs-library-1", "--models", str(folder / "models")),
                *("--like", str(folder / "test.npz"), "-o", str(tmp_path / "a.npz")),
                *("--want", "total=3"),
            ]
        )


def test_no_input_is_written_over(folder, capsys):
    before = (folder / "test.npz").read_bytes()
    with pytest.raises(Exception, match="is an input"):
        cli.app(
            [
                *("response", "draw", "blobs-library-1", "--models", str(folder / "models")),
                *("--like", str(folder / "test.npz"), "-o", str(folder / "test.npz"), "--force"),
            ]
        )
    assert (folder / "test.npz").read_bytes() == before


def test_trainings_that_cannot_be(folder):
    sample = read_sample(folder / "train.npz")
    with pytest.raises(ArtefactError, match="exists; replace it with --force"):
        fit.fit(sample, fit.Request("library"), folder / "models")
    with pytest.raises(TrainingError, match="no family 'magic' of responses; there are library"):
        fit.fit(sample, fit.Request("magic"), folder)
    with pytest.raises(TrainingError, match="no family 'armdn' of responses"):
        families.find_response_family("armdn")
    with pytest.raises(TrainingError, match="--part 0.5 0.2"):
        fit.fit(sample, fit.Request("library", part=(0.5, 0.2)), folder / "other")
    assert find_family("armdn").kind == "generator"


def test_minutes_are_a_setting_of_families_that_take_steps():
    family = families.find_response_family("splitting")
    found = fit.settings_of(family, fit.Request("splitting", minutes=1))
    assert found == config.SplittingConfig(minutes=1.0)
    table = families.find_response_family("table")
    assert fit.settings_of(table, fit.Request("table", minutes=1)) == config.TableConfig()
    foreign = Family(MlpConfig, "")
    with pytest.raises(TrainingError, match="'mlp' cannot be trained for a time; give --steps"):
        fit.settings_of(foreign, fit.Request("mlp", minutes=1))
    assert config.LibraryConfig().with_steps(5).size == 5
    assert families.DEFAULT in families.RESPONSE_FAMILIES


def test_settings_are_told_by_words(folder):
    family = families.find_response_family("gan")
    words = ("objective=wasserstein", "penalty=10", "widths=2,4,8", "regressor=false", "batch=64")
    found = fit.settings_of(family, fit.Request("gan", steps=5, words=words))
    assert found == config.GanConfig(
        objective="wasserstein",
        penalty=10.0,
        widths=(2, 4, 8),
        regressor=False,
        batch=64,
        steps=5,
    )
    run(
        *("train", folder / "blobs.yaml", "--family", "library", "--set", "size=100"),
        *("--data", folder / "train.npz", "-o", folder / "few"),
    )
    told = json.loads((folder / "few" / "blobs-library-1" / "config.json").read_text())
    assert told["training"]["rows"] == 100


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("size=3", "--set size=3: family gan has the settings batch, core"),
        ("batch=many", "--set batch=many: must be like batch=256"),
        ("batch", "must be like batch=256"),
        ("widths=2,x", "must be like widths=2,4"),
        ("regressor=1", "must be like regressor=true"),
        ("penalty=nan", "must be like penalty=0.02"),
        ("steps=-1", "must be like steps=9000"),
        ("objective=hinge", "objective 'hinge': there are relativistic and wasserstein"),
    ],
)
def test_words_that_are_no_settings(word, message):
    family = families.find_response_family("gan")
    with pytest.raises(TrainingError, match=message):
        fit.settings_of(family, fit.Request("gan", words=(word,)))


def test_what_is_no_response_model(folder):
    with pytest.raises(ArtefactError, match="no generator of a response"):
        load("acceptance-pp13-1")
    assert declared.known()[0] == "ecal_shower"
