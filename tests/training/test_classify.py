"""The verb ``classify``: trees of candidates of two domains in, a classifier out."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import uproot

from lamarr_like import cli
from lamarr_like.engine.artefact import read_artefact
from lamarr_like.engine.load import load_model
from lamarr_like.errors import OutputError, SchemaError, SourceError, TrainingError
from lamarr_like.training.candidates import Candidates
from lamarr_like.training.classify import ClassifyRequest, classify
from lamarr_like.training.command import classify as verb

TREE = "D0_to_Kminus_piplus/DecayTree"
WANTED = Candidates(("D0_PT", "Kminus_PIDK"), ("D0_BKGCAT", 0, 10))


def written(path, seed, shift=0.0, n=1500, signal=True, **further):
    """A tree of candidates; the second feature is off by a shift."""
    rng = np.random.default_rng(seed)
    category = np.where((rng.random(n) < 0.4) & signal, 0, 130)
    sign = np.where(category == 0, 1.0, -1.0)
    columns = {
        "D0_PT": (3000.0 + 900.0 * sign + rng.normal(0.0, 800.0, n)).astype(np.float32),
        "Kminus_PIDK": 5.0 * sign + shift + rng.normal(0.0, 5.0, n),
        "D0_BKGCAT": category.astype(np.int32),
        **further,
    }
    with uproot.recreate(path) as file:
        file.mktree(TREE, {k: v.dtype for k, v in columns.items()}).extend(columns)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classify")
    for seed, (name, shift) in enumerate((("here", 0.0), ("there", 8.0)), 1):
        written(folder / f"{name}.root", seed, shift)
    return folder


def test_candidates_are_read_with_and_without_what_they_are(files):
    here = files / "here.root"
    columns, labels = WANTED.labelled([here, here])
    assert list(columns) == ["D0_PT", "Kminus_PIDK"] and len(labels) == 3000
    first, last = (WANTED.labelled([here, here], part) for part in ((0.0, 0.4), (0.4, 1.0)))
    assert (len(first[1]), len(last[1])) == (1200, 1800)
    assert np.array_equal(columns["D0_PT"][600:1500], last[0]["D0_PT"][:900])
    assert all(values.dtype == np.float64 for values in columns.values())
    assert columns["D0_PT"][labels == 1].mean() > columns["D0_PT"][labels == 0].mean() + 1500.0
    assert list(WANTED.unlabelled([files / "there.root"])) == list(columns)
    assert WANTED.are_known([here])
    assert not Candidates(("D0_PT",), ("B_BKGCAT", 0, 10)).are_known([here])


def test_trees_that_cannot_be_used(files, tmp_path):
    none = written(tmp_path / "none.root", 1, signal=False)
    with pytest.raises(TrainingError, match=r"none.root: no candidate is signal, which is told by"):
        WANTED.labelled([none])
    with pytest.raises(SchemaError, match=r"here.root: .*DecayTree lacks the branches B_M, X_PT"):
        Candidates(("X_PT", "B_M"), WANTED.signal).unlabelled([files / "here.root"])
    bad = np.where(np.arange(1500) == 7, np.inf, 1.0)
    broken = written(tmp_path / "bad.root", 1, D0_M=bad)
    with pytest.raises(SchemaError, match=r"bad.root: branch 'D0_M' is inf in entry 7"):
        Candidates(("D0_M",), WANTED.signal).unlabelled([broken])
    with pytest.raises(SourceError, match="holds no tree 'DecayTree'"):
        Candidates(("D0_PT",), WANTED.signal, "DecayTree").unlabelled([files / "here.root"])
    with pytest.raises(TrainingError, match="at least one feature"):
        Candidates((), WANTED.signal).unlabelled([files / "here.root"])


def test_candidates_that_lack_a_feature_are_left_out_and_counted(tmp_path):
    angle, chi2 = np.ones(1500), np.arange(1500.0)
    angle[[0, 7]] = chi2[[7, 1499]] = np.nan
    path = written(tmp_path / "some.root", 1, D0_DIRA=angle, D0_FDCHI2=chi2)
    wanted = Candidates(("D0_PT", "D0_DIRA", "D0_FDCHI2"), WANTED.signal)
    columns, labels = wanted.labelled([path])
    assert len(labels) == len(columns["D0_PT"]) == 1497
    assert np.array_equal(columns["D0_FDCHI2"], np.delete(np.arange(1500.0), [0, 7, 1499]))
    assert np.array_equal(wanted.unlabelled([path], (0.0, 0.5))["D0_FDCHI2"][[0, -1]], [1.0, 749.0])
    (line,) = wanted.left_out([path])
    assert line == (
        "some.root: 3 of 1500 candidates left out, without a value of features: "
        "D0_DIRA of 2, D0_FDCHI2 of 2"
    )
    assert WANTED.left_out([path]) == []
    angle[:] = np.nan
    empty = written(tmp_path / "empty.root", 1, D0_DIRA=angle)
    with pytest.raises(SchemaError, match=r"empty.root: no candidate has a value of all"):
        Candidates(("D0_DIRA",), WANTED.signal).labelled([empty])
    with pytest.raises(SchemaError, match=r"some.root: branch 'D0_DIRA' is nan in entry 0"):
        Candidates(("D0_PT",), ("D0_DIRA", 0, 10)).labelled([path])


def test_requests_that_cannot_be_met(files, tmp_path):
    one = [files / "here.root"]
    for request, message in (
        (ClassifyRequest(WANTED, adversary="time"), "no adversary 'time'"),
        (ClassifyRequest(WANTED, settings={"wdith": 3}), "cannot be set up"),
    ):
        with pytest.raises(TrainingError, match=message):
            classify(one, one, output=tmp_path, request=request)
    with pytest.raises(TrainingError, match="a share of 1 of the candidates"):
        classify(one, one, output=tmp_path, request=ClassifyRequest(WANTED, judged=1.0))
    off = ClassifyRequest(WANTED, adversary="none", strength=3.0).config
    assert off.adversary == off.laws == 0.0
    assert ClassifyRequest(WANTED, strength=3.0).config.adversary > 0.0


def test_the_verb_writes_a_classifier(files, monkeypatch, capsys):
    pytest.importorskip("tensorflow")
    assert verb.__doc__
    words = ["classify", files / "here.root", "--target", files / "there.root"]
    words += ["--feature", "D0_PT", "--feature", "Kminus_PIDK", "--signal", "D0_BKGCAT:0-10"]
    words += ["--steps", "150", "--sample", "toy", "-o", files / "models"]
    monkeypatch.setattr(sys, "argv", ["lamarr-like", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    told = capsys.readouterr().out
    assert not stop.value.code and "900 candidates of the target" in told
    folder = files / "models" / "classifier-toy-1"
    artefact = read_artefact(folder)
    assert artefact.config["family"] == "domain" and artefact.config["kind"] == "classifier"
    card = artefact.files["card.md"].decode()
    (line,) = (one for one in told.splitlines() if one.startswith("signal told from"))
    assert line in card and "in the target" in line and "blind to the domain" in card
    columns, labels = WANTED.labelled([files / "here.root"], (0.6, 1.0))
    p = load_model(folder).predict(columns)[:, 1]
    assert p[labels == 1].mean() > p[labels == 0].mean() + 0.2
    assert artefact.config["provenance"]["signal"] == ["D0_BKGCAT", 0, 10]
    with pytest.raises(OutputError, match="is there already; replace it with --force"):
        classify(
            *([files / "here.root"], [files / "there.root"]),
            output=files / "models",
            request=ClassifyRequest(WANTED, sample="toy"),
        )
