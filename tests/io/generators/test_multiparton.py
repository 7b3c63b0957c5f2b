"""Tables that ship for Pythia's start; `tests/pythia_tables.py` compares their collisions."""

import pytest

from lamarr_like.io.generators import multiparton
from lamarr_like.io.generators.multiparton import ENERGY, TABLES, VERSION, use_tables
from lamarr_like.io.generators.pythia import _COMMON, PROCESSES, PythiaSource
from lamarr_like.io.generators.pythia_card import BEAMS, new_pythia

SYSTEMS = [f"Init:reuseMPIiDiffSys{k}" for k in range(4)]


def generator(*lines):
    pythia = new_pythia()
    for line in (*BEAMS, *_COMMON, *lines):
        assert pythia.readString(line, False)
    return pythia


def tables(pythia):
    return {name: " ".join(pythia.settings.wvec(name)).split() for name in SYSTEMS}


@pytest.mark.parametrize("process", ["minbias", "bbbar"])
def test_a_start_reads_the_tables_and_makes_none(process, tmp_path, monkeypatch):
    """A number that integration would not give is still there after the start."""
    changed = TABLES.read_text().replace("2.60457e+00", "2.60000e+00", 1)
    assert changed != TABLES.read_text()
    path = tmp_path / "a name with blanks.mpi"
    path.write_text(changed)
    monkeypatch.setattr(multiparton, "TABLES", path)
    pythia = generator(*PROCESSES[process])
    assert use_tables(pythia)
    before = tables(pythia)
    assert "2.60000e+00" in before[SYSTEMS[0]]
    assert pythia.init()
    assert tables(pythia) == before
    assert pythia.next()


def test_tables_are_for_one_energy_and_one_version(monkeypatch):
    other = generator(*PROCESSES["minbias"], "Beams:eCM = 7000.")
    assert not use_tables(other)
    assert other.mode("MultipartonInteractions:reuseInit") == 0
    monkeypatch.setattr(multiparton, "VERSION", 8.316)
    assert not use_tables(generator(*PROCESSES["minbias"]))


def test_the_file_says_what_it_is_for():
    text = TABLES.read_text()
    assert f"Pythia {VERSION}" in text and f"{ENERGY:.0f} GeV" in text
    assert f"2212 2212 1 {ENERGY:.5e} {ENERGY:.5e}" in text
    assert all(name in text for name in SYSTEMS[:3])


def test_cards_start_as_pythia_does(tmp_path):
    """Tables follow from settings, which a card may change in any way."""
    card = tmp_path / "own.cmnd"
    card.write_text("HardQCD:hardccbar = on\nPhaseSpace:pTHatMin = 20.\n")
    source = PythiaSource(f"pythia:{card}", str(card), 1, 1, None, {})
    assert len(next(source.batches())) == 1
    assert source._main.mode("MultipartonInteractions:reuseInit") == 0
    assert TABLES in source.inputs()
