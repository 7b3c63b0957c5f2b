"""Which branches are written: presets, patterns, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import uproot
from report_samples import detector, truth_batch

from lamarr_like import schema
from lamarr_like.errors import OutputError
from lamarr_like.events import concatenate
from lamarr_like.io.kept import PRESETS, Kept
from lamarr_like.io.ntuple import EventWriter, read_events


@pytest.fixture(scope="module")
def batch():
    return detector(truth_batch(30), 3)


def written(path, batch, root_format="ttree", **choice):
    with EventWriter(path, metadata={}, root_format=root_format, kept=Kept(**choice)) as out:
        out.write(batch)
    with uproot.open(path) as file:
        return set(file["Events"].keys())


@pytest.mark.parametrize("root_format", ["ttree", "rntuple"])
def test_presets_grow_thinner(batch, tmp_path, root_format):
    found = {
        name: written(tmp_path / f"{name}.root", batch, root_format, preset=name)
        for name in PRESETS
    }
    assert found["thin"] < found["analysis"] <= found["full"]
    assert not [b for b in found["thin"] if b.startswith(("GenPart", "nGenPart", "Track_cov"))]
    assert {"GenPart_px", "GenPart_pdgId", "Track_cov00"} <= found["analysis"]
    assert "eventNumber" in found["thin"] and "Track_p" in found["thin"]
    sizes = [(tmp_path / f"{name}.root").stat().st_size for name in ("thin", "full")]
    assert sizes[0] < 0.6 * sizes[1]


def test_what_is_written_is_what_it_was(batch, tmp_path):
    path = tmp_path / "some.root"
    branches = written(path, batch, preset="thin", keep=("GenPart_p?",), drop=("Track_p", "n*s"))
    assert {"GenPart_px", "GenPart_py", "GenPart_pz"} <= branches
    assert "Track_p" not in branches and "Track_charge" in branches
    wanted = {"event": ["event_id"], "particle": ["mc_px"], "track": ["charge"]}
    again = concatenate(list(read_events(path, wanted)))
    for table, (column,) in wanted.items():
        assert np.array_equal(again[table][column], batch[table][column])
        assert np.array_equal(again[table].offsets, batch[table].offsets)


def test_drop_goes_before_keep():
    names = ["mc_px", "mc_py"]
    assert Kept("thin", ("GenPart_px",)).columns("particle", names) == ["mc_px"]
    assert Kept("thin", ("GenPart_p*",), ("GenPart_py",)).columns("particle", names) == ["mc_px"]
    assert Kept().columns("particle", names) == names


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"preset": "slim"}, "no preset 'slim'; there are full, analysis, thin"),
        ({"drop": ("Track_Cov*",)}, r"no branch is called 'Track_Cov\*', as is"),
        ({"keep": ("Trak_p",)}, "no branch is called 'Trak_p', as is Track_p"),
        ({"drop": ("*",)}, "eventNumber tells which event is which"),
    ],
)
def test_choices_that_make_no_sense(choice, message, tmp_path):
    with pytest.raises(OutputError, match=message):
        EventWriter(tmp_path / "x.root", metadata={}, kept=Kept(**choice))
    assert not list(tmp_path.iterdir())


def test_every_pattern_of_a_preset_has_a_branch():
    branches = [column.branch for column in schema.COLUMNS.values()]
    for patterns in PRESETS.values():
        Kept(drop=patterns).check()
    assert "eventNumber" in branches
