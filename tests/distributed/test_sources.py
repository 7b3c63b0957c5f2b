"""What `batch` takes as `simulate` does: several draws of an event, additions, plug-ins."""

import json

import numpy as np
import pytest
from hepmc_samples import write_sample
from plugin_fakes import install
from production_samples import GUN, PLUGIN, InProcess, production

from lamarr_like.distributed import produce
from lamarr_like.distributed.produce import run_production
from lamarr_like.distributed.units import make_plan
from lamarr_like.errors import ProductionError
from lamarr_like.events import concatenate
from lamarr_like.io.kept import Kept
from lamarr_like.io.ntuple import content_digest, read_events, read_provenance
from lamarr_like.io.sources import open_source, split_additions
from lamarr_like.runs.simulate import RunConfig, simulate


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    monkeypatch.setattr(produce, "_workers", lambda config, job, n, scheduler: InProcess(job))


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    sources = {"pions": "fake_source:pions"}
    install(monkeypatch, tmp_path / "site", "fake_source", sources=sources, code=PLUGIN)


def merged(folder, models, **items):
    """A production run to its end and merged."""
    report = run_production(production(folder, models, **items), merge=True)
    assert report.status == "complete", report.failures
    return report


def digest_of_one_run(folder, models, source, n, **options):
    """What `simulate` makes of a source."""
    path = folder / "one.root"
    simulate(RunConfig(source, path, n, seed=7, **options), models / "tiny.yaml", models)
    return content_digest(path)


@pytest.mark.parametrize("chunk_size", [1000, 7])
def test_several_draws_of_each_event(tmp_path, models, chunk_size):
    report = merged(tmp_path, models, oversample=3, chunk_size=chunk_size, unit_events=47)
    assert report.digest == digest_of_one_run(
        tmp_path, models, f"gun:{GUN}", 200, oversample=3, chunk_size=50
    )
    assert (report.units, report.events) == (5, 600)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["events"] == {"planned": 600, "written": 600}
    assert manifest["production"]["oversample"] == 3
    event = concatenate(read_events(report.merged)).event
    assert np.array_equal(event["event_id"], np.arange(600))
    assert np.array_equal(event["group_id"], np.arange(600) // 3)
    assert event["mc_weight"].sum() == pytest.approx(200.0, rel=1e-5)
    assert read_provenance(report.merged)["oversample"] == 3
    with pytest.raises(ProductionError, match="another oversample"):
        run_production(production(tmp_path, models, oversample=2, unit_events=47), resume=True)


def test_branches_that_are_kept(tmp_path, models):
    chosen = {"preset": "thin", "keep": ["GenPart_pdgId"], "drop": ["Track_chi2*"]}
    report = merged(tmp_path, models, unit_events=60, **chosen)
    kept = Kept("thin", ("GenPart_pdgId",), ("Track_chi2*",))
    assert report.digest == digest_of_one_run(tmp_path, models, f"gun:{GUN}", 200, kept=kept)
    batch = concatenate(read_events(report.merged))
    assert "mc_pdg_id" in batch.particle and "mc_px" not in batch.particle
    assert "track_type" in batch.track and "cov00" not in batch.track
    assert read_provenance(report.merged)["kept"]["preset"] == "thin"
    with pytest.raises(ProductionError, match=r"another kept"):
        run_production(production(tmp_path, models, unit_events=60), resume=True)


def test_draws_of_files(tmp_path, models):
    write_sample(tmp_path / "a.hepmc", 9)
    sources = [{"files": ["a.hepmc"], "split": True}]
    report = merged(tmp_path, models, sources=sources, oversample=4, unit_events=4)
    one = digest_of_one_run(tmp_path, models, str(tmp_path / "a.hepmc"), None, oversample=4)
    assert (report.units, report.digest) == (3, one)


@pytest.mark.parametrize(
    "text",
    [
        f"gun:{GUN}+gun:mu-,mu+?n=2",
        "gun:K-+decay:B0 -> K+ pi-",
        "decay:B0 -> K+ pi-+gun:mu+",
        "pythia:minbias+decay:B0 -> K+ pi-+gun:mu+",
        "pions:?p=5-10",
        "pions:?p=5-10+gun:mu-+decay:B0 -> K+ pi-",
    ],
)
def test_sources_are_written_as_for_simulate(tmp_path, models, plugin, text):
    report = merged(tmp_path, models, sources=[{"source": text, "events": 52}], unit_events=50)
    assert report.digest == digest_of_one_run(tmp_path, models, text, 52)
    kind, _, rest = text.partition(":")
    if kind != "pions":
        # The older way to say it is another production with the same events.
        short = [{kind: rest, "events": 52}]
        config = production(tmp_path / "short", models, sources=short, unit_events=50)
        host, _ = split_additions(text)
        assert [u.text for u in make_plan(config, {}).units] == [host] * 2


def test_sources_of_plugins_are_cut_on_demand(tmp_path, models, plugin):
    one = digest_of_one_run(tmp_path, models, "pions:?p=5-10", None)
    sources = [{"source": "pions:?p=5-10"}]
    whole = merged(tmp_path / "whole", models, sources=sources)
    sources[0]["split"] = True
    cut = merged(tmp_path / "cut", models, sources=sources, unit_events=15)
    assert (whole.units, cut.units) == (1, 3)  # its end was found by reading it
    assert whole.digest == cut.digest == one
    manifest = json.loads((tmp_path / "cut" / "out" / "manifest.json").read_text())
    assert manifest["production"]["sources"][0]["plugin"] == ["fake_source 1.2 (fake_source:pions)"]


def test_two_sources_of_a_plugin_draw_different_events(tmp_path, models, plugin):
    sources = [{"source": "pions:?p=5-10", "events": 30}] * 2
    units = make_plan(production(tmp_path, models, sources=sources), {}).units
    first, second = (
        concatenate(
            open_source(u.text, n_events=u.stop, seed=7, start=u.shift).events_between(*u.range)
        )
        for u in units
    )
    assert np.array_equal(second.event["event_id"], np.arange(50, 80))
    assert not np.isin(second.particle["mc_px"], first.particle["mc_px"]).any()
