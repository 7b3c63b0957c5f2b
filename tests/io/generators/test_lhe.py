"""Cards that take their hard processes from a file: each event once, however a run is cut."""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from lhe_samples import edit_event, numbers_of, write_card, write_lhe
from production_samples import same

from lamarr_like.errors import BadEventError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.generators.pythia import _energy
from lamarr_like.io.generators.pythia_card import count_hard_events, read_card
from lamarr_like.io.sources import open_source

N = 70
"""Events in the file: more than one block, less than two."""


def all_of(card, n, **options):
    source = open_source(f"pythia:{card}", n_events=n, seed=7, **options)
    return source, concatenate(list(source))


def cut(card, cuts, shift=0, skip_bad=False):
    """The events of a card, made range by range by a source each, and what is skipped."""
    batches, skipped = [], []
    for first, stop in reversed(list(pairwise(cuts))):
        options = {"n_events": stop, "skip_bad": skip_bad, "start": shift}
        made = open_source(f"pythia:{card}", seed=7, **options)
        batches[:0] = list(made.events_between(first + shift, stop + shift))
        skipped[:0] = made.skipped
    return concatenate(batches), skipped


@pytest.fixture
def card(tmp_path):
    return write_card(tmp_path / "z.cmnd", write_lhe(tmp_path / "z.lhe", N))


def test_each_hard_event_is_taken_once(card):
    source, whole = all_of(card, 65)
    assert numbers_of(whole).tolist() == list(range(65))
    assert np.array_equal(whole.event["event_id"], np.arange(65))
    assert source.skipped == [] and "each is taken once" in source.notes[0]
    pieces, _ = cut(card, (0, 30, 50, 60, 65))
    assert same(pieces, whole)
    assert same(concatenate(list(source)), whole)  # read anew


def test_the_source_ends_with_its_file(card):
    source, whole = all_of(card, 500)
    assert (source.length, len(whole)) == (N, N)
    assert "fewer than the 500 asked for" in source.notes[0]
    assert same(cut(card, (0, 60, 100, 200))[0], whole)
    some = write_card(card.parent / "some.cmnd", "z.lhe", "Beams:nSkipLHEFatInit = 40")
    some.write_text(some.read_text().replace("z.lhe", str(card.parent / "z.lhe")))
    source, rest = all_of(some, N)
    assert numbers_of(rest).tolist() == list(range(40, N)) and source.length == 30


def test_numbers_of_a_production_are_not_those_of_the_file(card):
    events, _ = cut(card, (40, 60), shift=150)
    assert np.array_equal(events.event["event_id"], np.arange(190, 210))
    assert numbers_of(events).tolist() == list(range(40, 60))


def test_events_that_are_not_finished_leave_a_gap(card):
    edit_event(card.parent / "z.lhe", 7, " 501 ", " 777 ")  # colours that lead nowhere
    source, whole = all_of(card, N)
    assert numbers_of(whole).tolist() == [k for k in range(N) if k != 7]
    assert np.array_equal(whole.event["event_id"], numbers_of(whole))
    assert [event for event, _ in source.skipped] == [7]
    pieces, skipped = cut(card, (0, 7, 8, 60, N))
    assert same(pieces, whole) and skipped == source.skipped
    assert "event 7" in skipped[0][1] and "z.lhe was not finished" in skipped[0][1]


def test_a_file_without_a_card(card, tmp_path):
    """The same as a card that names the file and says no more."""
    lhe = card.parent / "z.lhe"
    plain = tmp_path / "plain.cmnd"
    plain.write_text(f"Beams:frameType = 4\nBeams:LHEF = {lhe}\n")
    source, found = all_of(lhe, 8)
    assert same(found, all_of(plain, 8)[1]) and source.length == N
    assert lhe in source.inputs() and numbers_of(found).tolist() == list(range(8))
    with pytest.raises(SourceError, match=f"partons of a hard process; .*: pythia:{lhe}"):
        open_source(str(lhe), n_events=None, seed=1)
    spaced = lhe.rename(tmp_path / "a z.lhe")
    with pytest.raises(SourceError, match="no path with a space in it"):
        open_source(f"pythia:{spaced}", n_events=1, seed=1)


def test_events_that_cannot_be_read(card):
    """Pythia takes a number that is none for the end of the file."""
    edit_event(card.parent / "z.lhe", 60, " 13 1 3 3 0 0 3", " 13 1 3 3 0 0 nan3")
    with pytest.raises(BadEventError, match=r"event 60 of .*z\.lhe cannot be read"):
        all_of(card, N)
    source, whole = all_of(card, N, skip_bad=True)
    assert numbers_of(whole).tolist() == [k for k in range(N) if k != 60]
    assert source.skipped[0][0] == 60
    assert same(cut(card, (0, 55, N), skip_bad=True)[0], whole)


def test_a_file_that_was_cut_short(card):
    path = card.parent / "z.lhe"
    path.write_text(path.read_text()[:-200])
    with pytest.raises(BadEventError, match="event 69 of"):
        all_of(card, N)


@pytest.mark.parametrize("strategy", [1, -2, 3])
def test_events_of_which_pythia_takes_some(tmp_path, strategy):
    path = write_lhe(tmp_path / "w.lhe", N, strategy)
    card = write_card(tmp_path / "w.cmnd", path)
    source, whole = all_of(card, N)
    taken = numbers_of(whole)
    assert np.array_equal(taken, whole.event["event_id"])
    assert sorted({*taken} | {event for event, _ in source.skipped}) == list(range(N))
    assert len(taken) == N if strategy == 3 else 15 < len(taken) < 65
    pieces, skipped = cut(card, (0, 20, 50, 60, N))
    assert same(pieces, whole) and skipped == source.skipped


def test_pileup_comes_at_the_energy_of_the_file(tmp_path):
    card = write_card(tmp_path / "z.cmnd", write_lhe(tmp_path / "z.lhe", 3, beam=3500.0))
    source, _ = all_of(card, 3)
    assert _energy(source._main) == pytest.approx(7000.0)


def test_mistakes(tmp_path):
    card = write_card(tmp_path / "z.cmnd", tmp_path / "none.lhe")
    with pytest.raises(SourceError, match=r"none\.lhe.*no such file is there"):
        open_source(f"pythia:{card}", n_events=3, seed=1)
    (tmp_path / "none.lhe").write_text("<LesHouchesEvents>\n</LesHouchesEvents>\n")
    with pytest.raises(SourceError, match="holds no <event>"):
        open_source(f"pythia:{card}", n_events=3, seed=1)
    card.write_text("Beams:frameType = 5\n")
    with pytest.raises(SourceError, match="frameType = 5"):
        open_source(f"pythia:{card}", n_events=3, seed=1)
    card.write_text(f"Beams:eCM = 7000.\ninclude = {card}\n")
    with pytest.raises(SourceError, match="includes itself"):
        open_source(f"pythia:{card}", n_events=3, seed=1)


def test_counting(tmp_path):
    path = write_lhe(tmp_path / "z.lhe", 4)
    text = path.read_text().replace("<event>", "<event npLO='1'>", 1).replace("<init>", "<init >")
    path.write_text(text + "# <event> in a comment is none, nor is <eventgroup>\n<eventgroup>\n")
    assert count_hard_events(path) == 4
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert count_hard_events(path) == 4
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="cannot be read"):
        count_hard_events(path)


def test_what_a_card_reads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHIA8CMND", str(tmp_path / "far"))
    (tmp_path / "far").mkdir()
    for name, text in {
        "a.cmnd": "Beams:eCM = 7000.\n  include = b.cmnd   ! more\nMain:spareWord1 = spare\n",
        "b.cmnd": f"include = far.cmnd\nPDF:pSet = LHAGrid1:{tmp_path}/grid.dat\n",
        "far/far.cmnd": "SLHA:file = s.slha\nHardQCD:all = on\n",
        "s.slha": "",
        "grid.dat": "",
        "spare": "",
        "void": "",
    }.items():
        (tmp_path / name).write_text(text)
    pythia, files, _ = read_card(tmp_path / "a.cmnd")
    names = {path.resolve().relative_to(tmp_path).as_posix() for path in files}
    assert names - {"void"} == {"a.cmnd", "b.cmnd", "far/far.cmnd", "s.slha", "grid.dat"}
    assert pythia.word("SLHA:file") == "s.slha"


def test_what_a_card_may_not_do(tmp_path, monkeypatch):
    """Save what other processes read, or let events depend on those before them."""
    monkeypatch.chdir(tmp_path)
    card = tmp_path / "a.cmnd"
    card.write_text(
        "PhaseSpace:increaseMaximum = on\nMultipartonInteractions:reuseInit = 3\n"
        "MultipartonInteractions:initFile = x.mpi\n"
    )
    pythia, _, remarks = read_card(card)
    assert len(remarks) == 2 and "x.mpi" in remarks[1]
    assert not pythia.flag("PhaseSpace:increaseMaximum")
    assert pythia.mode("MultipartonInteractions:reuseInit") == 0
    (tmp_path / "x.mpi").write_text("")
    pythia, files, remarks = read_card(card)
    assert len(remarks) == 1 and [p.name for p in files] == ["a.cmnd", "x.mpi"]
    assert pythia.mode("MultipartonInteractions:reuseInit") == 2
