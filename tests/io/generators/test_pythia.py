from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.errors import SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.generators.beam import SIGMA_XY, SIGMA_Z
from lamarr_like.io.generators.pythia import BLOCK, PythiaSource
from lamarr_like.io.selection import MAX_POLAR_ANGLE, MIN_PHOTON_ENERGY
from lamarr_like.io.sources import open_source
from lamarr_like.physics.kinematics import pseudorapidity
from lamarr_like.physics.particles import SPEED_OF_LIGHT


@pytest.fixture(scope="module")
def source():
    return PythiaSource("pythia:minbias", "minbias", 150, 7, None, {})


@pytest.fixture(scope="module")
def minbias(source):
    return concatenate(list(source))


def sharing(source, process="minbias", n_events=BLOCK, seed=7, pileup=None):
    """A source that saves the seconds of starting a generator, which has no memory anyway."""
    new = PythiaSource(f"pythia:{process}", process, n_events, seed, pileup, {})
    if process == "minbias":
        new._main = source._main
    new._overlay = source._main
    return new


def assert_same(a, b):
    for table in ("event", "vertex", "particle"):
        assert np.array_equal(a[table].offsets, b[table].offsets)
        for name, values in a[table].columns.items():
            assert np.array_equal(values, b[table][name]), name


def test_tables(minbias):
    p = minbias.particle
    assert minbias.event["event_id"].tolist() == list(range(150))
    assert (minbias.event["mc_weight"] == 1.0).all()
    assert (minbias["vertex"].counts == 1).all()
    assert np.array_equal(p["mcparticle_id"], np.arange(len(p)) - p.offsets[p.event_index])
    assert (p["mc_mother_id"] < p["mcparticle_id"]).all() and p["mc_mother_id"].min() == -1
    stable = p["mc_stable"]
    assert np.array_equal(p["mc_status"] == 1, stable)
    assert set(np.abs(p["mc_pdg_id"][stable])) == {11, 13, 22, 211, 321, 2212} - (
        set() if 13 in np.abs(p["mc_pdg_id"][stable]) else {13}
    )
    slope = np.hypot(p["mc_px"], p["mc_py"])[stable] / p["mc_pz"][stable]
    assert slope.min() > 0 and slope.max() < np.tan(MAX_POLAR_ANGLE)
    assert p["mc_energy"][stable & (p["mc_pdg_id"] == 22)].min() > MIN_PHOTON_ENERGY
    # Every ancestor is there for something.
    mothers = p.offsets[p.event_index] + p["mc_mother_id"]
    has = p["mc_mother_id"] >= 0
    assert np.isin(np.flatnonzero(~stable), mothers[has]).all()
    assert not np.isin(np.abs(p["mc_pdg_id"][mothers[has]]), [2212, 21, 1, 2, 3, 4, 5]).any()


def test_kinematics_balance_in_decays(minbias):
    """pi0 -> gamma gamma with both photons kept: the four-momenta add up."""
    p = minbias.particle
    mother = p.offsets[p.event_index] + p["mc_mother_id"]
    of_pi0 = (p["mc_mother_id"] >= 0) & (p["mc_pdg_id"][mother] == 111) & (p["mc_pdg_id"] == 22)
    pi0, n = np.unique(mother[of_pi0], return_counts=True)
    whole = pi0[n == 2]
    assert len(whole) > 1000
    for name in ("mc_px", "mc_py", "mc_pz", "mc_energy"):
        total = np.bincount(mother[of_pi0], p[name][of_pi0], len(p))[whole]
        decay = np.abs(total - p[name][whole]) / p["mc_energy"][whole]
        assert np.median(decay) < 1e-9 and (decay < 1e-6).mean() > 0.97  # the rest is Dalitz


def test_spectra_look_like_13_tev(minbias):
    p = minbias.particle
    charged = p["mc_stable"] & (p["mc_charge"] != 0)
    eta = pseudorapidity(p["mc_px"], p["mc_py"], p["mc_pz"])
    central = (charged & (eta > 2) & (eta < 5)).sum() / len(minbias)
    assert 15 < central < 25
    v = minbias["vertex"]
    assert np.std(v["mc_x"]) == pytest.approx(SIGMA_XY, rel=0.2)
    assert np.std(v["mc_z"]) == pytest.approx(SIGMA_Z, rel=0.2)
    row = v.offsets[p.event_index] + p["mc_pv_id"]
    flight = np.sqrt(sum((p[f"mc_v{a}"] - v[f"mc_{a}"][row]) ** 2 for a in "xyz"))
    time = p["mc_vt"] - v["mc_t"][row]
    far = flight > 1.0
    assert far.sum() > 300
    assert 0.99 < (flight[far] / time[far]).max() / SPEED_OF_LIGHT < 1.001
    # Pions from K_S decays lie where the K_S decayed.
    mother = p.offsets[p.event_index] + p["mc_mother_id"]
    of_ks = (p["mc_mother_id"] >= 0) & (p["mc_pdg_id"][mother] == 310)
    assert np.median(flight[of_ks]) > 20.0


def test_events_do_not_depend_on_what_was_generated_before(minbias, source, capfd):
    fresh = PythiaSource("pythia:minbias", "minbias", 150, 7, None, {})
    assert_same(fresh.made(2), minbias.events(2 * BLOCK, 3 * BLOCK))
    assert_same(fresh.made(0), minbias.events(0, BLOCK))
    assert_same(concatenate(list(sharing(source, n_events=60))), minbias.events(0, 60))
    assert capfd.readouterr() == ("", "")


def test_seeds_differ(minbias, source):
    other = sharing(source, n_events=5, seed=8).made(0)
    assert not np.array_equal(other["vertex"]["mc_z"], minbias["vertex"]["mc_z"][:5])
    assert other.particle.counts.tolist() != minbias.particle.counts[:5].tolist()


def test_pileup_of_minimum_bias(minbias, source):
    source = sharing(source, n_events=100_000, pileup=1.5)
    n, overlay = source._multiplicities(np.arange(100_000))
    assert n.min() == 1 and not overlay.any()
    # Poisson without its zeros.
    assert n.mean() == pytest.approx(1.5 / (1 - np.exp(-1.5)), rel=0.01)
    batch = source.made(0)
    assert np.array_equal(batch["vertex"].counts, n[:BLOCK])
    p = batch.particle
    assert np.array_equal(np.unique(p["mc_pv_id"]), np.arange(n[:BLOCK].max()))
    row = batch["vertex"].offsets[p.event_index] + p["mc_pv_id"]
    no_mother = p["mc_stable"] & (p["mc_mother_id"] < 0)
    assert np.allclose(p["mc_vz"][no_mother], batch["vertex"]["mc_z"][row][no_mother], atol=1e-6)


@pytest.mark.parametrize(("process", "flavour"), [("bbbar", 5), ("ccbar", 4)])
def test_heavy_flavour_is_forward(minbias, source, process, flavour):
    source = sharing(source, process, n_events=40, pileup=0.7)
    assert "2 < eta < 5" in source.notes[0]
    batch = concatenate(list(source))
    code = np.abs(batch.particle["mc_pdg_id"]) % 10000
    heavy = (code // 100 % 10 == flavour) | (code // 1000 == flavour)
    p = batch.particle
    eta = pseudorapidity(p["mc_px"], p["mc_py"], p["mc_pz"])
    good = np.bincount(p.event_index[heavy & (eta > 2) & (eta < 5)], minlength=40) > 0
    # A few have only neutral hadrons and neutrinos among the forward products.
    assert good.mean() > 0.9
    # The signal is the first collision.
    assert (p["mc_pv_id"][heavy] == 0).mean() > 0.9
    assert 1.3 < batch["vertex"].counts.mean() < 2.2


def test_user_settings(tmp_path):
    card = tmp_path / "z.cmnd"
    card.write_text(
        "Beams:eCM = 13600.\nWeakSingleBoson:ffbar2gmZ = on\nPhaseSpace:mHatMin = 60.\n"
        "23:onMode = off\n23:onIfAny = 13\nRandom:seed = 99\nBeams:allowVertexSpread = on\n"
    )
    batch = concatenate(list(open_source(f"pythia:{card}", n_events=30, seed=1)))
    p = batch.particle
    row = p.offsets[p.event_index] + p["mc_mother_id"]
    muon = (np.abs(p["mc_pdg_id"]) == 13) & (p["mc_mother_id"] >= 0)
    assert (p["mc_pdg_id"][row[muon]] == 23).sum() > 5
    assert (p["mc_pdg_id"] == 23).sum() > 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pythia:top", "no process and no file 'top'; it can be minbias"),
        ("pythia:missing.cmnd", "no process and no file"),
        ("pythia:bbbar?foward=1", "unknown option 'foward'; there are forward"),
        ("pythia:bbbar?forward=yes", "it can be 0, 1"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(SourceError, match=message.replace("?", r"\?")):
        open_source(text, n_events=3, seed=1)


def test_other_mistakes(tmp_path):
    with pytest.raises(SourceError, match="how many"):
        open_source("pythia:minbias", n_events=None, seed=1)
    with pytest.raises(SourceError, match="makes no sense"):
        open_source("pythia:minbias", n_events=1, seed=1, pileup=-1.0)
    card = tmp_path / "bad.cmnd"
    card.write_text("HardQCD:everything = on\n")
    with pytest.raises(SourceError, match="does not take a setting"):
        list(open_source(f"pythia:{card}", n_events=1, seed=1))
    card.write_text("Beams:idA = 2212\n")
    with pytest.raises(SourceError, match=r"bad\.cmnd"):
        list(open_source(f"pythia:{card}", n_events=1, seed=1))


def test_a_generator_serves_the_next_source(monkeypatch):
    """Starting one takes seconds; what it made before does not matter."""
    from lamarr_like.io.generators import pythia

    monkeypatch.setattr(pythia, "_IDLE", {})
    started = []
    new = pythia.new_pythia
    monkeypatch.setattr(pythia, "new_pythia", lambda: started.append(0) or new())

    def first(seed):
        source = open_source("pythia:nondiffractive", n_events=10, seed=seed)
        return source, next(iter(source)).particle["mc_px"]

    one, px = first(1)
    other, again = first(1)  # at the same time: one each
    assert len(started) == 2
    np.testing.assert_array_equal(again, px)
    del one, other
    assert first(2)[1].tolist() != px.tolist() and len(started) == 2
    assert [len(idle) for idle in pythia._IDLE.values()] == [1]
    np.testing.assert_array_equal(first(1)[1], px)
    # Other settings, another generator.
    next(iter(open_source("pythia:ccbar", n_events=1, seed=1)))
    assert len(started) == 3


def test_pileup_takes_the_generator_of_minimum_bias(monkeypatch):
    from lamarr_like.io.generators import pythia

    monkeypatch.setattr(pythia, "_IDLE", {})
    monkeypatch.setattr(pythia, "_put_by", lambda *_: None)  # none of these is ever started
    asked = []
    monkeypatch.setattr(
        PythiaSource, "_initialised", lambda self, one, words, tables: asked.append(words) or one
    )
    signal, plain = (PythiaSource("x", name, 1, 1, 1.5, {}) for name in ("ccbar", "minbias"))
    signal._main = pythia.new_pythia()
    for line in pythia.BEAMS:
        assert signal._main.readString(line)
    for source in (signal, plain):
        source._start(pythia.PROCESSES["minbias"])
    assert asked[0] == asked[1]
