import re
import runpy
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"
README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("backend", ["agg"])
def test_first_ntuple(tmp_path, monkeypatch, backend, capsys):
    import matplotlib

    matplotlib.use(backend)
    main = runpy.run_path(str(TUTORIALS / "first_ntuple.py"))["main"]
    picture = main(30, tmp_path)
    assert picture.stat().st_size > 5000
    assert (tmp_path / "first.root").exists()
    assert "long tracks with RichDLLk > 5" in capsys.readouterr().out


def test_decay_to_mass_fit(tmp_path, capsys):
    import matplotlib

    matplotlib.use("agg")
    tutorial = runpy.run_path(str(TUTORIALS / "decay_to_mass_fit.py"))
    assert tutorial["main"](150, tmp_path).stat().st_size > 5000
    found = re.search(r"peak at ([\d.]+) MeV, ([\d.]+) MeV wide", capsys.readouterr().out)
    assert found and abs(float(found[1]) - 3097.0) < 8.0
    assert 8.0 < float(found[2]) < 30.0


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
