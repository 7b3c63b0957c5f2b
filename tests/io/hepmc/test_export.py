"""Truth as HepMC3 text: what comes back is what was written, and HepMC3's own reader takes it."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import typer
from hepmc_samples import write_sample
from typer.testing import CliRunner

from lamarr_like.errors import OutputError, SourceError
from lamarr_like.events import Table, concatenate
from lamarr_like.io.hepmc.command import truth
from lamarr_like.io.hepmc.export import BEAM, SYSTEM, gen_events, write_hepmc
from lamarr_like.io.hepmc.writing import event_text, listing_head
from lamarr_like.io.sources import open_source
from lamarr_like.physics.particles import SPEED_OF_LIGHT

BUSY = "gun:K+,K-?n=4+decay:B+ -> (J/psi(1S) -> mu+ mu-) K+?n=2"


def opened(text, n=12):
    return open_source(str(text), n_events=n, seed=3)


def read(text):
    return concatenate(list(opened(text, None)))


def shifted(batch, step=7.0):
    """A second collision in every second event, with half of the particles without a mother."""
    event = batch.particle.event_index
    second = (batch.particle["mc_mother_id"] < 0) & (batch.particle["mcparticle_id"] % 2 == 1)
    mother = batch.particle["mc_mother_id"]
    for _ in range(3):
        row = batch.particle.offsets[event] + np.maximum(mother, 0)
        second = np.where(mother >= 0, second[row], second)
    pv = second & (event % 2 == 0)
    columns = {"mc_pv_id": pv.astype(np.int32)}
    columns |= {"mc_vz": batch.particle["mc_vz"] + step * pv}
    batch = batch.with_columns("particle", **columns)
    counts = 1 + np.array([pv[event == k].any() for k in range(len(batch))])
    rows = np.repeat(np.arange(len(batch)), counts)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    vertex = {k: v[rows] for k, v in batch.vertex.columns.items()}
    vertex["mc_pv_id"] = number.astype(np.int32)
    vertex["mc_z"] = vertex["mc_z"] + step * number
    return batch.with_table("vertex", Table.from_counts(vertex, counts))


class Given:
    """Events at hand, as a source."""

    name, weight_names = "given", ["nominal"]

    def __init__(self, batch):
        self.batch = batch

    def inputs(self):
        return ()

    def __iter__(self):
        return iter([self.batch])


def assert_same(found, wanted):
    for name in ("particle", "vertex", "weight"):
        assert (found[name].counts == wanted[name].counts).all()
        for column, values in wanted[name].columns.items():
            close = {"rtol": 1e-14, "atol": 1e-18} if column.endswith("t") else {"rtol": 0}
            np.testing.assert_allclose(found[name][column], values, **close, err_msg=column)


@pytest.mark.parametrize("ending", [".hepmc", ".hepmc.gz"])
def test_what_comes_back(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    whole = concatenate(list(opened(BUSY)))
    assert write_hepmc(opened(BUSY), path) == 12
    assert_same(read(path), whole)
    again = tmp_path / f"b{ending}"
    write_hepmc(opened(BUSY), again)
    assert again.read_bytes() == path.read_bytes()
    write_hepmc(opened(str(path), None), tmp_path / "c.hepmc")  # of its own kind
    assert_same(read(tmp_path / "c.hepmc"), whole)


def test_collisions_of_an_event(tmp_path):
    """They are read back by ?collisions=places; without it an event has the first one."""
    batch = shifted(concatenate(list(opened(BUSY))))
    assert set(batch.vertex.counts.tolist()) == {1, 2}
    write_hepmc(Given(batch), tmp_path / "a.hepmc")
    found = read(f"{tmp_path / 'a.hepmc'}?collisions=places")
    assert_same(found, batch)
    assert (read(tmp_path / "a.hepmc").vertex.counts == 1).all()


def test_places_of_generators(tmp_path):
    """Beams of a generator meet once: the same as without."""
    path = write_sample(tmp_path / "a.hepmc", 4)
    assert_same(read(f"{path}?collisions=places"), read(path))


def test_hepmc3_reads_it(tmp_path):
    """Particles, vertices and links as pyhepmc has them; momenta add up at collisions."""
    import pyhepmc

    path = tmp_path / "a.hepmc"
    batch = shifted(concatenate(list(opened(BUSY))))
    write_hepmc(Given(batch), path)
    with pyhepmc.open(str(path)) as file:
        events = list(file)
    assert len(events) == len(batch)
    assert events[0].run_info.tools[0].name == "lamarr_like"
    for k, event in enumerate(events):
        mine = batch.events(k, k + 1)
        systems = [p for p in event.particles if p.status == BEAM]
        assert [p.pid for p in systems] == [SYSTEM] * len(mine.vertex)
        others = [p for p in event.particles if p.status != BEAM]
        assert [p.pid for p in others] == mine.particle["mc_pdg_id"].tolist()
        mothers = [p.production_vertex.particles_in[0].id - len(systems) - 1 for p in others]
        assert np.maximum(mothers, -1).tolist() == mine.particle["mc_mother_id"].tolist()
        z = [p.production_vertex.position.z for p in others]
        assert z == mine.particle["mc_vz"].tolist()
        times = np.array([p.production_vertex.position.t for p in others]) / SPEED_OF_LIGHT
        assert times == pytest.approx(mine.particle["mc_vt"], rel=1e-12)
        for system in systems:
            out = sum((np.array(p.momentum) for p in system.end_vertex.particles_out), np.zeros(4))
            assert np.array(system.momentum) == pytest.approx(out, rel=1e-9)


def test_weights_keep_their_names(tmp_path):
    batch = concatenate(list(opened("gun:pi+", 3)))
    weight = {"mc_weight_id": [0, 1] * 3, "mc_weight_value": [1.0, 0.5, 1.0, -2.0, 3.0, 1e-3]}
    table = {k: np.array(v) for k, v in weight.items()}
    batch = batch.with_table("weight", Table.from_counts(table, np.full(3, 2)))
    given = Given(batch)
    given.weight_names = ["nominal", r"up\down one"]
    write_hepmc(given, tmp_path / "a.hepmc")
    source = opened(str(tmp_path / "a.hepmc"), None)
    found = concatenate(list(source))
    assert list(source.weight_names) == given.weight_names
    assert found["weight"]["mc_weight_value"].tolist() == weight["mc_weight_value"]
    table["mc_weight_id"] = np.array([0, 1, 1, 0, 0, 1])
    given.batch = batch.with_table("weight", Table.from_counts(table, np.full(3, 2)))
    with pytest.raises(SourceError, match="event 1 has other weights than the first"):
        write_hepmc(given, tmp_path / "b.hepmc")
    assert not (tmp_path / "b.hepmc").exists()


def test_a_particle_made_elsewhere_has_a_vertex_of_its_own():
    batch = concatenate(list(opened("gun:pi+?n=3", 1)))
    moved = batch.particle["mc_vz"].copy()
    moved[1] += 5.0
    (event,) = gen_events(batch.with_columns("particle", mc_vz=moved))
    assert event.pdg_id.tolist() == [SYSTEM, SYSTEM, 211, 211, 211]
    assert event.made_at.tolist() == [-1, -1, 0, 1, 0]
    assert event.position[:, 2].tolist() == [batch.vertex["mc_z"][0], moved[1]]
    lines = event_text(event).splitlines()
    assert lines[0] == "E 0 2 5" and lines[3] == f"P 1 0 90 {lines[3].split(' ', 4)[4]}"
    assert listing_head(["a b", "c"]).splitlines()[2] == r"W a b\|c"


def test_command(tmp_path):
    app = typer.Typer()
    app.command()(truth)

    def run(*words):
        return CliRunner().invoke(app, [*map(str, words)])

    path = tmp_path / "a.hepmc.gz"
    done = run("gun:mu-?n=2", "-n", 5, "-o", path)
    assert done.exit_code == 0 and f"{path}: 5 events" in done.output
    assert gzip.decompress(path.read_bytes()).startswith(b"HepMC::Version")
    assert run("gun:mu-", "-n", 5, "-o", tmp_path / "b.hepmc", "-q").output == ""
    for words, message in (
        (("gun:mu-", "-n", 5, "-o", path), "is there already"),
        (("gun:mu-", "-n", 5, "-o", tmp_path / "x.root"), "names that end in .hepmc"),
        ((path, "-o", path, "--force"), "is an input of this command"),
        (("gun:mu-", "-n", 5, "-o", tmp_path / "no" / "a.hepmc"), "there is no folder"),
    ):
        failed = run(*words)
        assert isinstance(failed.exception, OutputError) and message in str(failed.exception)
