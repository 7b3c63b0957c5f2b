"""What a generator left stable although it decays is decayed, or counted and named."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from production_samples import production

from lamarr_like.distributed.produce import run_production
from lamarr_like.errors import BadEventError
from lamarr_like.events import concatenate
from lamarr_like.io import unstable
from lamarr_like.io.generators.pythia import PythiaSource
from lamarr_like.io.hepmc.text import MAX_LINE
from lamarr_like.io.sources import open_source
from lamarr_like.physics.particles import SPEED_OF_LIGHT, masses

HEAD = "HepMC::Version 3.02.00\nHepMC::Asciiv3-START_EVENT_LISTING\n"


def event(number, particles, decayed=(), pz=20.0):
    """Particles of a collision at z = 10 mm; `decayed` ones have two pions behind them."""
    n = 1 + len(particles) + 3 * len(decayed)
    lines = [f"E {number} {1 + len(decayed)} {n}", "U GEV MM", "P 1 0 2212 0 0 6500 6500 0.938 4"]
    lines.append("V -1 0 [1] @ 0 0 10 0")

    def add(code, origin, status, pz):
        k = sum(line[0] == "P" for line in lines) + 1
        mass = masses(np.array([code]))[0] / 1e3
        lines.append(f"P {k} {origin} {code} 0.5 0.25 {pz} {np.hypot(pz, mass) + 0.01} 0 {status}")
        return k

    for code in particles:
        add(code, -1, 1, pz)
    for number_of_vertex, code in enumerate(decayed, 2):
        k = add(code, -1, 2, 20.0)
        lines.append(f"V -{number_of_vertex} 0 [{k}] @ 0.5 0.25 30 20")
        for pion in (211, -211):
            add(pion, -number_of_vertex, 1, 10.0)
    return "\n".join(lines) + "\n"


def write(path, *events):
    path.write_text(HEAD + "".join(events) + "HepMC::Asciiv3-END_EVENT_LISTING\n")
    return path


def read(text, seed=1, **options):
    source = open_source(str(text), n_events=None, seed=seed, **options)
    return source, concatenate(list(source))


def daughters(batch, code):
    """PDG identifiers of the daughters of the first particle of a species."""
    p = batch.particle
    row = int(np.flatnonzero(p["mc_pdg_id"] == code)[0])
    return p["mc_pdg_id"][p["mc_mother_id"] == p["mcparticle_id"][row]]


@pytest.mark.parametrize("code", [111, 310, 3122, 3112, -3312, 3334, 521, 411, 4122, 15, 443])
def test_what_decays_is_decayed(tmp_path, code):
    source, batch = read(write(tmp_path / "a", event(0, [code] * 20)))
    p = batch.particle
    mothers = p["mc_pdg_id"] == code
    assert mothers.sum() > 10 and not p["mc_stable"][mothers].any()
    assert (p["mc_status"][mothers] == 2).all() and (p["mc_mother_id"][mothers] == -1).all()
    assert (p["mc_pv_id"] == 0).all()
    assert source.remarks() == []
    kept = p["mc_stable"]
    assert set(np.abs(p["mc_pdg_id"][kept])) <= {11, 13, 22, 211, 321, 2212}
    # Every daughter has its mother, and is made where and when that one decayed.
    born = np.flatnonzero(p["mc_mother_id"] >= 0)
    assert len(born) >= 20
    assert (p["mc_vz"][born] >= 10.0 - 1e-9).all()
    mother = p["mc_mother_id"][born]
    step = np.stack([p[f"mc_v{c}"][born] - p[f"mc_v{c}"][mother] for c in "xyz"])
    time = (p["mc_vt"][born] - p["mc_vt"][mother]) * SPEED_OF_LIGHT
    p3 = np.stack([p[f"mc_p{c}"][mother] for c in "xyz"])
    flown = time > 1e-6
    # The energies of the input are wrong in the fifth digit, the flight is right.
    mass = masses(p["mc_pdg_id"][mother])
    energy = np.sqrt((p3**2).sum(axis=0) + mass**2)
    slow = flown & np.isin(np.abs(p["mc_pdg_id"][mother]), [310, 3122, 3112, 521])
    assert step[:, slow] == pytest.approx(p3[:, slow] / energy[slow] * time[slow], rel=1e-5)


def test_lifetimes_are_exponential(tmp_path):
    _, batch = read(write(tmp_path / "a", event(0, [3122] * 4000)))
    p = batch.particle
    born = p["mc_mother_id"] >= 0
    z = np.unique(p["mc_vz"][born]) - 10.0
    # c tau of a Lambda is 78.9 mm, and pz / m = 20 / 1.1157.
    assert np.median(z) == pytest.approx(np.log(2) * 78.9 * 20 / 1.1157, rel=0.05)
    p4 = {c: np.zeros(len(p)) for c in ("px", "py", "pz")}
    for c, total in p4.items():
        np.add.at(total, p["mc_mother_id"][born], p[f"mc_{c}"][born])
    found = np.zeros(len(p), dtype=int)
    np.add.at(found, p["mc_mother_id"][born], np.abs(p["mc_pdg_id"][born]))
    whole = np.flatnonzero(found == 2212 + 211)
    assert len(whole) > 2000  # 64 % of the decays
    for c, total in p4.items():
        assert total[whole] == pytest.approx(p[f"mc_{c}"][whole], rel=1e-6)


def test_decays_depend_on_seed_and_event_alone(tmp_path):
    events = [event(k, [310, 3122, 521, 211]) for k in range(40)]
    _, all_of_them = read(write(tmp_path / "a", *events))
    source, _ = read(tmp_path / "a")
    again = concatenate(list(source))  # a second time through the same source
    _, other = read(tmp_path / "a", seed=2)
    for name, values in all_of_them.particle.columns.items():
        assert np.array_equal(values, again.particle[name])
    assert not np.array_equal(all_of_them.particle["mc_vz"], other.particle["mc_vz"])
    # Without the events before it, apart from its number.
    broken = [text.replace("U GEV", "U TEV") for text in events[:17]]
    _, some = read(write(tmp_path / "b", *broken, *events[17:]), skip_bad=True)
    for name, values in some.particle.columns.items():
        assert np.array_equal(values, all_of_them.events(17, 40).particle[name]), name


def test_what_flew_out_is_left_alone(tmp_path):
    # Where the generator decays K_S, those that are stable left the detector.
    source, batch = read(write(tmp_path / "a", event(0, [310, 310, 3122], decayed=[310])))
    assert list(batch.particle["mc_pdg_id"]).count(310) == 1
    assert "2 K(S)0" in source.remarks()[-1] and 3122 in batch.particle["mc_pdg_id"]
    # A B is not among them: it cannot leave.
    source, batch = read(write(tmp_path / "a", event(0, [521], decayed=[521])))
    assert list(batch.particle["mc_pdg_id"]).count(521) == 2 and source.remarks() == []
    # Nor is what Pythia lets fly out named.
    source, batch = read(write(tmp_path / "a", event(0, [310] * 30, pz=5000.0)))
    assert list(batch.particle["mc_pdg_id"]).count(310) < 10 and source.remarks() == []


def test_what_is_dropped_is_counted_and_named(tmp_path):
    stable = [1000010020] * 3 + [1000022, 2112, 130, 12, -14, 211, 21]
    source, batch = read(write(tmp_path / "a", event(0, stable), event(1, stable)))
    assert batch.particle["mc_pdg_id"].tolist() == [211, 211]
    assert source.remarks()[-1] == (
        "10 particles that the generator left stable are not simulated: 6 deuteron, 2 g, 2 1000022"
    )
    assert list(source) and source.dropped.total() == 10  # not twice as many
    # Those of broken events do not count.
    broken = event(1, stable).replace("9 4\n", "x 4\n").replace(" 0.5 ", " nan ", 1)
    source, batch = read(write(tmp_path / "a", event(0, stable), broken), skip_bad=True)
    assert len(batch) == 1 and source.dropped.total() == 5


def test_pythia_starts_only_where_it_is_needed(tmp_path, monkeypatch):
    def start():
        raise AssertionError("nothing decays here")

    monkeypatch.setattr(unstable, "_pythia", start)
    read(write(tmp_path / "a", event(0, [211, 2112, 130, 22, 16], decayed=[310])))


@pytest.mark.parametrize("code", [1000022, 9000006, 32, 34, 4900111, 9900012, 1023, 1000020040])
def test_daughters_keep_a_mother_that_nobody_knows(tmp_path, code):
    _, batch = read(write(tmp_path / "a", event(0, [211], decayed=[code])))
    nucleus = code > 1_000_000_000  # a beam or a target
    assert daughters(batch, code).tolist() == [211, -211] if not nucleus else True
    assert (code in batch.particle["mc_pdg_id"]) != nucleus


@pytest.mark.parametrize("code", [100000, 9000000, -9000000])
def test_numbers_that_are_no_particles(tmp_path, code):
    path = write(tmp_path / "a", event(0, [211], decayed=[code]), event(1, [211]))
    with pytest.raises(BadEventError, match=f"event 0: .*mc_pdg_id = {code}, which is no particle"):
        read(path)
    _, batch = read(path, skip_bad=True)
    assert batch.event["event_id"].tolist() == [1]


def test_daughters_in_a_table_without_the_column_of_stable_ones(tmp_path):
    frame = pd.DataFrame(
        {
            "event_id": 0,
            "mc_pdg_id": [310, 211, -211, 310],
            "mc_mother_id": [-1, 0, 0, -1],
            **dict.fromkeys(("mc_px", "mc_py", "mc_vx", "mc_vy"), 0.0),
            "mc_pz": [2e4, 1e4, 1e4, 2e4],
            "mc_vz": [0.0, 50.0, 50.0, 0.0],
        }
    )
    frame.to_parquet(tmp_path / "a")
    _, batch = read(tmp_path / "a")
    p = batch.particle
    assert p["mc_pdg_id"].tolist() == [310, 211, -211]
    assert p["mc_stable"].tolist() == [False, True, True]


def test_a_line_that_is_too_long(tmp_path):
    path = write(tmp_path / "a", event(0, [211]).replace("W", "A") + f"A 0 {'x' * MAX_LINE}\n")
    read(path)  # nobody reads it
    text = event(0, [211]).replace("U GEV MM", f"U GEV MM\nW {'1 ' * MAX_LINE}")
    with pytest.raises(BadEventError, match="a line is longer than 1 MiB"):
        read(write(tmp_path / "a", text))


CARD = """HardQCD:hardccbar = on
PhaseSpace:pTHatMin = 10.
PartonLevel:MPI = off
ParticleDecays:limitTau0 = on
ParticleDecays:tau0Max = 10.
111:mayDecay = off
13:mayDecay = on
"""


def test_what_a_card_leaves_undecayed(tmp_path):
    path = tmp_path / "card.cmnd"
    path.write_text(CARD)
    source = PythiaSource(f"pythia:{path}", str(path), 20, 5, None, {})
    batch = concatenate(list(source))
    assert "without ParticleDecays:limitTau0 = on, 111:mayDecay = off" in source.notes[0]
    assert batch.event["generator_event"].tolist() == list(range(20))
    p = batch.particle
    for code in (111, 310, 3122):
        assert (np.abs(p["mc_pdg_id"]) == code).sum() > 5
    assert source.remarks() == source.notes


def test_weights_of_pythia(tmp_path):
    path = tmp_path / "card.cmnd"
    bands = "UncertaintyBands:List = {up isr:muRfac=0.5, down isr:muRfac=2.0}\n"
    path.write_text(CARD + "UncertaintyBands:doVariations = on\n" + bands)
    source = PythiaSource(f"pythia:{path}", str(path), 6, 5, None, {})
    batch = concatenate(list(source))
    assert source.weight_names[0] == "Weight" and source.weight_names[-2:] == ["up", "down"]
    n = len(source.weight_names)
    assert batch["weight"]["mc_weight_id"].tolist() == list(range(n)) * 6
    value = batch["weight"]["mc_weight_value"].reshape(6, n)
    assert np.array_equal(value[:, 0], batch.event["mc_weight"])
    assert (value[:, -1] != value[:, -2]).any()


def test_a_production_tells_what_is_dropped(tmp_path, models):
    write(tmp_path / "a", *(event(k, [1000010020, 2112, 211]) for k in range(4)))
    config = production(tmp_path, models, sources=[{"files": ["a"], "split": True}], unit_events=2)
    for _ in range(2):  # made, and read again from the reports
        report = run_production(config, resume=True)
        assert report.units == 2 and report.exit_code == 0
        assert report.notes[-1] == (
            "4 particles that the generator left stable are not simulated: 4 deuteron"
        )
        assert json.loads((config.output / "manifest.json").read_text())["notes"] == [*report.notes]
