import re
import runpy

import numpy as np
import pytest
from places import TOP
from plugin_fakes import install

from lamarr_like.errors import SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.sources import open_source

TUTORIALS = TOP / "tutorials"
README = TOP / "README.md"


def run_script(name, folder, monkeypatch, n_events):
    """Run the script of a tutorial with another number of events; the names it leaves."""
    import matplotlib

    matplotlib.use("agg")
    few, replaced = re.subn(r"n_events=\d+", f"n_events={n_events}", (TUTORIALS / name).read_text())
    assert replaced == 1
    (folder / name).write_text(few)
    monkeypatch.chdir(folder)
    return runpy.run_path(str(folder / name))


def test_first_ntuple(tmp_path, monkeypatch, capsys):
    run_script("first_ntuple.py", tmp_path, monkeypatch, 30)
    assert (tmp_path / "first.png").stat().st_size > 5000
    assert "long tracks with RichDLLk > 5" in capsys.readouterr().out


def test_decay_to_mass_fit(tmp_path, monkeypatch, capsys):
    pytest.importorskip("iminuit")
    fit = run_script("decay_to_mass_fit.py", tmp_path, monkeypatch, 200)["fit"]
    assert (tmp_path / "jpsi.png").stat().st_size > 5000
    assert fit.valid and abs(fit.values["mean"] - 3097.0) < 8.0
    assert 8.0 < fit.values["sigma"] < 30.0
    assert "candidates in the window" in capsys.readouterr().out


def test_example_of_the_readme(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert max(map(len, code.splitlines())) <= 100
    # As it stands but for the number of events.
    few, n_replaced = re.subn(r"n_events=\d+", "n_events=20", code)
    assert n_replaced == 1
    script = tmp_path / "example.py"
    script.write_text(few)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script))
    printed = capsys.readouterr().out
    assert re.fullmatch(r"20 events, \d+ long tracks, \d+\.\d% of them kaon-like\n", printed)


def test_own_showers(tmp_path, monkeypatch, capsys):
    import matplotlib

    matplotlib.use("agg")
    script = TUTORIALS / "own_showers.py"
    monkeypatch.setattr("sys.argv", [str(script), "500", str(tmp_path)])
    names = runpy.run_path(str(script))
    assert (tmp_path / "own_showers.png").stat().st_size > 5000
    assert "checks pass" in capsys.readouterr().out
    assert (tmp_path / "report" / "index.html").read_text().count("<img") == 4
    errors = names["errors"]
    assert abs(errors["generator"].mean() - errors["your simulation"].mean()) < 0.5
    assert names["drawn"].arrays.shape == (250, 11, 11)


def code_of(name):
    """The Python of a page, all of it, as one script."""
    page = (TUTORIALS / name).read_text()
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))


def test_events_in_memory(tmp_path, monkeypatch, capsys):
    import awkward as ak
    import uproot

    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code_of("in_memory.md"), "in_memory.md", "exec"), names)
    with uproot.open("sample.root") as file:
        expected = file["Events"].arrays(["Track_p", "PV_z"])
    again = names["chain"](names["events"], seed=3)
    assert ak.all(again.track.p == expected.Track_p) and ak.all(
        again.reco_vertex.z == expected.PV_z
    )
    assert set(names["tracks"]["mc_pdg_id"]) <= {13, -13, 211}
    assert names["tables"]["event"]["event_id"].tolist() == [0, 1, 2]
    assert set(names["tables"]["track"]["event_id"]) <= {0, 1}
    with uproot.open("mine.root") as file:
        assert file["Events"]["GenPart_px"].array().tolist() == names["pair"].GenPart_px.tolist()
    assert "[[12.0], [-30.0]]" in capsys.readouterr().out


def test_jagged_parquet_of_the_sample_format(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code_of("sample-format.md"), "sample-format.md", "exec"), {})
    for path in ("truth.parquet", "struct.parquet", "flat.parquet"):
        batch = concatenate(open_source(path, n_events=None, seed=1))
        assert batch.particle["mc_pdg_id"].tolist() == [13, -13, 211]
        assert batch.particle.counts.tolist() == [2, 1]
        assert batch.vertex["mc_z"].tolist() == [12.0, -30.0]


def test_new_stage(tmp_path, monkeypatch, capsys):
    tomllib = pytest.importorskip("tomllib")
    import matplotlib

    matplotlib.use("agg")
    package = TUTORIALS / "new_stage"
    points = tomllib.loads((package / "pyproject.toml").read_text())["project"]["entry-points"]
    monkeypatch.syspath_prepend(str(package))
    stages, sources = points["lamarr_like.stages"], points["lamarr_like.sources"]
    install(monkeypatch, tmp_path / "site", "lamarr_torch", stages, sources)
    picture = runpy.run_path(str(TUTORIALS / "new_stage.py"))["main"](40, tmp_path)
    assert picture.stat().st_size > 5000
    pattern = r"pions of 2-5 GeV: mass squared (\S+) .*\nkaons of 2-5 GeV: mass squared (\S+) "
    found = re.search(pattern, capsys.readouterr().out)
    assert found and abs(float(found[1]) - 0.0195) < 0.01
    assert abs(float(found[2]) - 0.2437) < 0.03


def test_source_of_the_new_stage(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TUTORIALS / "new_stage"))
    sources = {"particles": "lamarr_torch:ParticleList"}
    install(monkeypatch, tmp_path / "site", "lamarr_torch", sources=sources)
    text = "3 211 1 0 10 0 0 1\n3 -13 0 1 20 0 0 1\n8 22 0 1 5 0 0 -2\n"
    (tmp_path / "list.txt").write_text(text)
    source = f"particles:{tmp_path / 'list.txt'}?scale=1000"
    (batch,) = open_source(source, n_events=None, seed=1)
    assert batch.particle["mc_pdg_id"].tolist() == [211, -13, 22]
    assert batch.particle["mc_pz"].tolist() == [10e3, 20e3, 5e3]
    assert batch.particle["mc_charge"].tolist() == [1, 1, 0]
    assert batch.vertex["mc_z"].tolist() == [1.0, -2.0]
    assert [len(b) for b in open_source(source, n_events=1, seed=1)] == [1]
    (tmp_path / "list.txt").write_text("1 2 3\n")
    for bad in (source, f"particles:{tmp_path / 'absent'}", source + "&x=1"):
        with pytest.raises(SourceError, match="particles:"):
            open_source(bad, n_events=None, seed=1)


def test_own_simulation(tmp_path, capsys):
    pytest.importorskip("tensorflow")
    import matplotlib

    matplotlib.use("agg")
    main = runpy.run_path(str(TUTORIALS / "own_simulation.py"))["main"]
    assert main(120, tmp_path, 600).stat().st_size > 5000
    printed = capsys.readouterr().out
    widths = dict(re.findall(r"(.*): momenta within (\S+) %", printed))
    assert float(widths["full"]) > 3 * float(widths["fast, reference"])
    assert 0.6 < float(widths["fast, mine"]) / float(widths["full"]) < 1.7


def test_stability(tmp_path, capsys, eager):
    """The script at a tiny size: what it says, not how good models of ten steps are."""
    import matplotlib

    from lamarr_like.runs.simulate import RunConfig, simulate_detailed

    matplotlib.use("agg")
    sample = tmp_path / "b.root"
    source = "pythia:bbbar+gun:K-,K+,p,p~,pi+?n=6&p=3-60"
    simulate_detailed(RunConfig(source, sample, 60), prob_nn=None)
    main = runpy.run_path(str(TUTORIALS / "stability.py"))["main"]
    words = ["--minbias", str(sample), "--apply", f"b={sample}", "--steps", "10"]
    path = main([*words, "-o", str(tmp_path / "out")])
    lines = path.read_text().splitlines()
    assert lines[0].count("|") == 10 and lines[0].endswith("| minimum bias, P < 20 GeV |")
    groups = {line.split("|")[2].strip() for line in lines[2:]}
    assert groups >= {"all", "P < 20 GeV", "P > 20 GeV", "from b hadrons"}
    shipped = re.search(
        r"\| all \| K \| RichDLLk > 0 \| (\S+) \| (\S+) \+- (\S+) ", path.read_text()
    )
    assert shipped and abs(float(shipped[2]) - 1.0) < 5 * float(shipped[3])
    assert (path.parent / "stability.png").stat().st_size > 5000
    assert capsys.readouterr().out.startswith("| sample |")


def weighted_tracks(path, numbers, least):
    """Tracks as ``lamarr-like sweights`` writes them, some columns only."""
    import uproot

    rng = np.random.default_rng(3)
    n = 3000
    mass = np.where(rng.random(n) < 0.5, rng.normal(145.4, 0.8, n), rng.uniform(140, 159, n))
    ids = np.repeat(numbers, n)
    columns = {"ID": ids, "candidate": np.tile(np.arange(n), len(numbers))}
    columns["mass"] = np.tile(mass, len(numbers))
    size = len(ids)
    columns |= {"P": rng.uniform(4e3, 9e4, size), "ETA": rng.uniform(2.1, 4.4, size)}
    columns |= {"nTracks": rng.integers(20, 250, size), "PT": least + rng.exponential(900, size)}
    columns |= {"sweight": rng.normal(0.5, 0.2, size), "isMuon": rng.integers(0, 2, size)}
    columns["RichDLLk"] = rng.normal(0.0, 20.0, size)
    with uproot.recreate(path) as file:
        file.mktree("Tracks", {k: v.dtype for k, v in columns.items()}).extend(columns)


def test_from_data_check(tmp_path, capsys):
    """The script on a small sample and on weights without meaning: what it says."""
    pytest.importorskip("iminuit")
    import matplotlib

    from lamarr_like.runs.simulate import RunConfig, simulate_detailed

    matplotlib.use("agg")
    sample = tmp_path / "gun.root"
    source = "pythia:minbias+gun:K-,K+,pi-,pi+,mu-,mu+?n=24&p=4-80&eta=2.2-4.3"
    simulate_detailed(RunConfig(source, sample, 80), prob_nn=None)
    weighted_tracks(tmp_path / "kpi.root", (-321, 211), 600.0)
    weighted_tracks(tmp_path / "mu.root", (13, -13), 700.0)
    main = runpy.run_path(str(TUTORIALS / "from_data_check.py"))["main"]
    words = ["--model", "rich-pp13-1", "muon_id-pp13-1", "--truth", str(sample)]
    for name in ("kpi", "mu"):
        words += ["--fit", str(tmp_path / f"{name}.root"), "139.5", "159.5", "exponential"]
    main([*words, "-o", str(tmp_path / "out")])
    told = capsys.readouterr().out
    kaons = re.search(r"\| K \| PIDK > 0 \| (\S+) \| (\S+) \| ", told)
    assert kaons and abs(float(kaons[1]) - float(kaons[2])) < 0.05 and float(kaons[1]) > 0.7
    assert (tmp_path / "out" / "from_data.md").read_text() == told
    assert (tmp_path / "out" / "from_data.png").stat().st_size > 5000
