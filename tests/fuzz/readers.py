"""Every reader of what strangers write, as a function of bytes, and what may come out of it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import math
import random
import shutil
import socket
import struct
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import uproot

sys.path.insert(0, str(Path(__file__).parents[1] / "samples"))

import yaml
from blobs import BLOBS, blobs
from chain_fakes import fake_stages, truth_events
from controlled import with_control
from family_toys import vector_law
from hepmc_samples import write_sample
from smeared import scaling_model
from tiny_models import write_models
from twins import TWINS, twins

from lamarr_like.chain.pipeline import Pipeline, load_stage
from lamarr_like.chain.pipeline_file import load_config
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.trigger.menu import SHIPPED, Menu
from lamarr_like.distributed.config import load_production
from lamarr_like.distributed.lock import FolderLock
from lamarr_like.distributed.parts import PartReport, sound_part, write_report
from lamarr_like.distributed.records import CHECKSUM, digest_of
from lamarr_like.distributed.stored import check_same, read_plan, write_plan
from lamarr_like.distributed.units import Plan, Unit, make_plan
from lamarr_like.engine.generator import Generator
from lamarr_like.engine.load import load_model
from lamarr_like.errors import LamarrLikeError
from lamarr_like.files.find import shipped
from lamarr_like.io.ntuple import EventWriter, read_events, read_provenance, read_schema
from lamarr_like.io.sources import open_source
from lamarr_like.nets.config import LibraryConfig as LeafConfig
from lamarr_like.nets.library import fit_library as fit_leaves
from lamarr_like.nets.sample import VectorRows
from lamarr_like.nets.trained import TrainedModel
from lamarr_like.responses.config import LibraryConfig
from lamarr_like.responses.detectors import zdc
from lamarr_like.responses.detectors.ecal_shower import particles
from lamarr_like.responses.devices import declaration_file
from lamarr_like.responses.joint import JointModel
from lamarr_like.responses.model import ResponseModel
from lamarr_like.responses.response import response_file
from lamarr_like.responses.samples import parts_of, read_any, read_sample
from lamarr_like.responses.samples import write_sample as write_arrays
from lamarr_like.responses.training.library import fit_library
from lamarr_like.responses.translate.model import ArrayTranslator
from lamarr_like.training.foreign import read_foreign, read_mapping
from lamarr_like.validation.verdict import load_thresholds

PIPELINE = b"""schema_version: 1
name: tiny
stages:
  - stage: propagation
    options: {polarity: -1}
  - {stage: acceptance, model: acceptance-tiny-1}
"""
PRODUCTION = b"""schema_version: 1
name: tiny
seed: 7
pipeline: reference
output: out
unit_events: 30
retries: 1
sources:
  - {gun: "K-?p=3-100", events: 200, add: ["decay:B0 -> K+ pi-"]}
  - {pythia: minbias, events: 10, pileup: 1.6}
cluster: {kind: slurm, jobs: 2, options: {a: [1, 2]}}
"""


VERDICT = b"""schema_version: 1
false_alarm: 0.03
checks:
  acceptance: {relative: 0.005, absolute: 0.002, limit: 0.03, needs: [pi]}
  decays: {relative: 0.03, absolute: 0.0, limit: 0.10}
"""
MAPPING = b"""mapping_schema: 1
event_id: evt
tables:
  event:
    columns: {n_spd_hits: {product: [evt, 2]}}
  particle:
    columns:
      mc_pdg_id: 211
      mc_px: px
      mc_energy: {energy: [px, py, pz, 211]}
  track:
    rows: {both: [{nonzero: [a]}, {positive: [{sum: [px, 1e3]}]}]}
    columns: {p: {norm: [px, py, pz]}, tx: {ratio: [px, pz]}}
"""
FOREIGN = {"evt": [7, 3, 7, 3], "px": [3.0, 6, 9, 12], "py": [4.0, 8, 12, 16]}
FOREIGN |= {"pz": [10.0, 20, 30, 40], "a": [0, 1, 2, 0]}
DECAY = (
    b"Sig: [${B}B_s~0 ==> ^(D*_s+ -> (D_s+ -> K+ K- pi+) gamma) [K*(892)0 -> K+ pi-]CC "
    b"(anti-K*0 => K- pi+) pi- nu_mu~]CC"
)


def _truth(name: str):
    def read(data: bytes, folder: Path) -> None:
        path = folder / name
        path.write_bytes(data)
        for skip_bad in (False, True):
            try:
                for batch in open_source(str(path), n_events=None, seed=1, skip_bad=skip_bad):
                    assert len(batch) >= 0
            except LamarrLikeError:
                if skip_bad:
                    raise

    return read


def _ntuple(data: bytes, folder: Path) -> None:
    path = folder / "n.root"
    path.write_bytes(data)
    failed = None
    for read in (read_provenance, read_schema, lambda p: list(read_events(p))):
        try:
            read(path)
        except LamarrLikeError as error:
            failed = error
    if failed is not None:
        raise failed


def _pipeline(data: bytes, folder: Path) -> None:
    path = folder / "p.yaml"
    path.write_bytes(data)
    load_config(path)


def _production(data: bytes, folder: Path) -> None:
    path = folder / "p.yaml"
    path.write_bytes(data)
    make_plan(load_production(path), {})


def _verdict(data: bytes, folder: Path) -> None:
    path = folder / "v.yaml"
    path.write_bytes(data)
    load_thresholds(path)


def _mapping(data: bytes, folder: Path) -> None:
    """A mapping, and then what it says of a table."""
    path = folder / "m.yaml"
    path.write_bytes(data)
    read_mapping(path)
    pd.DataFrame(FOREIGN).to_parquet(folder / "t.parquet")
    read_foreign(folder / "t.parquet", path)


def _foreign(name: str):
    def read(data: bytes, folder: Path) -> None:
        (folder / name).write_bytes(data)
        (folder / "m.yaml").write_bytes(MAPPING)
        read_foreign(folder / name, folder / "m.yaml")

    return read


def _json(data: bytes, folder: Path) -> None:
    """The texts that an ntuple carries, written into one."""
    path = folder / "n.root"
    with uproot.recreate(path) as file:
        file["schema"] = file["provenance"] = data.decode("latin-1")
        file.mktree("Events", {"eventNumber": "int64"}).extend({"eventNumber": np.arange(3)})
    failed = None
    for read in (read_provenance, read_schema, lambda p: list(read_events(p))):
        try:
            read(path)
        except LamarrLikeError as error:
            failed = error
    if failed is not None:
        raise failed


def _decay(data: bytes, folder: Path) -> None:
    request = DecayRequest.parse(data.decode("utf-8", "replace"))
    assert all(n.branch.isidentifier() for n in request.decay.nodes)


def _menu(data: bytes, folder: Path) -> None:
    path = folder / "m.yaml"
    path.write_bytes(data)
    assert all(line.decision.isidentifier() for line in Menu.load(path).lines)


def _model(data: bytes, folder: Path) -> None:
    """An artefact as one string: name, length and content of each file; checksums are made good."""
    home = folder / "outer" / "acceptance-tiny-1"
    home.mkdir(parents=True)
    files = unpack(data)
    sums = "".join(f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in files.items())
    (home / "SHA256SUMS").write_text(sums, encoding="utf-8", errors="replace")
    for name, content in files.items():
        try:
            (home / name).write_bytes(content)
        except (OSError, ValueError):
            continue
    load_stage(str(home))
    load_model(home)


def _leaf_model(data: bytes, folder: Path) -> None:
    """A library of rows; what loads must draw, or refuse to."""
    model = load_model(_artefact(data, folder))
    if isinstance(model, Generator):
        given = {name: np.linspace(-1.0, 1.0, 5) for name in model.conditions}
        drawn = model.draw(given, np.linspace(0.0, 1.0, 5 * model.n_uniforms).reshape(5, -1))
        assert all(np.isfinite(values).all() for values in drawn.values())


def _words(data: bytes, folder: Path) -> None:
    """A fit and a branch of a decay, as a user writes them."""
    fit, _, branch = data.decode("utf-8", "replace").partition("|")
    text = "B0 -> (J/psi(1S) -> mu+ mu-) (K*(892)0 -> K+ pi-)"
    request = DecayRequest.parse(text, fits=[fit], branches=[branch])
    assert all(one.name.isidentifier() for one in (*request.fits, *request.branches))


def _response_yaml(data: bytes, folder: Path) -> None:
    (folder / "r.yaml").write_bytes(data)
    response_file(folder / "r.yaml")


def _devices_yaml(data: bytes, folder: Path) -> None:
    (folder / "d.yaml").write_bytes(data)
    declaration_file(folder / "d.yaml")


def _devices_sample(data: bytes, folder: Path) -> None:
    (folder / "d.npz").write_bytes(data)
    for part in parts_of(read_any(folder / "d.npz")):
        assert np.isfinite(part.arrays).all() and np.isfinite(part.seen).all()


def _response_sample(data: bytes, folder: Path) -> None:
    (folder / "s.npz").write_bytes(data)
    sample = read_sample(folder / "s.npz")
    assert np.isfinite(sample.arrays).all() and np.isfinite(sample.seen).all()


def _artefact(data: bytes, folder: Path) -> Path:
    """The files of an artefact with the right checksums."""
    home = folder / "blobs-tiny-1"
    home.mkdir(parents=True)
    files = unpack(data)
    sums = "".join(f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in files.items())
    (home / "SHA256SUMS").write_text(sums, encoding="utf-8", errors="replace")
    for name, content in files.items():
        try:
            (home / name).write_bytes(content)
        except (OSError, ValueError):
            continue
    return home


def _devices_model(data: bytes, folder: Path) -> None:
    """A generator of devices; what loads must draw, or refuse to."""
    model = load_model(_artefact(data, folder))
    if isinstance(model, JointModel):
        for drawn in model.draw(zdc.particles(3, 1), 1):
            assert np.isfinite(drawn).all() and (drawn >= 0).all()


def _response_model(data: bytes, folder: Path) -> None:
    """A generator of arrays; what loads must draw, or refuse to."""
    model = load_model(_artefact(data, folder))
    if isinstance(model, ResponseModel):
        given = particles(3, 1) if "pdg" in model.conditions else blobs(3).conditions
        drawn = model.draw(given, 1)
        assert np.isfinite(drawn).all() and (drawn >= 0).all()
        if model.control is not None:
            drawn = model.draw(given, 1, wanted={"w0": 1.0, "width": np.exp(0.3)})
            assert np.isfinite(drawn).all() and (drawn >= 0).all()


def _translation_model(data: bytes, folder: Path) -> None:
    """A translation of arrays; what loads must translate, or refuse to."""
    model = load_model(_artefact(data, folder))
    if isinstance(model, ArrayTranslator):
        arrays = np.linspace(0.0, 9.0, 2 * math.prod(model.responses[0].shape))
        for backward in (False, True):
            made = model.translate(arrays.reshape(2, *model.responses[0].shape), backward=backward)
            assert np.isfinite(made).all() and (made >= 0).all()


UNIT = Unit(3, "gun:pi+", (), 10, 30, 50)
PART = b"what a part holds"
IDENTITY = {"seed": 7, "sources": [{"text": "gun:pi+"}], "inputs": [["a", "0" * 64, 3]]}
PLAN = Plan((UNIT,), (), IDENTITY, digest_of(IDENTITY))


def _report(data: bytes, folder: Path) -> None:
    """The report of a part; where it is taken, each event of the unit is accounted for."""
    (folder / UNIT.part).write_bytes(PART)
    (folder / UNIT.report).write_bytes(data)
    report = sound_part(folder, UNIT, "p")
    if report is not None:
        numbers = {event for event, _ in report.skipped if 60 <= event < 80}
        assert type(report.events) is int and report.events + len(numbers) == UNIT.events
        assert report.sha256 == hashlib.sha256(PART).hexdigest() or not report.events


def _plan(data: bytes, folder: Path) -> None:
    (folder / "plan.json").write_bytes(data)
    stored = read_plan(folder)
    assert stored is not None
    check_same(folder, stored, PLAN)


def _lock(data: bytes, folder: Path) -> None:
    (folder / ".lock").write_bytes(data)
    with FolderLock(folder) as lock:
        lock.check()


def _records(folder: Path) -> dict[str, bytes]:
    """Sound inputs of the readers of records."""
    checksum = hashlib.sha256(PART).hexdigest()
    skipped = ((61, "broken"), (-1, "a file"))
    numbers = (3, "p", 19, "d" * 64, checksum, len(PART), skipped, 5, 0.5, 1e2, "here")
    write_report(folder, UNIT, PartReport(*numbers, platform={"machine": "x"}))
    write_plan(folder, PLAN)
    found = {"report record": UNIT.report, "plan record": "plan.json"}
    return {name: (folder / file).read_bytes() for name, file in found.items()}


def pack(files: dict[str, bytes]) -> bytes:
    """The files of an artefact as one string."""
    parts = [struct.pack("<BI", len(n), len(c)) + n.encode() + c for n, c in files.items()]
    return b"".join(parts)


def unpack(data: bytes) -> dict[str, bytes]:
    """Inverse of `pack`, for any bytes; names are plain or refused by the file system."""
    files, at = {}, 0
    while at + 5 <= len(data) and len(files) < 8:
        size, length = struct.unpack_from("<BI", data, at)
        name = data[at + 5 : at + 5 + size].decode("latin-1").replace("/", "_")
        at += 5 + size
        files[name] = data[at : at + length]
        at += length
    return files


def _options(data: bytes, folder: Path) -> None:
    """The text of a source that makes events: a gun and its options."""
    text = data.decode("utf-8", "replace").replace("\0", "")
    for batch in open_source(f"gun:{text}", n_events=2, seed=1):
        assert len(batch) == 2


READERS = {
    "hepmc2": _truth("a.hepmc"),
    "hepmc3": _truth("a.hepmc"),
    "hepmc2 gzip": _truth("a.hepmc.gz"),
    "hepmc3 gzip": _truth("a.hepmc.gz"),
    "hepmc3 bzip2": _truth("a.hepmc.bz2"),
    "hepmc3 xz": _truth("a.hepmc.xz"),
    "hepmc3 zstd": _truth("a.hepmc.zst"),
    "hepmc3 tree": _truth("a.root"),
    "root table": _truth("a.root"),
    "rntuple table": _truth("a.root"),
    "root ntuple": _ntuple,
    "parquet flat": _truth("a.parquet"),
    "parquet jagged": _truth("a.parquet"),
    "parquet weights": _truth("a.parquet"),
    "source options": _options,
    "pipeline yaml": _pipeline,
    "production yaml": _production,
    "report record": _report,
    "plan record": _plan,
    "production lock": _lock,
    "verdict yaml": _verdict,
    "mapping yaml": _mapping,
    "foreign parquet": _foreign("t.parquet"),
    "foreign root": _foreign("t.root"),
    "ntuple json": _json,
    "occupancy model": _model,
    "translator model": _model,
    "response yaml": _response_yaml,
    "response sample": _response_sample,
    "library model": _response_model,
    "codes model": _response_model,
    "devices yaml": _devices_yaml,
    "devices sample": _devices_sample,
    "devices model": _devices_model,
    "control model": _response_model,
    "array translator model": _translation_model,
    "decay descriptor": _decay,
    "decay words": _words,
    "trigger yaml": _menu,
    "leaf model": _leaf_model,
    "generator model": _model,
    "classifier model": _model,
}


def samples(folder: Path) -> dict[str, bytes]:
    """A sound input of each reader."""
    import awkward as ak
    import pyarrow.parquet as pq

    found: dict[str, bytes] = {}
    for version in (2, 3):
        path = write_sample(folder / f"{version}.hepmc", 3, version=version)
        found[f"hepmc{version}"] = path.read_bytes()
        found[f"hepmc{version} gzip"] = gzip.compress(path.read_bytes(), mtime=0)
    text = found["hepmc3"]
    found["hepmc3 bzip2"], found["hepmc3 xz"] = bz2.compress(text), lzma.compress(text)
    found["hepmc3 zstd"] = pa.compress(text, "zstd", asbytes=True)
    found["hepmc3 tree"] = (Path(__file__).parents[1] / "data" / "hepmc_tree.root").read_bytes()
    events = next(iter(open_source(str(folder / "3.hepmc"), n_events=None, seed=1)))
    for name, kind in (("root table", "ttree"), ("rntuple table", "rntuple")):
        with EventWriter(folder / "a.root", metadata={}, root_format=kind, force=True) as writer:
            writer.write(events)
        found[name] = (folder / "a.root").read_bytes()
    found["root ntuple"] = found["root table"]
    frame = events.to_pandas("particle").reset_index(drop=True)
    frame["event_id"] = events.event_ids("particle")
    frame.to_parquet(folder / "flat.parquet")
    found["parquet flat"] = (folder / "flat.parquet").read_bytes()
    counts = events.particle.counts
    jagged = {k: ak.unflatten(v, counts) for k, v in events.particle.columns.items()}
    ak.to_parquet(ak.Array(jagged), folder / "jagged.parquet")
    found["parquet jagged"] = (folder / "jagged.parquet").read_bytes()
    weights = {"mc_weight_value": [[1.0, 2.0]] * len(counts), "event_id": range(7, 7 + len(counts))}
    whole = ak.Array(jagged | {k: list(v) for k, v in weights.items()})
    table = ak.to_arrow_table(whole, extensionarray=False)
    names = {"weight_names": json.dumps(["up", "down"])}
    pq.write_table(table.replace_schema_metadata(names), folder / "weights.parquet")
    found["parquet weights"] = (folder / "weights.parquet").read_bytes()
    found["source options"] = b"pi+,K-?p=3-100&eta=2-4.5&n=3&z=-1e1:10"
    found["pipeline yaml"], found["production yaml"] = PIPELINE, PRODUCTION
    found |= _records(folder)
    found["production lock"] = b'{"host": "nowhere", "pid": 4000000}'.replace(
        b"nowhere", socket.gethostname().encode()
    )
    found["decay descriptor"] = DECAY
    found["trigger yaml"] = SHIPPED.read_bytes()
    found["decay words"] = b"T: J/psi(1S)=mass,PV|x=M(K+:pi+, pi-)"
    write_models(folder / "models", Pipeline(fake_stages())(truth_events(60, seed=5), seed=1))
    found["verdict yaml"], found["mapping yaml"] = VERDICT, MAPPING
    found["ntuple json"] = b'{"schema_version": 1, "source": "gun:pi+", "branches": {"a": {}}}'
    table = pd.DataFrame(FOREIGN)
    table.to_parquet(folder / "foreign.parquet")
    found["foreign parquet"] = (folder / "foreign.parquet").read_bytes()
    with uproot.recreate(folder / "foreign.root") as file:
        file.mktree("t", {k: v.dtype for k, v in table.items()})
        file["t"].extend({k: v.to_numpy() for k, v in table.items()})
    found["foreign root"] = (folder / "foreign.root").read_bytes()
    found["response yaml"] = yaml.safe_dump(BLOBS.to_json()).encode()
    write_arrays(blobs(4), folder / "s.npz")
    found["response sample"] = (folder / "s.npz").read_bytes()
    found["devices yaml"] = yaml.safe_dump(TWINS.to_json()).encode()
    write_arrays(twins(4), folder / "twins.npz")
    found["devices sample"] = (folder / "twins.npz").read_bytes()
    library = fit_library(blobs(120), LibraryConfig(size=20), progress=False)
    names = {"stage": "blobs", "sample": "library", "version": "1", "card": "c"}
    rows = VectorRows(*vector_law(300, 1), integers=frozenset({"count"}))
    leaves = fit_leaves(rows, LeafConfig(trees=2), progress=False)
    for kind, home in (
        ("leaf model", leaves.save(folder / "models", **names | {"sample": "leaf"})),
        ("library model", library.save(folder / "models", **names)),
        (
            "array translator model",
            TrainedModel(*scaling_model()).save(folder / "models", **names | {"stage": "spots"}),
        ),
        ("codes model", shipped("models") / "ecal_shower-gan-1"),
        ("devices model", shipped("models") / "zdc-gan-1"),
        ("generator model", folder / "models" / "resolution-tiny-1"),
        ("classifier model", folder / "models" / "acceptance-tiny-1"),
        ("occupancy model", folder / "models" / "occupancy-tiny-1"),
        ("translator model", shipped("models") / "ecal-k-to-k-pp13-1"),
    ):
        files = {p.name: p.read_bytes() for p in home.iterdir() if p.name != "SHA256SUMS"}
        found[kind] = pack(files)
        if kind == "codes model":
            found["control model"] = pack(with_control(files))
    return found


TOKENS = (b"0", b"-1", b"1e400", b"nan", b"99999999999999999999", b"\n", b" ", b"E ", b"P ", b"V ")
TOKENS += (b"\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"[]", b"{}", b"&a", b"*a", b"<<: ")
TOKENS += (b"!!set {a}", b"0x" + b"f" * 60, b"12:30:00", b"010", b".inf", b"2020-01-02", b"~")
TOKENS += (b"!!int x", b"../../x", b"/etc/passwd", b'"', b"- ", b": ", b"null", b"1e9", b"[1,2]")


DECAY_TOKENS = (b"(", b")]CC", b"[", b"^", b" => ", b"${x}", b"~", b"pi+ ", b"anti-", b"_prime")
DECAY_TOKENS += (
    b"]cc",
    b"* ",
    b"0 ",
    b"-> ",
    b"(2S)",
    b"'",
    b"bar",
    b"B0 -> (",
    b"\x00",
    b"gamma ",
)


def mutate(data: bytes, rng: random.Random, tokens: tuple[bytes, ...] = TOKENS) -> bytes:
    """One change of one to eight places: bits, tokens, cuts, copies, exchanges."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        n = len(changed)
        if n == 0:
            return bytes(changed)
        at, size = rng.randrange(n), min(n, 1 << rng.randrange(10))
        kind = rng.randrange(7)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.randrange(256)
        elif kind == 2:
            changed[at:at] = rng.choice(tokens)
        elif kind == 3:
            token = rng.choice(tokens)
            changed[at : at + len(token)] = token
        elif kind == 4:
            del changed[at : at + size]
        elif kind == 5:
            changed[at:at] = changed[at : at + size]
        else:
            del changed[at + size * 4 :]
    return bytes(changed)


def recompressed(data: bytes, rng: random.Random) -> bytes:
    """A change of what is in a gzip file, rather than of its own bytes."""
    return gzip.compress(mutate(gzip.decompress(data), rng), mtime=0)


def repacked(data: bytes, rng: random.Random) -> bytes:
    """A change of one file of an artefact, or of one item of its configuration."""
    files = unpack(data)
    name = rng.choice(sorted(files))
    if name == "config.json" and rng.random() < 0.8:
        files[name] = json.dumps(_changed(json.loads(files[name]), rng)).encode()
    elif name == "transforms.npz" and rng.random() < 0.8:
        files[name] = _changed_tables(files[name], rng)
    else:
        files[name] = mutate(files[name], rng)
    return pack(files)


def rewritten(data: bytes, rng: random.Random) -> bytes:
    """A change of the values of a record, whose checksum is made good."""
    values = _changed(json.loads(data), rng)
    values.pop(CHECKSUM, None)
    return json.dumps({**values, CHECKSUM: digest_of(values)}).encode()


def _changed(config: dict, rng: random.Random) -> dict:
    key = rng.choice(sorted(config))
    strange = (None, [], {}, -1, 10**30, 1e308, "x", [1, "x", None], {"x": 1}, [[]], True, "../x")
    value = config[key]
    if rng.random() < 0.2:
        del config[key]
    elif isinstance(value, dict) and value and rng.random() < 0.7:
        config[key] = _changed(value, rng)
    elif isinstance(value, list) and value and rng.random() < 0.7:
        value[rng.randrange(len(value))] = rng.choice(strange)
    else:
        config[key] = rng.choice(strange)
    return config


def _changed_tables(data: bytes, rng: random.Random) -> bytes:
    with np.load(io.BytesIO(data)) as archive:
        tables = dict(archive)
    key = rng.choice(sorted(tables))
    old = tables[key]
    wrong = (old[:0], old[..., None], np.zeros(3), np.full(old.shape, np.nan), old[..., :1])
    wrong += (np.full(old.shape, 1e38), np.full(old.shape, -(2**40)))
    tables[key] = rng.choice((*wrong, old.astype("U5")))
    out = io.BytesIO()
    np.savez(out, **tables)
    return out.getvalue()


def variant(name: str, sample: bytes, seed: int) -> bytes:
    """The input of a reader that a number stands for."""
    rng = random.Random(seed)
    if name.endswith("gzip") and rng.random() < 0.5:
        return recompressed(sample, rng)
    if name.endswith("model") and rng.random() < 0.9:
        return repacked(sample, rng)
    if name.endswith("record") and rng.random() < 0.7:
        return rewritten(sample, rng)
    if name in ("decay descriptor", "decay words"):
        return mutate(sample, rng, DECAY_TOKENS)
    return mutate(sample, rng)


def run(name: str, data: bytes, folder: Path) -> str:
    """Read bytes; the class of our error that came, or an empty text.

    Raises:
        Exception: any that is not ours.
        AssertionError: if a file was made outside of the reader's own folder.
    """
    inside = folder / "a" / "b"
    inside.mkdir(parents=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[name](data, inside)
        return ""
    except LamarrLikeError as error:
        str(error).encode()
        return type(error).__name__
    finally:
        outside = [p for p in folder.rglob("*") if inside not in p.parents and p != inside]
        shutil.rmtree(folder / "a")
        assert outside == [folder / "a"], outside


def zip_of_zeros(n: int) -> bytes:
    """A table of zeros that is small on disk."""
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (n // 8,)}
    np.lib.format.write_array_header_1_0(header, shape)
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("conditions_knots.npy", "w", force_zip64=True) as file,
    ):
        file.write(header.getvalue())
        for _ in range(n >> 20):
            file.write(bytes(1 << 20))
    return out.getvalue()
