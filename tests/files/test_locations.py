"""Truth by URL: every format over fsspec, wildcards, missing packages, productions."""

import socket
import sys

import fsspec
import numpy as np
import pytest
from hepmc_samples import write_sample
from http_files import Quiet, served
from production_samples import InProcess, production

from lamarr_like.distributed import produce
from lamarr_like.distributed.produce import run_production
from lamarr_like.errors import LamarrLikeError, ProductionError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.files import locations
from lamarr_like.files.locations import Url, is_url, location, matching
from lamarr_like.io.ntuple import EventWriter, content_digest, read_events
from lamarr_like.io.sources import open_source
from lamarr_like.runs.simulate import RunConfig, simulate


def events(text, n=None):
    return concatenate(open_source(text, n_events=n, seed=1))


@pytest.fixture
def remote(tmp_path):
    """Files of all formats in a folder, and the same in memory, as URLs."""
    for name, version, zipped in (("a2.hepmc", 2, False), ("a3.hepmc.gz", 3, True)):
        write_sample(tmp_path / name, 40, version=version, zipped=zipped)
    batch = events(str(tmp_path / "a2.hepmc"))
    with EventWriter(tmp_path / "t.root", metadata={}) as writer:
        writer.write(batch)
    frame = batch.to_pandas("particle").reset_index()
    frame["event_id"] = batch.event_ids("particle")
    frame.to_parquet(tmp_path / "t.parquet")
    memory = fsspec.filesystem("memory")
    for path in tmp_path.iterdir():
        memory.pipe_file(f"/truth/{path.name}", path.read_bytes())
    yield tmp_path
    memory.rm("/truth", recursive=True)


@pytest.mark.parametrize("name", ["a2.hepmc", "a3.hepmc.gz", "t.root", "t.parquet"])
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_every_format_over_a_url(remote, name, kind):
    url = f"memory://truth/{name}" if kind == "memory" else f"file://{remote}/{name}"
    near, far = events(str(remote / name)), events(url)
    assert len(far) == 40
    for table in near.tables:
        for column in near[table].columns:
            np.testing.assert_array_equal(near[table][column], far[table][column])


def test_wildcards_lists_options_and_additions(remote):
    text = "memory://truth/a*.hepmc*?collisions=event+gun:mu-"
    source = open_source(text, n_events=50, seed=1)
    assert len(concatenate(source)) == 50
    both = events(f"memory://truth/a2.hepmc,{remote}/a3.hepmc.gz")
    assert len(both) == 80
    assert [u.name for u in matching("memory://truth/t.*")] == ["t.parquet", "t.root"]


def test_what_a_url_is():
    for text in ("root://eos.cern.ch//eos/a.root", "https://a.b/c", "simplecache::s3://b/k"):
        assert is_url(text) and location(text) == Url(text)
    for text in ("a.root", "/a/b", "gun:pi+", "pythia:minbias", "a:b", "C:/x"):
        assert not is_url(text)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://truth/absent.hepmc", "no such file"),
        ("memory://truth/none*.hepmc", "no file matches"),
        ("nothing://a/b.hepmc", "cannot be opened"),
        ("memory://truth/empty", "the file is empty"),
        ("memory://truth/noise", "neither HepMC text nor"),
        ("memory://truth/cut.root", "not a readable ROOT file"),
        ("memory://truth/cut.parquet", "not a readable Parquet file"),
    ],
)
def test_bad_urls(remote, url, message):
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/truth/empty", b"")
    memory.pipe_file("/truth/noise", b"abc" * 1000)
    for kind in ("root", "parquet"):
        memory.pipe_file(f"/truth/cut.{kind}", (remote / f"t.{kind}").read_bytes()[:300])
    with pytest.raises(SourceError, match=message) as caught:
        events(url)
    assert url in str(caught.value)


@pytest.mark.parametrize("name", ["a2.hepmc", "a3.hepmc.gz", "t.root", "t.parquet"])
def test_every_format_over_http(remote, name):
    pytest.importorskip("aiohttp")
    near = events(str(remote / name))
    with served(remote) as url:
        far = events(f"{url}/{name}")
        assert location(f"{url}/{name}").stat().st_size == (remote / name).stat().st_size
    for table in near.tables:
        for column in near[table].columns:
            np.testing.assert_array_equal(near[table][column], far[table][column])


def test_a_run_over_http(remote, models, tmp_path, monkeypatch):
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(produce, "_workers", lambda config, job, n, scheduler: InProcess(job))
    folder = tmp_path
    near = RunConfig(f"{remote}/a*.hepmc*", folder / "near.root", seed=7)
    simulate(near, models / "tiny.yaml", models)
    with served(remote) as url:
        far = RunConfig(f"{url}/a*.hepmc*", folder / "far.root", seed=7)
        assert simulate(far, models / "tiny.yaml", models).events == 80
        sources = [{"files": [f"{url}/a*.hepmc*"]}]
        report = run_production(production(folder, models, sources=sources), merge=True)
        with pytest.raises(SourceError, match=r"http://.*/none\.hepmc: no such file"):
            events(f"{url}/none.hepmc")
    digests = {content_digest(folder / f"{name}.root") for name in ("near", "far")}
    assert digests == {report.digest}
    with pytest.raises(SourceError, match=r"a2\.hepmc: "):
        events(f"{url}/a2.hepmc")  # nobody answers any more


def test_servers_that_give_whole_files_only(remote):
    """What is read from its beginning on comes as it is, all else from a copy."""
    pytest.importorskip("aiohttp")
    with served(remote, Quiet) as url:
        assert len(events(f"{url}/a3.hepmc.gz")) == 40
        with pytest.raises(SourceError, match=r"t\.root: not a readable ROOT file"):
            events(f"{url}/t.root")
        assert len(events(f"simplecache::{url}/t.root")) == 40


def test_servers_that_do_not_answer(remote, monkeypatch):
    """What is wrong is said, in bounded time, and not that there is no such file."""
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(locations, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(locations, "READ_SECONDS", 0.4)
    with socket.socket() as closed, socket.socket() as silent, served(remote) as url:
        closed.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        for bad, says in (
            (f"http://127.0.0.1:{closed.getsockname()[1]}", "nobody answers there"),
            (f"https://127.0.0.1:{closed.getsockname()[1]}", "nobody answers there"),
            (f"simplecache::http://127.0.0.1:{closed.getsockname()[1]}", "nobody answers there"),
            (f"http://127.0.0.1:{silent.getsockname()[1]}", "no answer in time"),
            ("https://no-such-host.invalid", "there is no such host"),
            (url.replace("http:", "https:"), "no encrypted connection"),
        ):
            for name in ("a.hepmc", "*.hepmc"):
                with pytest.raises(SourceError, match=rf"{says}") as caught:
                    events(f"{bad}/{name}")
                assert f"{bad}/{name}: cannot be" in str(caught.value)
                assert "no such file" not in str(caught.value)
        with pytest.raises(SourceError, match=r"absent\.hepmc: no such file"):
            events(f"{url}/absent.hepmc")


@pytest.mark.parametrize("status", [403, 500, 503])
def test_servers_that_refuse(remote, status):
    pytest.importorskip("aiohttp")

    class Refusing(Quiet):
        def do_GET(self):
            self.send_error(status)

        do_HEAD = do_GET

    says = f"a.hepmc: cannot be read .the server answers {status}"
    with served(remote, Refusing) as url, pytest.raises(SourceError, match=says):
        events(f"{url}/a.hepmc")


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [
        ("root://eos.cern.ch//eos/a.root", "fsspec_xrootd", "fsspec-xrootd"),
        ("https://example.org/a.hepmc", "aiohttp", "aiohttp"),
        ("s3://bucket/a.hepmc", "s3fs", "s3fs"),
    ],
)
def test_missing_packages_are_named(url, module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    # What fsspec has imported before is imported anew, and fails.
    for name in [n for n in sys.modules if n == "fsspec.implementations.http"]:
        monkeypatch.delitem(sys.modules, name)
    registered = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(registered, url.partition(":")[0], raising=False)
    with pytest.raises(SourceError, match=f"needs {package}.*pip install {package}"):
        events(url)


class Broken:
    """A remote file that fails after its first bytes, as a lost connection does."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self.at = offset
        return offset

    def tell(self):
        return self.at

    def read(self, n=-1):
        if self.at:
            raise RuntimeError("connection lost")
        self.at = 5000
        return self.data[:5000]

    def close(self):
        pass


def test_connections_that_break(remote, monkeypatch):
    data = (remote / "a2.hepmc").read_bytes()
    system = fsspec.filesystem("memory")
    monkeypatch.setattr(type(system), "open", lambda self, path, mode: Broken(data))
    with pytest.raises(LamarrLikeError, match="RuntimeError: connection lost"):
        events("memory://truth/a2.hepmc")


def test_productions_of_urls(remote, models, tmp_path):
    folder = tmp_path
    text = f"file://{remote}/a*.hepmc*"
    config = production(folder, models, sources=[{"files": [text], "split": True}], unit_events=30)
    report = run_production(config, merge=True)
    assert (report.status, report.events, report.units) == ("complete", 80, 4)
    simulate(RunConfig(text, folder / "one.root", seed=7), models / "tiny.yaml", models)
    assert report.digest == content_digest(folder / "one.root")
    assert len(concatenate(read_events(f"file://{folder}/one.root"))) == 80
    again = run_production(config, resume=True)
    assert (again.status, again.made) == ("complete", 0)
    with pytest.raises(ProductionError, match=r"sources\[0\].files\[0\]: no file matches"):
        production(folder, models, sources=[{"files": ["memory://truth/x*"]}])
    with pytest.raises(ProductionError, match=r"files\[0\]: nothing://a.: cannot be opened"):
        production(folder, models, sources=[{"files": ["nothing://a*"]}])
    with pytest.raises(SourceError, match=r"memory://truth/absent: cannot be read"):
        run_production(
            production(folder / "q", models, sources=[{"files": ["memory://truth/absent"]}])
        )
