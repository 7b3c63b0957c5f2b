"""Trigger-like lines: cuts recomputed one by one, whose doing a decision was, menus, command."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import typer
import uproot
import yaml
from decay_samples import decay_events
from typer.testing import CliRunner

from lamarr_like import schema
from lamarr_like.decays.candidates import make_candidates
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.trigger import lines, run, tistos
from lamarr_like.decays.trigger.command import trigger
from lamarr_like.decays.trigger.menu import SHIPPED, Menu
from lamarr_like.errors import DecayError, LamarrLikeError, OutputError, SchemaError
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.io.ntuple_reader import read_events

BPLUS = "B+ -> (J/psi(1S) -> mu+ mu-) K+"
KSTAR = "B0 -> (K*(892)0 -> K+ pi-) gamma"
HLT1 = ("Hlt1TrackMVA", "Hlt1TwoTrackMVA", "Hlt1TrackMuon", "Hlt1DiMuonHighMass")


def with_calorimeter(batch):
    """What the toy leaves out: tracks on the calorimeter, and preshower energies."""
    species = np.abs(batch.linked("mc_pdg_id"))
    batch = batch.with_columns(
        "track",
        in_ecal=np.ones(len(batch.track), bool),
        calo_dll_e=np.where(species == 11, 5.0, -5.0).astype(np.float32),
    )
    energy = np.full(len(batch["cluster"]), 100.0, np.float32)
    return batch.with_columns("cluster", prs_energy=energy)


@pytest.fixture(scope="module")
def batch():
    return with_calorimeter(decay_events(f"decay:{BPLUS}?n=2&pt=2-12", 150, seed=4))


@pytest.fixture(scope="module")
def menu():
    return Menu.load()


@pytest.fixture
def columns(monkeypatch):
    """The schema as it was, whatever a menu declares."""
    monkeypatch.setattr(schema, "COLUMNS", dict(schema.COLUMNS))


def menu_of(tmp_path, **given):
    path = tmp_path / "menu.yaml"
    path.write_text(yaml.safe_dump({"schema_version": 1, "name": "mine", "lines": given}))
    return Menu.load(path)


def by_event(batch, table="track"):
    bounds = batch[table].offsets
    return [range(a, b) for a, b in itertools.pairwise(bounds)]


def test_every_line_of_the_shipped_menu_fires(batch, menu):
    fired = menu.decisions(batch)
    assert set(fired) == {line.column.name for line in menu.lines}
    for name in ("l0muon", "l0dimuon", "l0hadron", "l0global", "hlt1global", *map(str.lower, HLT1)):
        assert 0.02 < fired[f"{name}_decision"].mean() <= 1.0, name
    assert not fired["l0photon_decision"].any()  # there are none
    total = np.any([fired[f"{n.lower()}_decision"] for n in HLT1], axis=0)
    np.testing.assert_array_equal(fired["hlt1global_decision"], total)
    assert not (fired["hlt1global_decision"] & ~fired["l0global_decision"]).any()


def test_decisions_do_not_depend_on_the_batch(batch, menu):
    whole = menu.decisions(batch)
    parts = [menu.decisions(batch.events(0, 70)), menu.decisions(batch.events(70, len(batch)))]
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([p[name] for p in parts]))


def test_single_and_double_muons_are_those_counted(batch, tmp_path):
    found = menu_of(
        tmp_path,
        One={"kind": "muon", "min_pt": 2500},
        Two={"kind": "dimuon", "min_pt_product": 6e6},
        Few={"kind": "muon", "min_pt": 2500, "max_spd": 25},
    ).decisions(batch)
    track = batch.track
    for k, rows in enumerate(by_event(batch)):
        pt = sorted((track["pt"][r] for r in rows if track["is_muon"][r]), reverse=True)
        assert found["one_decision"][k] == any(v > 2500 for v in pt)
        assert found["two_decision"][k] == (len(pt) > 1 and pt[0] * pt[1] > 6e6)
    quiet = batch.event["n_spd_hits"] < 25
    np.testing.assert_array_equal(found["few_decision"], found["one_decision"] & quiet)
    assert 0 < found["two_decision"].sum() < len(batch)


def test_a_coarse_momentum_has_the_width_asked_for(batch):
    objects = lines.Objects(batch, 3)
    ratio = np.log(objects.coarse("muon", {"response": 0.9, "spread": 0.3}) / objects.pt)
    n = len(ratio)
    assert abs(ratio.mean() - math.log(0.9)) < 4 * 0.3 / math.sqrt(n)
    assert abs(ratio.std() / 0.3 - 1) < 4 / math.sqrt(2 * n)
    other = lines.Objects(batch, 4).coarse("muon", {"response": 0.9, "spread": 0.3})
    assert (np.log(other / objects.pt) != ratio).all()
    np.testing.assert_allclose(objects.coarse("muon", {}), objects.pt)


def test_the_one_track_line_is_its_formula(batch, menu):
    fired = menu.fire(batch)["Hlt1TrackMVA"]
    objects, track = lines.Objects(batch, 1), batch.track
    passed = set(fired.objects[:, 0] // 2)
    allowed = menu.fire(batch)["L0Global"].decision(len(batch))
    seen = 0
    for row in range(len(track)):
        pt, chi2 = objects.pt[row] / 1e3, objects.ip_chi2[row]
        good = pt > 1.0 and track["p"][row] > 5000 and allowed[track.event_index[row]]
        if pt < 25:
            good &= pt > 1 and math.log(chi2) > 1 / (pt - 1) ** 2 + 2.3 * (1 - pt / 25) + math.log(
                7.4
            )
        else:
            good &= chi2 > 7.4
        assert (row in passed) == good
        seen += good
    assert 0.1 < seen / len(track) < 0.9


def test_two_muons_of_high_mass_are_the_candidates(batch, menu):
    """The same pairs as those of the finder of decays, cut by hand."""
    request = DecayRequest.parse(
        "J/psi(1S) -> mu+ mu-", combinatorial=True, branches=("d=DOCA(mu+,mu-)",)
    )
    (table,) = make_candidates(batch, [request]).values()
    good = (table["d"] < 0.2) & (table["J_psi_1S_ENDVERTEX_CHI2"] < 25)
    for name in ("muplus", "muminus"):
        good &= (table[f"{name}_PT"] > 310) & (table[f"{name}_P"] > 6050)
    expected = np.bincount(table.event_index[good], minlength=len(batch)) > 0
    fired = menu.fire(batch)
    allowed = fired["L0Muon"].decision(len(batch)) | fired["L0DiMuon"].decision(len(batch))
    assert expected.sum() > 50
    assert not (expected & allowed & ~fired["Hlt1DiMuonHighMass"].decision(len(batch))).any()


def test_pairs_are_each_two_of_an_event(batch):
    event = np.repeat([0, 2, 5], [3, 1, 4])
    first, second = lines._pairs(event)
    expected = [p for p in itertools.combinations(range(8), 2) if event[p[0]] == event[p[1]]]
    assert list(zip(first, second, strict=True)) == expected
    objects = lines.Objects(batch, 1)
    rows = np.arange(len(batch.track))
    np.testing.assert_array_equal(lines._hardest(objects, rows), rows)


@pytest.fixture(scope="module")
def table(batch, menu):
    (found,) = make_candidates(batch, [DecayRequest.parse(BPLUS, menu=menu)]).values()
    return found


def test_laws_of_tos_and_tis(table, menu):
    for line in menu.lines:
        decision = table[line.decision]
        for name in ("Bplus", "J_psi_1S", "muplus", "Kplus"):
            tos, tis = (table[f"{name}_{line.decision}_{how}"] for how in ("TOS", "TIS"))
            assert not ((tos | tis) & ~decision).any()
            # What a daughter does, its mother does; what is not the mother's is not the daughter's.
            assert not (tos & ~table[f"Bplus_{line.decision}_TOS"]).any()
            assert not (table[f"Bplus_{line.decision}_TIS"] & ~tis).any()
    assert not table["muplus_L0DiMuonDecision_TOS"].any()  # it takes two
    assert not table["Kplus_L0MuonDecision_TOS"].any()
    both = table["Bplus_L0MuonDecision_TOS"], table["Bplus_L0MuonDecision_TIS"]
    assert min(both[0].mean(), both[1].mean(), (both[0] & both[1]).mean()) > 0.1


def test_tis_of_one_is_tos_of_the_other(table):
    """With two B in an event, and nothing else, what one did the other did not."""
    event = table.event_index
    first = np.flatnonzero((event[1:] == event[:-1]) & (table["totCandidates"][1:] == 2))
    assert len(first) > 30
    for line in ("L0Muon", "Hlt1TrackMVA", "Hlt1TrackMuon"):
        tos, tis = (table[f"Bplus_{line}Decision_{how}"] for how in ("TOS", "TIS"))
        assert not (tos[first] & ~tis[first + 1]).any() and not (tos[first + 1] & ~tis[first]).any()


def test_alone_nothing_is_independent(menu):
    batch = with_calorimeter(decay_events(f"decay:{KSTAR}?pt=4-12", 150, seed=6))
    (table,) = make_candidates(batch, [DecayRequest.parse(KSTAR, menu=menu)]).values()
    for line in menu.lines:
        assert not table[f"B0_{line.decision}_TIS"].any()
        if line.name != "L0Photon":  # clusters of radiation belong to nobody
            np.testing.assert_array_equal(table[f"B0_{line.decision}_TOS"], table[line.decision])
    assert table["gamma_L0PhotonDecision_TOS"].mean() > 0.2
    assert not table["Kst_892_0_L0PhotonDecision_TOS"].any()
    assert table["B0_L0GlobalDecision_TOS"].mean() > 0.3


def test_clusters_of_the_particle_behind_a_track_are_its_own():
    batch = with_calorimeter(decay_events("decay:J/psi(1S) -> e+ e-?pt=8-20", 60, seed=8))
    track = batch.track
    counts = track.counts
    local = np.arange(len(track)) - track.offsets[track.event_index]
    columns = {"cluster_id": local.astype(np.int32), "mcparticle_id": track["mcparticle_id"]}
    columns |= {"et": track["pt"], "is_matched": np.ones(len(track), bool)}
    columns["prs_energy"] = np.full(len(track), 100.0, np.float32)
    batch = batch.with_table("cluster", type(track).from_counts(columns, counts))
    menu = Menu.load()
    request = DecayRequest.parse("J/psi(1S) -> e+ e-", menu=menu)
    fired = menu.fire(batch)
    event, rows = track.event_index, np.stack([np.arange(len(track)), np.full(len(track), -1)], 1)
    node = next(n for n in request.decay.nodes if n.is_track)
    found = tistos.tistos(batch, menu, fired, event, [node], {node.branch: rows})
    hard = track["pt"] > 2400
    np.testing.assert_array_equal(found[f"{node.branch}_L0ElectronDecision_TOS"], hard)
    assert 0.2 < hard.mean() < 1.0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"kind": "muons", "min_pt": 1}, "lines.A.kind: 'muons' is unknown.*did you mean 'muon'"),
        ({"kind": "muon"}, "lines.A: min_pt is missing|min_pt is missing"),
        ({"kind": "muon", "min_pt": -1}, "min_pt: -1 is not within"),
        ({"kind": "muon", "min_pt": 1, "min_et": 2}, "min_et is unknown"),
        ({"kind": "muon", "min_pt": 1, "after": ["B"]}, "no line 'B' above; there are none"),
        ({"kind": "any", "of": []}, "of is empty"),
        ({"kind": "track", "min_pt": 1, "max_soft": 1}, "max_soft is unknown"),
        ({"kind": "two_tracks", "min_pt": 1, "max_soft": 1}, "max_soft needs soft_ip_chi2"),
        ("muon", "expected a mapping, found text"),
    ],
)
def test_menus_that_make_no_sense(tmp_path, line, says):
    with pytest.raises(DecayError, match=says):
        menu_of(tmp_path, A=line)


def test_names_of_lines(tmp_path):
    one = {"kind": "muon", "min_pt": 1}
    with pytest.raises(DecayError, match="another line has this name"):
        menu_of(tmp_path, A=one, a=one)
    with pytest.raises(DecayError, match="does not look like"):
        menu_of(tmp_path, **{"A_b": one})
    with pytest.raises(DecayError, match="schema_version is 2"):
        (tmp_path / "m.yaml").write_text(SHIPPED.read_text().replace("version: 1", "version: 2"))
        Menu.load(tmp_path / "m.yaml")


app = typer.Typer()
app.command()(trigger)


def test_the_command(batch, tmp_path, columns):
    batch = batch.events(0, 40)
    source, out = tmp_path / "in.root", tmp_path / "out.root"
    with EventWriter(source, metadata={"source": "toy"}) as writer:
        writer.write(batch)

    def call(*words):
        return CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)

    told = call(source, "-n", 30)
    assert told.exit_code == 0 and "30 events, menu lhcb-2016" in told.output
    assert [p.name for p in tmp_path.iterdir()] == ["in.root"]
    call(source, "-o", out)
    menu = Menu.load()
    expected = menu.decisions(batch)
    summary = run.run_trigger(source)
    with uproot.open(out) as file:
        for line in menu.lines:
            values = file["Events"][line.decision].array(library="np")
            np.testing.assert_array_equal(values, expected[line.column.name])
            assert summary.fired[line.name] == values.sum()
            n, share, error = summary.rates()[line.name]
            assert share == n / len(batch) and 0 < error < 0.2
    (again,) = read_events(out)
    assert again.event["l0muon_decision"].dtype == bool
    with pytest.raises(OutputError, match="force"):
        call(source, "-o", out)
    with pytest.raises(OutputError):
        call(source, "-o", source, "--force")
    thin = tmp_path / "thin.root"
    with EventWriter(thin, metadata={}) as writer:
        writer.write(decay_events(f"decay:{BPLUS}", 5))
    with pytest.raises(SchemaError, match="Track_inAccEcal"):
        call(thin)
    with pytest.raises(LamarrLikeError, match="absent.yaml"):
        call(source, "--menu", tmp_path / "absent.yaml")
