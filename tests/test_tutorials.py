import runpy
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"


@pytest.mark.parametrize("backend", ["agg"])
def test_first_ntuple(tmp_path, monkeypatch, backend, capsys):
    import matplotlib

    matplotlib.use(backend)
    main = runpy.run_path(str(TUTORIALS / "first_ntuple.py"))["main"]
    picture = main(30, tmp_path)
    assert picture.stat().st_size > 5000
    assert (tmp_path / "first.root").exists()
    assert "long tracks with RichDLLk > 5" in capsys.readouterr().out
