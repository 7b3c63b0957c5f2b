"""The verb ``refine``: two samples in, a model out that a pipeline runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events, untold

from lamarr_like import cli
from lamarr_like.chain.pipeline import Pipeline, load_stage
from lamarr_like.engine.artefact import read_artefact
from lamarr_like.errors import OutputError, SchemaError, TrainingError
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.stages import MODEL_STAGES
from lamarr_like.stages.features import DECAYS
from lamarr_like.training.command import refine as verb
from lamarr_like.training.paired_rows import paired_rows, unpaired_rows
from lamarr_like.training.refine import RefineRequest, judged_on, refine
from lamarr_like.training.told_apart import told_apart

STAGE = "muon_likelihood"
FEW = {"partitions": 2, "cells": 8, "groups": 8, "rows": 16, "hidden": 8, "evaluations": 1}


@pytest.fixture(scope="module")
def draws():
    """A fast and a detailed sample of the same events; one variable of the first is off."""
    detailed = Pipeline(fake_stages())(truth_events(700), seed=1)
    muons = np.flatnonzero(detailed.track["is_muon"])
    other = np.random.default_rng(1).permutation(muons)
    new = {}
    for name, wrong in (("muon_mu_ll", 0.8), ("muon_bg_ll", 0.0)):
        new[name] = detailed.track[name].copy()
        new[name][muons] = detailed.track[name][other] + np.float32(wrong)
    return detailed.with_columns("track", **new), detailed


@pytest.fixture(scope="module")
def files(draws, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refine")
    for name, batch in zip(("fast", "detailed"), draws, strict=True):
        with EventWriter(folder / f"{name}.root", metadata={}) as out:
            out.write(batch)
    return folder


def test_pairs_are_of_one_particle(draws):
    stage = MODEL_STAGES[STAGE]
    rows = paired_rows(stage, draws[0].events(0, 690), draws[1])
    assert rows.are_pairs and set(rows.fast) == {"muon_mu_ll", "muon_bg_ll"}
    for name, values in rows.conditions.items():
        assert np.array_equal(values, rows.detailed_conditions[name])
    apart = rows.fast["muon_mu_ll"].mean() - rows.detailed["muon_mu_ll"].mean()
    assert apart == pytest.approx(0.8, abs=0.05)
    free = unpaired_rows(stage, draws[0].events(0, 200), draws[1].events(200, 400))
    assert not free.are_pairs and free.weights is None
    assert len(free.fast["muon_bg_ll"]) == len(free.detailed["muon_bg_ll"]) > 200
    with pytest.raises(SchemaError, match="the fast sample: event .* is not the generated event"):
        paired_rows(stage, draws[0].events(0, 100), draws[1].events(100, 300))


def test_pairs_know_what_both_samples_tell(draws):
    """One may be of a simulation that does not say where particles decayed."""
    fast, detailed = draws
    for one, two in ((fast, untold(detailed)), (untold(fast), detailed)):
        rows = paired_rows(MODEL_STAGES[STAGE], one, two)
        assert tuple(rows.conditions) == tuple(rows.detailed_conditions)
        assert not set(DECAYS) & set(rows.conditions)


def test_the_verb_writes_a_model_that_runs(draws, files, monkeypatch, capsys):
    pytest.importorskip("tensorflow")
    words = ["refine", files / "fast.root", files / "detailed.root", "--stage", STAGE]
    words += ["-o", files / "models", "--sample", "toy", "--steps", 250, "--paired", 0]
    words += ["--test-fast", files / "fast.root", "--test-detailed", files / "detailed.root"]
    assert verb.__doc__
    monkeypatch.setattr(sys, "argv", ["lamarr-like", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    told = capsys.readouterr().out
    assert not stop.value.code and f"stage: refine_{STAGE}" in told
    folder = files / "models" / f"refine_{STAGE}-toy-1"
    artefact = read_artefact(folder)
    figures = artefact.config["figures"]
    assert figures["held_out_quick_c2st"] < figures["unrefined_quick_c2st"] - 0.03
    card = (folder / "card.md").read_text()
    assert "--paired 0" in card
    stage, _ = load_stage(str(folder))
    (found,) = told_apart(stage, *draws)
    assert f"fast.root and detailed.root: {found}" in told and str(found) in card
    assert found.after.value < found.before.value - 0.03 and found.test == "plain"
    assert stage.name == f"refine_{STAGE}" and stage.refines is MODEL_STAGES[STAGE]
    with pytest.raises(OutputError, match="is there already; replace it with --force"):
        refine(
            *(files / "fast.root", files / "detailed.root"),
            output=files / "models",
            request=RefineRequest(STAGE, sample="toy"),
        )


def test_stages_that_cannot_be_refined(tmp_path):
    for stage, message in (("ecal", "cannot be refined"), ("nothing", "no stage 'nothing'")):
        with pytest.raises(TrainingError, match=message):
            refine(tmp_path, tmp_path, output=tmp_path, request=RefineRequest(stage))
    with pytest.raises(TrainingError, match="cannot be set up"):
        refine(
            *(tmp_path, tmp_path),
            output=tmp_path,
            request=RefineRequest("rich", settings={"wdith": 3}),
        )
    with pytest.raises(TrainingError, match="1 fast samples and 0 detailed ones"):
        judged_on([tmp_path], [])
