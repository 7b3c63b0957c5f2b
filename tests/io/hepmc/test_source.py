from __future__ import annotations

import bz2
import gzip
import lzma
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hepmc_samples import LENGTH, write_sample
from places import SHARED

from lamarr_like.errors import BadEventError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.files import unpack
from lamarr_like.io.hepmc import source as hepmc
from lamarr_like.io.hepmc.ascii import parse
from lamarr_like.io.hepmc.text import event_texts, sniff
from lamarr_like.io.sources import open_source
from lamarr_like.physics.particles import SPEED_OF_LIGHT

DATA = SHARED / "data" / "hepmc"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared data are absent")


def read(source, **options):
    opened = open_source(str(source), n_events=options.pop("n_events", None), seed=1, **options)
    return opened, concatenate(list(opened))


def assert_like_pyhepmc(path: Path) -> int:
    """Every particle, vertex and link as the reference reader has them."""
    import pyhepmc

    found = parse(list(event_texts(path)), sniff(path))
    with pyhepmc.open(str(path)) as file:
        events = [_reference(event) for event in file]
    assert len(events) == len(found.weight)
    for k, rows in enumerate(events):
        cut = slice(found.offsets[k], found.offsets[k + 1])
        mother = np.where(found.mother[cut] >= 0, found.pdg_id[np.maximum(found.mother[cut], 0)], 0)
        ours = np.column_stack(
            [
                found.momentum[cut],
                found.position[cut],
                found.pdg_id[cut],
                found.status[cut],
                found.decayed[cut],
                mother,
            ]
        )
        assert np.array_equal(ours[np.lexsort(ours.T)], rows[np.lexsort(rows.T)])
    return len(events)


def _reference(event):
    scale = 1000.0 if "GEV" in str(event.momentum_unit) else 1.0
    rows = []
    for p in event.particles:
        made = p.production_vertex
        x = (0.0,) * 4
        first = 0
        if made is not None and (made.particles_in or made.id != 0):
            x = (made.position.x, made.position.y, made.position.z, made.position.t)
            first = made.particles_in[0].pid if made.particles_in else 0
        m = p.momentum
        momentum = [v * scale for v in (m.px, m.py, m.pz, m.e)]
        rows.append([*momentum, *x, p.pid, p.status, p.end_vertex is not None, first])
    return np.array(rows)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("unit", ["GEV", "MEV"])
@pytest.mark.parametrize("zipped", [False, True])
def test_agrees_with_pyhepmc(tmp_path, version, unit, zipped):
    # The reference goes by the name where we go by the content.
    path = write_sample(tmp_path / ("a.gz" if zipped else "a"), 3, version, unit, zipped)
    assert sniff(path) == version
    assert assert_like_pyhepmc(path) == 3


@needs_data
@pytest.mark.parametrize("k", range(10))
def test_agrees_with_pyhepmc_on_lhcb_files(k):
    assert_like_pyhepmc(DATA / f"evt{k}.hepmc2.gz")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("unit", ["GEV", "MEV"])
def test_decay_chain_is_kept(tmp_path, version, unit):
    path = write_sample(tmp_path / "a.dat", 3, version, unit)
    source, batch = read(path)
    assert source.skipped == []
    assert batch.event["event_id"].tolist() == [0, 1, 2]
    assert batch.event["mc_weight"].tolist() == [0.5, 1.5, 2.5]
    p = batch.particle.events(1, 2)
    # Backward pion and soft photon are dropped, beams are no ancestors.
    assert sorted(p["mc_pdg_id"].tolist()) == sorted([521, 443, 13, -13, 321, 211])
    ids = p["mc_pdg_id"]
    mother = np.where(p["mc_mother_id"] < 0, 0, ids[p["mc_mother_id"]])
    mothers = dict(zip(ids.tolist(), mother.tolist(), strict=True))
    assert mothers == {521: 0, 211: 0, 443: 521, 321: 521, 13: 443, -13: 443}
    assert (p["mc_mother_id"] < p["mcparticle_id"]).all()
    assert p["mc_stable"].tolist() == np.isin(ids, [13, -13, 321, 211]).tolist()
    kaon = ids == 321
    assert p["mc_px"][kaon][0] == pytest.approx(1000.0)
    assert p["mc_vz"][kaon][0] == pytest.approx(20.0 + LENGTH)
    assert p["mc_vt"][kaon][0] == pytest.approx((0.3 + LENGTH * 1.01) / SPEED_OF_LIGHT)
    assert p["mc_charge"][ids == 13][0] == -1
    v = batch["vertex"].events(1, 2)
    assert (v["mc_x"][0], v["mc_y"][0], v["mc_z"][0]) == pytest.approx((0.01, -0.02, 20.0))
    assert v["mc_t"][0] == pytest.approx(0.3 / SPEED_OF_LIGHT)


def test_both_versions_give_the_same_events(tmp_path):
    _, two = read(write_sample(tmp_path / "2", version=2, unit="MEV"))
    _, three = read(write_sample(tmp_path / "3", version=3, unit="MEV"))
    for name, values in two.particle.columns.items():
        assert np.array_equal(np.sort(values), np.sort(three.particle[name])), name


def test_lhcb_dialect(tmp_path):
    path = write_sample(tmp_path / "a", 3, 2, "MEV", stable=999, decayed=777)
    source, batch = read(path)
    assert len(batch) == 1 and batch["vertex"].counts.tolist() == [3]
    assert batch["vertex"]["mc_pv_id"].tolist() == [0, 1, 2]
    assert "collisions of one event" in source.notes[0]
    assert batch.particle["mc_stable"].sum() == 3 * 4
    # LHCb writes times in ns.
    kaon = batch.particle["mc_pdg_id"] == 321
    assert batch.particle["mc_vt"][kaon] == pytest.approx(0.3 + LENGTH * 1.01)
    assert batch.particle["mc_pv_id"][kaon].tolist() == [0, 1, 2]
    mother = batch.particle["mc_mother_id"][kaon]
    assert (batch.particle["mc_pdg_id"][mother] == 521).all()
    _, apart = read(f"{path}?collisions=event")
    assert len(apart) == 3 and apart["vertex"].counts.tolist() == [1, 1, 1]


def test_collisions_of_a_standard_file(tmp_path):
    path = write_sample(tmp_path / "a")
    source, batch = read(path)
    assert len(batch) == 3 and "each GenEvent" in source.notes[0]
    _, batch = read(f"{path}?collisions=file")
    assert len(batch) == 1 and batch["vertex"].counts.tolist() == [3]


@needs_data
def test_lhcb_files():
    _, batch = read(DATA)
    assert len(batch) == 10
    assert batch["vertex"].counts.sum() == 26
    p, v = batch.particle, batch["vertex"]
    row = v.offsets[p.event_index] + p["mc_pv_id"]
    flight = np.sqrt(sum((p[f"mc_v{a}"] - v[f"mc_{a}"][row]) ** 2 for a in "xyz"))
    time = p["mc_vt"] - v["mc_t"][row]
    displaced = flight > 1.0
    assert displaced.sum() > 400
    # Nothing is faster than light, and the fastest comes close to it.
    speed = flight[displaced] / time[displaced] / SPEED_OF_LIGHT
    assert 0.999 < speed.max() < 1.0001
    # A daughter of a K_S or a D is where its mother decayed, not at the collision.
    mother = p.global_rows(np.maximum(p["mc_mother_id"], 0))
    of_ks = (p["mc_mother_id"] >= 0) & (p["mc_pdg_id"][mother] == 310)
    assert of_ks.sum() > 50 and np.median(flight[of_ks]) > 10.0
    assert set(np.abs(p["mc_pdg_id"][p["mc_stable"]])) == {11, 13, 22, 211, 321, 2212}


def test_many_blocks(tmp_path):
    path = write_sample(tmp_path / "a", 75)
    _, batch = read(path)
    assert batch.event["event_id"].tolist() == list(range(75))
    assert np.array_equal(np.unique(batch["vertex"]["mc_z"]), 10.0 * np.arange(1, 76))
    _, batch = read(path, n_events=40)
    assert len(batch) == 40
    _, batch = read(f"{path},{write_sample(tmp_path / 'b', 2)}")
    assert batch.event["event_id"].tolist() == list(range(77))


def damaged(path: Path, event: int, old: str, new: str) -> Path:
    """Replace text in one event of a plain file."""
    pieces = path.read_text().split("\nE ")
    assert old in pieces[event + 1]
    pieces[event + 1] = pieces[event + 1].replace(old, new, 1)
    path.write_text("\nE ".join(pieces))
    return path


BAD = {
    "nan": ("2.0000000000000000e+01 2.0", "nan 2.0", "mc_pz = nan"),
    "extra field": (" 321 1.0", " 321 inf 1.0", "CSV"),
    "infinite": (" 321 1.0000000000000000e+00 ", " 321 inf ", "mc_px = inf"),
    "energy": (" 2.0028552944124545e+01 ", " -2.0028552944124545e+01 ", "mc_energy = -20"),
    "units": ("U GEV MM", "U TEV MM", "unknown units 'TEV MM'"),
    "no units": ("U GEV MM", "A 0 x y", "no units"),
    "count": ("\nP 9 ", "\nX 9 ", "announces"),
    "number": ("\nP 9 ", "\nP nine ", "CSV"),
    "pdg id": (" 321 1.0", " 99999999999 1.0", "mc_pdg_id = 99999999999, which does not fit"),
    "no pdg id": (" 321 1.0", " 100000 1.0", "mc_pdg_id = 100000, which is no particle"),
    "momentum": (" 321 1.0000000000000000e+00 ", " 321 1e300 ", "mc_px = 1e+303, beyond 1e+10"),
    "place": (" 3.0000000000000000e+01 ", " 3e300 ", "mc_vz = 3e+300, beyond 1e+15"),
    "number of event": ("3 3 10\n", "99999999999999999999 3 10\n", "does not fit 64 bits"),
    "position": ("3 3 10\n", "3 3 10 @ 5\n", "is not of the form @ x y z t"),
    "no weight": ("W 2.5000000000000000000000e+00", "W nan", "weight 0: mc_weight = nan"),
    "huge weight": ("W 2.5000000000000000000000e+00", "W 1e400", "weight 0: mc_weight = inf"),
    "fields": (" 4\nP 2", "\nP 2", "fewer than 10 fields"),
    "vertex": ("\nV -1 ", "\nV -9 ", "vertex -1 is mentioned but is not there"),
    "twice": ("\nP 2 ", "\nP 1 ", "have the same number"),
    "weight": ("\nW ", "\nW x", "lacks a field or a number"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_event(tmp_path, what):
    old, new, message = BAD[what]
    path = damaged(write_sample(tmp_path / "a", 4), 2, old, new)
    with pytest.raises(BadEventError, match="event 2") as caught:
        read(path)
    assert message in str(caught.value) and str(path) in str(caught.value)
    assert caught.value.event == 2
    source, batch = read(path, skip_bad=True)
    assert batch.event["event_id"].tolist() == [0, 1, 3]
    assert [k for k, _ in source.skipped] == [2] and message in source.skipped[0][1]
    # Nothing is carried from one pass to the next.
    assert len(concatenate(list(source))) == 3 and len(source.skipped) == 1


BAD2 = {
    "count": ("\nV -2 0 ", "\nX -2 0 ", "announces 3 vertices and has 2"),
    "particles": ("+01 0 2 0\n", "+01 0 3 0\n", "announces 3 particles and has 2"),
    "end": (" -2 0\n", " -7 0\n", "vertex -7 is mentioned but is not there"),
}


@pytest.mark.parametrize("what", BAD2)
def test_bad_hepmc2_event(tmp_path, what):
    old, new, message = BAD2[what]
    path = write_sample(tmp_path / "a", 4, version=2)
    damaged(path, 1, old, new)
    with pytest.raises(BadEventError, match="event 1") as caught:
        read(path)
    assert message in str(caught.value)
    source, batch = read(path, skip_bad=True)
    assert batch.event["event_id"].tolist() == [0, 2, 3] and len(source.skipped) == 1


def test_circle_of_mothers(tmp_path):
    path = write_sample(tmp_path / "a", 3)
    # The J/psi becomes its own grandmother: the B decays from its daughter.
    text = path.read_text().split("\nE ")
    lines = text[2].splitlines()
    psi = next(line.split() for line in lines if " 443 " in line)
    b = next(k for k, line in enumerate(lines) if line.startswith("P") and " 521 " in line)
    fields = lines[b].split()
    fields[2] = psi[1]
    lines[b] = " ".join(fields)
    text[2] = "\n".join(lines)
    path.write_text("\nE ".join(text))
    with pytest.raises(BadEventError, match="circle"):
        read(path)
    source, batch = read(path, skip_bad=True)
    assert batch.event["event_id"].tolist() == [0, 2] and "circle" in source.skipped[0][1]


def test_unknown_pdg_numbers_do_not_matter(tmp_path):
    path = damaged(write_sample(tmp_path / "a", 2), 0, " 211 ", " 99999999 ")
    source, batch = read(path)
    assert len(batch) == 2 and 211 not in batch.particle.events(0, 1)["mc_pdg_id"]
    # It was left stable and flies forward: somebody may miss it.
    assert source.remarks()[-1] == (
        "1 particle that the generator left stable is not simulated: 1 99999999"
    )


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_gzip(tmp_path, version, share):
    whole = write_sample(tmp_path / "a.gz", 100, version, zipped=True)
    data = whole.read_bytes()
    path = tmp_path / "cut.gz"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadEventError, match=r"cut\.gz.*cut short"):
        read(path)
    source, batch = read(path, skip_bad=True)
    assert 0 < len(batch) < 100
    assert source.skipped[0][0] == len(batch) and len(source.skipped) == 1
    _, full = read(whole)
    for name, values in batch.particle.columns.items():
        assert np.array_equal(values, full.events(0, len(batch)).particle[name])


@pytest.mark.parametrize(
    "pack", [bz2.compress, lzma.compress, partial(pa.compress, codec="zstd", asbytes=True)]
)
def test_other_compressions(tmp_path, pack):
    plain, path = write_sample(tmp_path / "a", 100), tmp_path / "packed.hepmc"
    path.write_bytes(pack(plain.read_bytes()))
    _, batch = read(path)
    _, expected = read(plain)
    for name, values in expected.particle.columns.items():
        assert np.array_equal(values, batch.particle[name])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"packed\.hepmc"):  # bzip2 has one block, which is lost
        read(path)


def test_truncated_text(tmp_path):
    path = write_sample(tmp_path / "a", 5)
    data = path.read_bytes()
    cut = data[: data.index(b"\nE 4 ") + 200]
    path.write_bytes(cut)
    with pytest.raises(BadEventError, match="event 3: the file ends in the middle of a line"):
        read(path)
    path.write_bytes(cut[: cut.rindex(b"\n") + 1])
    with pytest.raises(BadEventError, match=r"event 3: .*announces"):
        read(path)
    source, batch = read(path, skip_bad=True)
    assert len(batch) == 3 and [k for k, _ in source.skipped] == [3]


def test_damaged_gzip(tmp_path):
    path = write_sample(tmp_path / "a.gz", 100, zipped=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(BadEventError, match=r"a\.gz"):
        read(path)
    source, batch = read(path, skip_bad=True)
    assert len(batch) < 100 and source.skipped


def test_broken_collision_spoils_its_event_only(tmp_path):
    for k in range(3):
        write_sample(tmp_path / f"evt{k}", 2, 2, "MEV", stable=999, decayed=777)
    damaged(tmp_path / "evt1", 1, "U MEV MM", "U MEV INCH")
    with pytest.raises(BadEventError, match=r"evt1, event 1: GenEvent 1: unknown units"):
        read(tmp_path)
    source, batch = read(tmp_path, skip_bad=True)
    assert batch.event["event_id"].tolist() == [0, 2] and len(source.skipped) == 1


@pytest.mark.parametrize("version", [2, 3])
def test_no_events_in_file(tmp_path, version):
    path = write_sample(tmp_path / "a", 1, version)
    text = path.read_text()
    path.write_text(text[: text.index("\nE ") + 1])
    with pytest.raises(SourceError, match="holds no events"):
        read(path)
    good = write_sample(tmp_path / "b", 2)
    source, batch = read(f"{path},{good}", skip_bad=True)
    assert len(batch) == 2 and source.skipped[0][0] == -1
    with pytest.raises(SourceError, match="no usable event"):
        read(path, skip_bad=True)


def test_blank_lines_joined_files_and_windows_newlines(tmp_path):
    path = write_sample(tmp_path / "a", 2)
    text = path.read_bytes()
    path.write_bytes(b"\n" + text.replace(b"\n", b"\r\n") + b"\n" + text)
    _, batch = read(path)
    assert len(batch) == 4
    path.write_bytes(gzip.compress(text) + gzip.compress(text))
    _, batch = read(path)
    assert len(batch) == 4


def test_events_begin_with_a_line_of_their_own(tmp_path, monkeypatch):
    """Wherever a chunk of the file ends, and whatever other lines begin with the same letter."""
    plain = write_sample(tmp_path / "a.hepmc").read_bytes()
    other = tmp_path / "b.hepmc"
    other.write_bytes(plain.replace(b"\nU ", b"\nEX 1\nU "))
    expected = [
        bytes(text).replace(b"\nU ", b"\nEX 1\nU ") for text in event_texts(tmp_path / "a.hepmc")
    ]
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(unpack, "CHUNK", size)
        assert [bytes(one) for one in event_texts(other)] == expected


def test_the_first_events_are_parsed_once(tmp_path, monkeypatch):
    seen = []

    def counted(texts, *rest):
        seen.append(len(texts))
        return parse(texts, *rest)

    monkeypatch.setattr(hepmc, "parse", counted)
    path = write_sample(tmp_path / "a.hepmc", n_events=3)
    assert len(read(path)[1]) == 3 and seen == [3]
    seen.clear()
    assert len(read(path, n_events=2)[1]) == 2 and seen == [3, 2]


def test_stated_units(tmp_path):
    path = write_sample(tmp_path / "a", 2)
    path.write_text(path.read_text().replace("U GEV MM\n", ""))
    with pytest.raises(BadEventError, match="no units"):
        read(path)
    _, batch = read(f"{path}?units=GEV-MM")
    assert batch.particle["mc_pz"].max() == pytest.approx(60000.0)
    with pytest.raises(SourceError, match="it can be MEV-MM"):
        read(f"{path}?units=TEV-MM")
    with pytest.raises(SourceError, match=r"unknown option 'unit'; there are collisions"):
        read(f"{path}?unit=GEV-MM")
