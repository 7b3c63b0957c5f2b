"""Polarity and run numbers: mirror images, what is noted, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import uproot
from decay_samples import decay_events
from report_samples import typed

from lamarr_like import schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.decays.candidates import make_candidates, make_generated
from lamarr_like.decays.fringe import at_vertex
from lamarr_like.decays.prongs import track_prongs
from lamarr_like.decays.request import DecayRequest
from lamarr_like.errors import SchemaError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple_reader import read_events
from lamarr_like.io.sources import open_source
from lamarr_like.runs.conditions import Conditions
from lamarr_like.runs.simulate import RunConfig, simulate
from lamarr_like.stages.tracking.propagation import Propagation
from lamarr_like.training.sample import read_sample

DECAY = "B+ -> (J/psi(1S) -> mu+ mu-) K+"


@pytest.fixture(scope="module")
def truth():
    return concatenate(list(open_source("gun:K+,K-?n=4&p=3-50", n_events=30, seed=2)))


@pytest.fixture(scope="module")
def decays():
    return decay_events(f"decay:{DECAY}", 40, seed=3)


def with_polarity(batch, sign):
    signs = np.broadcast_to(sign, len(batch))
    return batch.with_columns("event", **typed("event", {"polarity": signs}))


def same(one, two, **options):
    assert set(one.tables) == set(two.tables)
    for name, table in one.tables.items():
        assert set(table.columns) == set(two[name].columns)
        for column, values in table.columns.items():
            if (name, column) != ("event", "polarity"):
                np.testing.assert_allclose(values, two[name][column], **options, err_msg=column)


def test_a_mirror_twice_is_none(decays):
    every, none = np.ones(len(decays), bool), np.zeros(len(decays), bool)
    once = decays.mirrored(every)
    same(once.mirrored(every), decays, rtol=0)
    same(decays.mirrored(none), decays, rtol=0)
    track, image = decays.track, once.track
    for name in ("y", "z", "ty", "p", "pt", "charge", "cov00", "cov02", "cov13", "cov44"):
        assert (image[name] == track[name]).all(), name
    for name in ("x", "tx", "px", "cov01", "cov03", "cov04", "cov12", "cov23", "cov24"):
        assert (image[name] == -track[name]).all() and track[name].any(), name
    # Half of the events: the others stay.
    half = np.arange(len(decays)) % 2 == 0
    x, mixed = decays.particle["mc_px"], decays.mirrored(half).particle["mc_px"]
    assert ((mixed == -x) == half[decays.particle.event_index]).all()


def test_all_that_has_an_x_is_mirrored():
    """Declared columns by the words of their meaning; uncertainties and sizes have no sign."""
    named = {(t, c) for t, columns in schema.MIRRORED.items() for c in columns}
    words = ("x of ", "x at ", "slope dx/dz")
    docs = {key: column.doc for key, column in schema.COLUMNS.items()}
    told = {key for key, doc in docs.items() if doc.startswith(words) or doc.endswith(", x")}
    covariances = {(t, c) for t, c in named if c.startswith("cov")}
    assert named - covariances == told and len(covariances) == 6


def test_the_chain_bends_the_other_way(truth):
    """As the stage by itself, whose polarity is an option."""
    chain = Pipeline([Propagation()])
    down, up = chain(with_polarity(truth, -1)), chain(with_polarity(truth, 1))
    same(down, chain(truth).with_table("event", down.event), rtol=0)
    bent = Pipeline([Propagation(polarity=1)])(truth).with_table("event", up.event)
    same(up, bent, rtol=1e-6, atol=1e-9)
    bend = [c.particle["mc_t3_x"] for c in (down, up)]
    assert (np.sign(bend[0] - bend[1]) == truth.particle["mc_charge"]).all()
    mixed = np.where(np.arange(len(truth)) % 2, 1, -1)
    found = chain(with_polarity(truth, mixed)).particle["mc_t3_x"]
    sign = mixed[truth.particle.event_index]
    assert (found == np.where(sign > 0, bend[1], bend[0])).all()


def test_a_run_notes_its_conditions(tmp_path):
    request = DecayRequest.parse(DECAY)
    config = RunConfig(f"decay:{DECAY}", tmp_path / "none.root", 12, seed=4, decays=(request,))
    noted = replace(config, output=tmp_path / "up.root", conditions=Conditions("up", 1234))
    for one in (config, noted, replace(noted, output=tmp_path / "two.root")):
        simulate(one, workers=1 + (one.output.stem == "two"))
    paths = (tmp_path / f"{name}.root" for name in ("none", "up", "two"))
    plain, up, two = (next(iter(read_events(path))) for path in paths)
    same(two, up, rtol=0)
    assert "polarity" not in plain.event and (plain.event["run_number"] == 0).all()
    assert (up.event["polarity"] == 1).all() and (up.event["run_number"] == 1234).all()
    # The truth is that of the source, what is reconstructed has its mirror image bent back.
    for name in ("mc_px", "mc_vx", "mc_pz"):
        assert (up.particle[name] == plain.particle[name]).all()
    tree = uproot.open(tmp_path / "up.root")[f"{request.decay.name}/DecayTree"]
    generated = uproot.open(tmp_path / "up.root")[f"{request.decay.name}/MCDecayTree"]
    for found in (tree, generated):
        arrays = found.arrays(["Polarity", "runNumber"], library="np")
        assert (arrays["Polarity"] == 1).all() and (arrays["runNumber"] == 1234).all()
    assert generated.num_entries > 0
    with uproot.open(tmp_path / "up.root") as file:
        text = str(file["provenance"])
    assert '"polarity": "up"' in text and '"run": 1234' in text


def test_the_other_polarity_is_the_mirror_image(tmp_path, truth):
    """The whole chain: mirrored truth at magnet up is the mirror image of the truth at down."""
    chain = Pipeline.load("reference")
    every = np.ones(len(truth), bool)
    down = chain(with_polarity(truth, -1), seed=5, is_gun=True)
    up = chain(with_polarity(truth.mirrored(every), 1), seed=5, is_gun=True)
    same(up.mirrored(every), down, rtol=0)
    assert len(down.track) > 30


def test_candidates_have_the_polarity_of_their_events(decays):
    request = DecayRequest.parse(DECAY)
    signs = np.where(np.arange(len(decays)) % 2, 1, -1)
    batch = with_polarity(decays, signs)
    for make in (make_candidates, make_generated):
        table = make(batch, [request])[request.decay.name]
        assert (table["Polarity"] == signs[table.event_index]).all() and len(table) > 10
        assert (make(decays, [request], 1)[request.decay.name]["Polarity"] == 1).all()


def test_lines_are_bent_by_the_field_of_their_event(decays):
    rows = np.arange(20)
    line = track_prongs(decays.track, rows, 211)
    charge, z = decays.track["charge"][rows].astype(float), np.full(20, 2200.0)
    down, up = (at_vertex(line, charge, z, sign) for sign in (-1, 1))
    assert (np.abs(down.state[:, 2] - up.state[:, 2]) > 0).all()
    signs = np.where(rows % 2, 1, -1)
    mixed = at_vertex(line, charge, z, signs)
    for k, sign in enumerate(signs):
        assert (mixed.state[k] == (up if sign > 0 else down).state[k]).all()


def test_models_learn_magnet_down(tmp_path):
    paths = []
    for name, conditions in (("a", Conditions("up")), ("b", Conditions("down"))):
        config = RunConfig("gun:pi+?n=3", tmp_path / f"{name}.root", 8, conditions=conditions)
        simulate(config)
        paths.append(config.output)
    up, down = (read_sample([path]) for path in paths)
    assert "polarity" not in up.event
    image = next(iter(read_events(paths[0])))
    assert (up.particle["mc_px"] == -image.particle["mc_px"]).all()
    assert (down.particle["mc_px"] == image.particle["mc_px"]).all()


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (Conditions("sideways"), "polarity 'sideways': it is up or down"),
        (Conditions(run=-1), "run -1: ask for 0 to 2147483647"),
        (Conditions(run=1 << 31), "run 2147483648"),
    ],
)
def test_what_cannot_be(conditions, message, tmp_path):
    config = RunConfig("gun:pi+", Path(tmp_path / "x.root"), 2, conditions=conditions)
    with pytest.raises(SchemaError, match=message):
        simulate(config)
    assert not list(tmp_path.iterdir())
