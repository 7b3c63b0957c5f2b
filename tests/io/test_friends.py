"""Our ntuples in the tools of others; those that are not installed are skipped."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import uproot

from lamarr_like.decays.request import DecayRequest
from lamarr_like.io.ntuple_reader import read_events
from lamarr_like.runs.simulate import RunConfig, simulate
from lamarr_like.schema import COLUMNS

DECAY = "D0 -> K- pi+"


@pytest.fixture(scope="module")
def ntuple(tmp_path_factory):
    path = tmp_path_factory.mktemp("friends") / "ntuple.root"
    request = DecayRequest.parse(DECAY)
    simulate(RunConfig(f"decay:{DECAY}", path, n_events=30, seed=3, decays=(request,)))
    return path


@pytest.fixture(scope="module")
def batch(ntuple):
    (found,) = read_events(ntuple)
    return found


@pytest.fixture(scope="module")
def candidates(ntuple):
    folder = DecayRequest.parse(DECAY).decay.name
    found = uproot.open(ntuple)[f"{folder}/DecayTree"].arrays(["D0_M", "Kminus_PIDK"])
    assert len(found) > 0
    return f"{folder}/DecayTree", found


def of_particles(batch):
    """Species behind the tracks that have a particle."""
    return batch.linked("mc_pdg_id", batch.track["mcparticle_id"] >= 0).tolist()


def test_uproot_and_awkward(ntuple, batch):
    tree = uproot.open(ntuple)["Events"]
    tracks = tree.arrays(filter_name="Track_*")
    assert ak.flatten(tracks["Track_p"]).to_list() == batch.track["p"].tolist()
    assert tree["nTrack"].array().to_list() == batch.track.counts.tolist()
    link = tracks["Track_genPartIdx"]
    pdg = tree["GenPart_pdgId"].array()[link[link >= 0]]
    assert ak.flatten(pdg).to_list() == of_particles(batch)


def test_names_can_be_branches_of_any_tool(ntuple):
    names = uproot.open(ntuple)["Events"].keys()
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    assert set(names) <= {c.branch for c in COLUMNS.values()} | {n for n in names if n[0] == "n"}


def test_pandas(ntuple, batch, candidates):
    tree = uproot.open(ntuple)["Events"]
    arrays = tree.arrays(["Track_p", "Track_RichDLLk", "Track_isMuon"])
    frame = ak.to_dataframe(arrays)
    assert frame.index.names == ["entry", "subentry"]
    assert len(frame) == len(batch.track)
    assert frame["Track_p"].tolist() == batch.track["p"].tolist()
    path, found = candidates
    flat = uproot.open(ntuple)[path].arrays(["D0_M", "Kminus_PIDK", "nTracks"], library="pd")
    assert isinstance(flat, pd.DataFrame)
    assert flat["D0_M"].tolist() == found["D0_M"].to_list()
    # Only the fast chain knows what its models have not seen.
    assert uproot.open(ntuple)[path]["Kminus_TRACK_outOfRange"].typename == "bool"


def test_coffea(ntuple, batch):
    nanoevents = pytest.importorskip("coffea.nanoevents")
    from lamarr_like.io.nanoevents import LamarrSchema

    factory = nanoevents.NanoEventsFactory.from_root(
        {str(ntuple): "Events"}, schemaclass=LamarrSchema, mode="eager"
    )
    events = factory.events()
    assert len(events) == len(batch)
    tables = {"Track", "GenPart", "GenPV", "Cluster", "ClusterLink"}
    assert tables | {"runNumber", "eventNumber", "nSPDHits"} <= set(events.fields)
    assert ak.flatten(events.Track.RichDLLk).to_list() == batch.track["rich_dll_k"].tolist()
    long = events.Track[events.Track["type"] == 3]
    assert ak.count(long.p) == (batch.track["track_type"] == 3).sum()
    long = long[long.genPartIdx >= 0]
    # Links within the event and over all events lead to the same particles.
    local = ak.flatten(events.GenPart[long.genPartIdx].pdgId)
    assert (ak.flatten(events.GenPart.pdgId)[ak.flatten(long.genPartIdxG)] == local).to_list()


def test_coffea_vectors(ntuple, candidates):
    """Masses of pairs of tracks, and of photons from where they come."""
    nanoevents = pytest.importorskip("coffea.nanoevents")
    from lamarr_like.io.nanoevents import LamarrSchema

    events = nanoevents.NanoEventsFactory.from_root(
        {str(ntuple): "Events"}, schemaclass=LamarrSchema, mode="eager"
    ).events()
    track = events.Track[events.Track.genPartIdx >= 0]
    kaon, pion = (
        track[abs(events.GenPart[track.genPartIdx].pdgId) == code].taken_for(code)
        for code in (321, 211)
    )
    pairs = ak.cartesian({"kaon": kaon, "pion": pion})
    masses = ak.flatten((pairs.kaon + pairs.pion).mass).to_numpy()
    # The fit of a vertex moves a mass by less than its resolution of 8 MeV.
    away = np.abs(candidates[1]["D0_M"].to_numpy()[:, None] - masses).min(axis=1)
    assert len(away) > 5 and away.max() < 8.0
    photons = events.Cluster.as_photons(z=100.0)
    assert ak.flatten(photons.E).to_list() == pytest.approx(ak.flatten(events.Cluster.energy))


def test_coffea_with_the_schema_of_cms(ntuple):
    """It opens with NanoAODSchema once the numbers of the event are not asked for."""
    nanoevents = pytest.importorskip("coffea.nanoevents")

    class Schema(nanoevents.NanoAODSchema):
        warn_missing_crossrefs = False
        error_missing_event_ids = False

    with pytest.warns(RuntimeWarning, match="Missing event_ids"):
        events = nanoevents.NanoEventsFactory.from_root(
            {str(ntuple): "Events"}, schemaclass=Schema, mode="eager"
        ).events()
    assert ak.all(events.Track.p > 0)
    assert ak.all(events.GenPart.energy > 0)


@pytest.mark.filterwarnings("ignore")
def test_rdataframe(ntuple, batch, candidates):
    root = pytest.importorskip("ROOT")
    frame = root.RDataFrame("Events", str(ntuple))
    assert frame.Count().GetValue() == len(batch)
    kaons = frame.Define("kaons", "Sum(Track_RichDLLk > 5 && Track_type == 3)").Sum("kaons")
    track = batch.track
    expected = ((track["rich_dll_k"] > 5) & (track["track_type"] == 3)).sum()
    assert kaons.GetValue() == expected
    linked = "Take(GenPart_pdgId, Track_genPartIdx[Track_genPartIdx >= 0])"
    true = frame.Define("id", linked).Take["ROOT::RVec<int>"]("id")
    flat = np.concatenate([np.asarray(v) for v in true.GetValue()])
    assert flat.tolist() == of_particles(batch)
    path, found = candidates
    mean = root.RDataFrame(path, str(ntuple)).Mean("D0_M").GetValue()
    assert mean == pytest.approx(float(np.mean(found["D0_M"].to_numpy())))
