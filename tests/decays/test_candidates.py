"""Candidates: truth matching, combinations, categories, pulls and the names of the branches."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from decay_samples import decay_events
from places import SHARED

from lamarr_like.decays import branches
from lamarr_like.decays.candidates import make_candidates, make_generated
from lamarr_like.decays.combine import combine, matched
from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.finder import find_generated
from lamarr_like.decays.request import DecayRequest, Selection
from lamarr_like.decays.truth import Truth
from lamarr_like.errors import DecayError, SchemaError
from lamarr_like.events import Table

B0 = "B0 -> (K*(892)0 -> K+ pi-) (J/psi(1S) -> mu+ mu-)"
LB = "Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) mu- nu(mu)~"
KSTG = "B0 -> (K*(892)0 -> K+ pi-) gamma"
FIELD = SHARED / "field.md"

HEAD = "P,PT,PE,PX,PY,PZ,ETA,M,ID,TRUEID,TRUEP_X,IPCHI2_OWNPV,ENDVERTEX_CHI2,FD_OWNPV,"
HEAD += "FDCHI2_OWNPV,DIRA_OWNPV"
TRACK = "P,PT,PE,PX,PY,PZ,ETA,M,ID,TRUEID,TRUEP_X,IPCHI2_OWNPV,PIDe,PIDmu,PIDK,PIDp,ProbNNe,"
TRACK += "RichDLLk,isMuon,TRACK_Type,TRACK_CHI2NDOF,TRACK_GhostProb"
EVENT = "runNumber,eventNumber,nTracks,nSPDHits,nPVs,Polarity"


@cache
def sample(text, n=300):
    return decay_events(text, n)


def candidates(decay, text=None, n=300, **options):
    request = DecayRequest.parse(decay, **options)
    (table,) = make_candidates(sample(text or f"decay:{decay}", n), [request]).values()
    return table


def pull(table, value, true, error):
    x = (table[value] - table[true]) / table[error]
    assert np.isfinite(x).all()
    low, middle, high = np.percentile(x, [15.87, 50, 84.13])
    return middle, 0.5 * (high - low)


def assert_unit(found, n):
    middle, width = found
    assert abs(middle) < 5.0 / np.sqrt(n) and abs(width - 1.0) < 5.0 / np.sqrt(n)


def test_the_generated_decay_is_found_with_unit_pulls():
    table = candidates(B0, n=1500)
    generated = find_generated(Truth(sample(f"decay:{B0}", 1500)), parse_decay(B0))
    n = len(table)
    assert n == len(generated.head) > 1000
    assert (table["B0_BKGCAT"] == 0).all()
    assert (np.abs(table["B0_TRUEID"]) == 511).all()
    assert np.array_equal(table["B0_ID"], table["B0_TRUEID"])
    assert np.array_equal(table["Kplus_ID"], table["Kplus_TRUEID"])
    assert (table["muplus_TRUEID"] * np.sign(table["B0_ID"]) == -13).all()
    for a in "XYZ":
        names = (f"B0_ENDVERTEX_{a}", f"B0_TRUEENDVERTEX_{a}", f"B0_ENDVERTEX_{a}ERR")
        assert_unit(pull(table, *names), n)
    assert_unit(pull(table, "B0_TAU", "B0_TRUETAU", "B0_TAUERR"), n)
    mass = dict(table.columns, true=np.full(n, 5279.72))
    assert_unit(pull(mass, "B0_M", "true", "B0_MERR"), n)
    assert np.median(table["B0_ENDVERTEX_CHI2"]) == pytest.approx(4.35, rel=0.15)
    assert (table["B0_ENDVERTEX_NDOF"] == 5).all() and (table["J_psi_1S_ENDVERTEX_NDOF"] == 1).all()
    # Tracks near the primary vertex would be taken out of it, but this one was not made of any.
    tracks = ("Kplus", "piminus", "muplus", "muminus")
    far = np.min([table[f"{name}_IPCHI2_OWNPV"] for name in tracks], axis=0) > 15.0
    assert far.sum() > 300
    assert np.median(table["B0_IPCHI2_OWNPV"][far]) == pytest.approx(1.386, rel=0.15)
    assert np.median(table["B0_TRUETAU"]) == pytest.approx(1.51e-3 * np.log(2), rel=0.15)
    # The head is the sum of what it decays to, at its vertex.
    for c in ("PX", "PY", "PZ", "PE"):
        total = sum(table[f"{k}_{c}"] for k in ("Kplus", "piminus", "muplus", "muminus"))
        assert np.allclose(table[f"B0_{c}"], total, rtol=1e-9)


def test_daughters_that_fly_have_vertices_of_their_own():
    table = candidates(LB, n=1500)
    n = len(table)
    assert n > 1000 and (table["Lambda_b0_BKGCAT"] == 0).all()
    assert (table["Lambda_b0_ENDVERTEX_NDOF"] == 1).all()
    assert (table["Lambda_cplus_ENDVERTEX_NDOF"] == 3).all()
    for head in ("Lambda_b0", "Lambda_cplus"):
        for a in "XYZ":
            names = (
                f"{head}_ENDVERTEX_{a}",
                f"{head}_TRUEENDVERTEX_{a}",
                f"{head}_ENDVERTEX_{a}ERR",
            )
            assert_unit(pull(table, *names), n)
    assert np.array_equal(table["Lambda_cplus_ORIVX_Z"], table["Lambda_b0_ENDVERTEX_Z"])
    # A neutrino is lost: the mass is too low, but never too high.
    assert np.median(table["Lambda_b0_M"]) < 5300
    assert np.percentile(table["Lambda_b0_M"], 99) < 5700
    x = (table["Lambda_cplus_TAU"] - table["Lambda_cplus_TRUETAU"]) / table["Lambda_cplus_TAUERR"]
    assert 0.8 < 0.5 * np.diff(np.percentile(x, [15.87, 84.13]))[0] < 1.2


def test_photons_come_from_the_vertex():
    table = candidates(KSTG, n=600)
    assert len(table) > 300 and (table["B0_BKGCAT"] == 0).all()
    mass = dict(table.columns, true=np.full(len(table), 5279.72))
    assert_unit(pull(mass, "B0_M", "true", "B0_MERR"), len(table))
    assert np.median(np.abs(table["gamma_PE"] / table["gamma_TRUEP_E"] - 1)) < 0.05
    assert (table["gamma_M"] == 0).all() and "gamma_photonID" in table
    assert (table["B0_ENDVERTEX_NDOF"] == 1).all()


def test_pi0_alone_and_in_a_decay():
    table = candidates("pi0 -> gamma gamma", "decay:pi0 -> gamma gamma?pt=1-5", n=300)
    assert len(table) > 100
    assert np.median(table["pi0_M"]) == pytest.approx(135.0, rel=0.03)
    # Two photons make no vertex.
    assert (table["pi0_ENDVERTEX_NDOF"] == 0).all() and np.isnan(table["pi0_TAU"]).all()
    table = candidates("D0 -> K- pi+ pi0", "decay:D0 -> K- pi+ pi0?pt=2-20", n=300)
    assert len(table) > 100 and (table["D0_BKGCAT"] == 0).all()
    assert (table["pi0_TRUEID"] == 111).all() and not table["pi0_isMerged"].any()
    assert np.median(table["D0_M"]) == pytest.approx(1864.8, abs=15)


def test_merged_pi0():
    batch = sample("decay:D0 -> K- pi+ pi0?pt=2-20", 300)
    cluster, link = batch["cluster"], batch["cluster_link"]
    # Both photons into the first cluster of each event.
    first = np.arange(len(cluster)) == cluster.offsets[cluster.event_index]
    total = np.bincount(cluster.event_index, cluster["energy"], len(batch))
    columns = dict(cluster.select(first).columns)
    columns["energy"] = total[cluster.event_index[first]].astype(np.float32)
    columns["merged_mass"] = np.full(first.sum(), 135, np.float32)
    merged = Table.from_counts(columns, np.minimum(cluster.counts, 1))
    shares = dict(link.columns, cluster_id=0 * link["cluster_id"])
    shares["weight"] = (cluster["energy"] / total[cluster.event_index]).astype(np.float32)
    batch = batch.with_table("cluster", merged).with_table(
        "cluster_link", Table(shares, link.offsets)
    )
    request = DecayRequest.parse("D0 -> K- pi+ pi0")
    (table,) = make_candidates(batch, [request]).values()
    # Only photons near to each other make one cluster in the reference.
    assert len(table) > 10 and table["pi0_isMerged"].all()
    assert np.allclose(table["pi0_mergedMass"], 135) and np.allclose(
        table["pi0_M"], 134.977, atol=0.1
    )


@pytest.mark.parametrize("decay", ["D0 -> K- pi+", "D+ -> K- pi+ pi+", "K(S)0 -> pi+ pi-"])
def test_combinations_hold_each_true_decay_once(decay):
    text = f"decay:{decay}?n=3"
    loose = Selection(min_p=0, min_pt=0, pid={}, max_vertex_chi2=1e9)
    table = candidates(decay, text, 200, combinatorial=True, selection=loose)
    true = candidates(decay, text, 200)
    head = next(k for k in table.columns if k.endswith("_BKGCAT"))
    code = table[head]
    assert (code == 0).sum() == len(true) > 200
    assert set(np.unique(code)) <= {0, 20, 30, 40, 100, 110, 120, 130}
    assert ((code != 0).sum() > 100) == (len(table) > len(true) + 100)
    signal = table.select(code == 0)
    mass = head.replace("BKGCAT", "M")
    assert np.allclose(np.sort(signal[mass]), np.sort(true[mass]))
    # No track twice, and no candidate twice.
    request = DecayRequest.parse(decay, True, selection=loose)
    combos = combine(sample(text, 200), request)
    rows = np.sort(combos.rows[:, :, 0], axis=1)
    assert (np.diff(rows, axis=1) > 0).all()
    keys = np.column_stack([combos.rows[:, :, 0], combos.conjugated])
    if decay.startswith("D+"):
        keys = np.column_stack([keys[:, 0], np.sort(keys[:, 1:3], axis=1), keys[:, 3]])
    assert len(np.unique(keys, axis=0)) == len(keys)


def test_categories():
    text = "decay:B0 -> (D- -> K+ pi- pi-) pi+?pt=2-60+decay:D0 -> K- pi+"
    loose = Selection(min_p=0, min_pt=0, pid={}, max_vertex_chi2=1e9, masses={"D0": (0, 9000)})
    table = candidates("D0 -> K- pi+", text, combinatorial=True, selection=loose)
    code = table["D0_BKGCAT"]
    assert {0, 30, 40, 110} <= set(np.unique(code)) <= {0, 30, 40, 110, 120, 130}
    # K and pi exchanged; the wrong pair of a D-; and a track of each decay.
    assert (np.abs(table["Kminus_TRUEID"][code == 30]) == 211).all()
    assert np.isin(np.abs(table["D0_TRUEID"][code == 40]), [411, 511]).all()
    assert (table["D0_TRUEID"][code == 110] == 0).all()
    assert np.isnan(table["D0_TRUEP_X"][code == 110]).all()


def test_swapped_hypotheses_move_the_mass_and_keep_the_truth():
    plain = candidates("D0 -> K- pi+")
    swapped = candidates("D0 -> K- pi+", swaps=["pi+:K+"])
    assert len(plain) == len(swapped)
    assert (np.abs(swapped["piplus_ID"]) == 321).all()
    assert (np.abs(swapped["piplus_TRUEID"]) == 211).all()
    assert np.array_equal(swapped["piplus_ID"] > 0, swapped["piplus_TRUEID"] > 0)
    assert np.allclose(swapped["piplus_M"], 493.677)
    assert (swapped["D0_M"] > plain["D0_M"] + 20).all()
    assert np.allclose(swapped["D0_ENDVERTEX_CHI2"], plain["D0_ENDVERTEX_CHI2"])


def test_generated_decays_are_the_denominator():
    batch = sample("decay:D0 -> K- pi+", 300)
    request = DecayRequest.parse("D0 -> K- pi+")
    (table,) = make_generated(batch, [request]).values()
    assert len(table) > 200 and table["D0_Reconstructed"].all()
    # Take the tracks of kaons away from every other event.
    gone = (batch.track["pid_k"] > 0) & (batch.track.event_index % 2 == 0)
    fewer = batch.with_table("track", batch.track.select(~gone))
    (after,) = make_generated(fewer, [request]).values()
    assert np.array_equal(after["D0_Reconstructed"], after["eventNumber"] % 2 == 1)
    assert np.array_equal(after["Kminus_Reconstructed"], after["D0_Reconstructed"])
    assert after["piplus_Reconstructed"].all() and len(after) == len(table)
    (found,) = make_candidates(fewer, [request]).values()
    assert len(found) == after["D0_Reconstructed"].sum()


def test_truth_matching_wants_the_whole_decay():
    batch = sample("decay:D0 -> K- pi+ pi0?pt=2-20", 300)
    truth = Truth(batch)
    assert len(find_generated(truth, parse_decay("D0 -> K- pi+ pi0")).head) > 200
    for other in (
        "D0 -> K- pi+",
        "D0 -> K+ K- pi0",
        "D0 -> K- pi+ gamma",
        "D0 -> K- pi+ gamma gamma",
    ):
        assert not len(find_generated(truth, parse_decay(other)).head)
    # Resonances may stand between without being written, what flies may not.
    truth = Truth(sample(f"decay:{B0}", 1500))
    assert len(find_generated(truth, parse_decay("B0 -> K+ pi- mu+ mu-")).head) > 1000
    assert not len(find_generated(truth, parse_decay("B0 -> K- pi+ mu+ mu-")).head)
    truth = Truth(sample(f"decay:{LB}", 1500))
    assert not len(find_generated(truth, parse_decay("Lambda(b)0 -> p K- pi+ mu- nu(mu)~")).head)
    assert not len(
        find_generated(truth, parse_decay(LB.replace(" nu(mu)~", "").replace("mu-", "pi-"))).head
    )


def test_candidates_do_not_depend_on_the_chunk():
    batch = sample("decay:D0 -> K- pi+?n=3", 200)
    request = DecayRequest.parse("D0 -> K- pi+", True)
    (whole,) = make_candidates(batch, [request]).values()
    parts = [
        make_candidates(batch.events(a, b), [request])[request.decay.name]
        for a, b in ((0, 7), (7, 120), (120, 200))
    ]
    for name, values in whole.columns.items():
        assert np.array_equal(values, np.concatenate([p[name] for p in parts]), equal_nan=True), (
            name
        )


def test_events_without_anything():
    batch = sample("decay:D0 -> K- pi+", 300)
    empty = batch.with_table("track", batch.track.select(np.zeros(len(batch.track), bool)))
    empty = empty.with_table(
        "reco_vertex", batch["reco_vertex"].select(np.zeros(len(batch["reco_vertex"]), bool))
    )
    for combinatorial in (False, True):
        request = DecayRequest.parse("D0 -> K- pi+", combinatorial)
        full = make_candidates(batch, [request])[request.decay.name]
        (table,) = make_candidates(empty, [request]).values()
        assert len(table) == 0
        assert {k: v.dtype for k, v in table.columns.items()} == {
            k: v.dtype for k, v in full.columns.items()
        }
    # Without a primary vertex there are candidates, but no way from it.
    lost = batch.with_table("reco_vertex", empty["reco_vertex"])
    (table,) = make_candidates(lost, [DecayRequest.parse("D0 -> K- pi+")]).values()
    assert len(table) > 200 and np.isnan(table["D0_TAU"]).all() and np.isfinite(table["D0_M"]).all()


def test_missing_columns_and_equal_names_are_refused():
    batch = sample("decay:D0 -> K- pi+", 300)
    request = DecayRequest.parse("D0 -> K- pi+")
    columns = {k: v for k, v in batch.track.columns.items() if k != "cov14"}
    without = batch.with_table("track", Table(columns, batch.track.offsets))
    with pytest.raises(SchemaError, match="cov14"):
        make_candidates(without, [request])
    with pytest.raises(DecayError, match="two decays are called"):
        make_candidates(batch, [request, DecayRequest.parse("D0 -> K- pi+", True)])


def test_branches_are_those_of_davinci():
    table = candidates(B0, n=1500)
    for name in HEAD.split(","):
        assert f"B0_{name}" in table, name
    for leaf in ("Kplus", "piminus", "muplus", "muminus"):
        for name in TRACK.split(","):
            assert f"{leaf}_{name}" in table, name
    for name in EVENT.split(","):
        assert name in table
    more = "MERR,ENDVERTEX_X,ENDVERTEX_NDOF,OWNPV_Z,IP_OWNPV,TAU,TAUERR,TRUETAU,BKGCAT"
    for name in more.split(","):
        assert f"B0_{name}" in table
    assert len({b.export for b in branches.of_kind("track", "any")}) == len(
        branches.of_kind("track", "any")
    )


@pytest.mark.skipif(not FIELD.is_file(), reason="needs ../shared/field.md")
def test_branches_are_those_of_the_field():
    text = FIELD.read_text()
    names = re.search(r"`<head>_\{([^}]*)\}`", text)[1].split(",")
    event = re.search(r"event `([^`]*)`", text)[1].split(", ")
    table = candidates(B0, n=1500)
    for name in names:
        if name != "...":
            assert f"B0_{name}" in table or f"Kplus_{name}" in table, name
    for name in event:
        assert name in table, name


def test_matched_rows_are_tracks_of_the_decay():
    batch = sample("decay:D0 -> K- pi+?n=3", 200)
    truth, request = Truth(batch), DecayRequest.parse("D0 -> K- pi+")
    generated = find_generated(truth, request.decay)
    combos = matched(batch, request, truth, generated)
    links = batch.track["mcparticle_id"][combos.rows[:, :, 0]]
    ids = truth.pdg_id[batch.particle.offsets[combos.event][:, None] + links]
    sign = np.where(combos.conjugated, -1, 1)[:, None]
    assert (ids * sign == [-321, 211]).all()


DST = "B0 -> (D(s)*+ -> (D(s)+ -> K+ K- pi+) gamma) pi-"


def test_an_unknown_width_makes_no_flight():
    batch = sample(f"decay:{DST}", 400)
    truth = Truth(batch)
    generated = find_generated(truth, parse_decay(DST))
    assert len(generated.head) > 300  # one in ten leaves the acceptance
    star = np.flatnonzero(np.abs(truth.pdg_id) == 433)
    assert np.array_equal(truth.end(star), truth.position(star))
    table = candidates(DST, n=400)
    n = len(table)
    assert n > 150 and not any(name.startswith("D_sstplus_TAU") for name in table.columns)
    assert_unit(pull(table, "B0_TAU", "B0_TRUETAU", "B0_TAUERR"), n)
    assert np.isfinite(table["D_splus_TAU"]).all()
    assert np.median(table["B0_IPCHI2_OWNPV"]) < 3.0


@pytest.mark.parametrize(("flown", "found"), [(0.0, True), (5.0, False)])
def test_what_no_table_knows_flies_if_it_did(flown, found):
    text = "B+ -> (J/psi(1S) -> mu+ mu-) K+"
    batch = sample(f"decay:{text}", 100)
    p = batch.particle
    psi = np.abs(p["mc_pdg_id"]) == 443
    mother = p.offsets[p.event_index] + p["mc_mother_id"]
    below = (p["mc_mother_id"] >= 0) & psi[mother]
    columns = {"mc_pdg_id": np.where(psi, 4_900_111, p["mc_pdg_id"]).astype(np.int32)}
    columns["mc_vz"] = p["mc_vz"] + flown * below
    batch = batch.with_columns("particle", **columns)
    n = len(find_generated(Truth(batch), parse_decay("B+ -> mu+ mu- K+")).head)
    assert (n > 50) == found and (n == 0) != found
