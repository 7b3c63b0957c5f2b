"""``plot``: what is drawn of an ntuple, beside another one, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import uproot
from report_samples import detector, truth_batch
from typer.testing import CliRunner

from lamarr_like import cli
from lamarr_like.errors import SchemaError, SourceError
from lamarr_like.io.kept import Kept
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.validation.look import plots
from lamarr_like.validation.look.command import plot
from lamarr_like.validation.look.plots import KINDS, Ntuple, read_ntuple, sheets

TRUTH = truth_batch(400)


def written(path, seed=1, **kept):
    with EventWriter(path, metadata={}, kept=Kept(**kept)) as out:
        out.write(detector(TRUTH, seed))
    return path


@pytest.fixture(scope="module")
def ntuple(tmp_path_factory):
    return written(tmp_path_factory.mktemp("look") / "one.root")


def of(path, *kinds):
    return read_ntuple(path, kinds or list(KINDS))


def test_curves_are_those_of_the_sample(ntuple):
    found = {one.panel: one for one in sheets("resolutions", of(ntuple), None)}
    assert {"momentum resolution", "impact parameter in x", "pull of x"} <= set(found)
    # The toy has 0.5 % at all momenta.
    assert np.nanmedian(found["momentum resolution"].ours) == pytest.approx(0.005, rel=0.3)
    # It grows with the inverse of the transverse momentum.
    assert (np.diff(found["impact parameter in x"].ours) > 0).mean() > 0.5
    kaons = [one for one in sheets("identification", of(ntuple), None) if "PIDK" in one.panel]
    assert [one.name for one in kaons] == ["K as K", "pi as K"]
    assert kaons[0].ours.mean() > 0.8 > 0.2 > kaons[1].ours.mean()
    assert {one.panel for one in sheets("occupancy", of(ntuple), None)} <= {"nSPDHits", "nTracks"}


def test_spectra_count_what_is_there(ntuple):
    ours = of(ntuple)
    (p, *_) = sheets("spectra", ours, None)
    track = ours.batch.track
    inside = (track["track_type"] == 3) & (track["p"] > 1e3) & (track["p"] < 2e5)
    assert p.ours.sum() * len(ours.batch) == pytest.approx(inside.sum())


def test_another_ntuple_stands_beside(ntuple, tmp_path):
    ours, other = of(ntuple), of(written(tmp_path / "two.root", seed=2))
    for kind in ("spectra", "resolutions", "identification"):
        for one in sheets(kind, ours, other):
            alone = next(s for s in sheets(kind, other, None)
                         if (s.panel, s.name) == (one.panel, one.name))  # fmt: skip
            if len(alone.ours) == len(one.ours):
                assert np.array_equal(one.reference, alone.ours, equal_nan=True)
                assert "two.root" in one.beside


def test_what_a_file_lacks_is_left_out(tmp_path):
    thin = of(written(tmp_path / "thin.root", preset="thin"))
    assert sheets("spectra", thin, None)
    for kind in ("resolutions", "identification", "masses"):
        assert sheets(kind, thin, None) == []


def test_masses_of_decays(ntuple, tmp_path):
    path = tmp_path / "decays.root"
    path.write_bytes(ntuple.read_bytes())
    mass = np.random.default_rng(1).normal(5279.0, 10.0, 2000)
    mass[0] = np.nan
    with uproot.update(path) as file:
        file.mktree("B0_to_x/DecayTree", {"B0_M": np.float64, "Kplus_M": np.float64})
        file["B0_to_x/DecayTree"].extend({"B0_M": mass, "Kplus_M": mass})
    found = of(path, "masses")
    assert list(found.masses) == ["B0_to_x: B0_M"]
    (one,) = sheets("masses", found, None)
    assert "1999 candidates" in one.panel
    assert one.low[0] > 5200.0 and one.high[-1] < 5350.0
    assert one.ours.sum() > 1900


def test_the_page_opens_and_has_no_verdict(ntuple, tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "new" / "page"
    words = ["plot", str(ntuple), "-o", str(folder), "--what", "spectra", "--beside", str(ntuple)]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0 and "1 sheets" in done.output
    page = (folder / "index.html").read_text()
    assert "What is in one.root" in page and "data:image/png" in page and "verdict pass" not in page
    assert {p.name for p in (folder / "plots").iterdir()} == {"spectra.png", "spectra.pdf"}
    again = CliRunner().invoke(cli.app, words)
    assert again.exit_code != 0


def test_what_cannot_be_plotted(tmp_path, ntuple):
    with pytest.raises(SourceError, match="no such file"):
        of(tmp_path / "none.root")
    with uproot.recreate(tmp_path / "other.root") as file:
        file["Tree"] = {"x": np.zeros(3)}
    with pytest.raises(SchemaError, match="has no tree 'Events'; it has Tree"):
        of(tmp_path / "other.root")
    done = CliRunner().invoke(cli.app, ["plot", str(ntuple), "-o", "x", "--what", "jets"])
    assert done.exit_code == 2 and "no plots 'jets'" in done.output
    thin = written(tmp_path / "thin.root", preset="thin")
    with pytest.raises(SchemaError, match=r"thin\.root: has nothing that masses would show"):
        plot(thin, tmp_path / "out", what=["masses"])
    assert not (tmp_path / "out").exists()
    empty = Ntuple("x", detector(truth_batch(3), 1), {"D: D_M": np.full(4, np.nan)})
    assert plots.sheets("masses", empty, None) == []
