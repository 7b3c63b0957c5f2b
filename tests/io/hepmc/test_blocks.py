"""What comes of a GenEvent does not depend on which others are parsed with it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lamarr_like.errors import BadEventError, SourceError
from lamarr_like.io.hepmc import source as hepmc
from lamarr_like.io.hepmc.ascii import _Numbers
from lamarr_like.io.hepmc.text import MalformedTextError
from lamarr_like.io.sources import open_source

HEADS = {
    2: "HepMC::Version 2.06.09\nHepMC::IO_GenEvent-START_EVENT_LISTING\n",
    3: "HepMC::Version 3.02.05\nHepMC::Asciiv3-START_EVENT_LISTING\n",
}
ENDS = {
    2: "HepMC::IO_GenEvent-END_EVENT_LISTING\n",
    3: "HepMC::Asciiv3-END_EVENT_LISTING\n",
}
NUMBERS = (-(2**63), -(2**40), -7, -3, -2, -1, 0, 1, 2, 3, 4, 7, 2**31, 2**40 - 1, 2**40, 2**63 - 1)
"""Numbers of vertices and particles, most of which nobody should use."""


def momentum(rng):
    return f"{rng.uniform(-1, 1):.3f} {rng.uniform(-1, 1):.3f} {rng.uniform(5, 50):.3f} 60"


def event2(rng, number):
    """Three generations: b hadron, D, pion; some numbers may be wrong."""
    broken = rng.random() < 0.4
    ids = [-1, -2, -3]
    ends = [-2, -3, 0]
    for numbers in (ids, ends):
        if broken and rng.random() < 0.6:
            numbers[rng.randrange(3)] = rng.choice(NUMBERS)
    lines = [f"E {number} 0 -1 -1 -1 0 0 3 1 2 0 1 {rng.randrange(1, 9)}", "U GEV MM"]
    for k, code in enumerate((521, -421, 211)):
        lines.append(f"V {ids[k]} 0 0 {k} {10 + k} {k} 0 2 0")
        status = 1 if code == 211 else 2
        lines.append(f"P {k + 1} {code} {momentum(rng)} 0 {status} 0 0 {ends[k]} 0")
        lines.append(f"P {k + 9} 211 {momentum(rng)} 0 1 0 0 0 0")
    if broken and rng.random() < 0.3:
        del lines[rng.randrange(len(lines))]
    return "\n".join(lines) + "\n"


def event3(rng, number):
    """The same with the references of HepMC3: to mothers, to vertices, forwards and backwards."""
    broken = rng.random() < 0.4
    numbers = rng.sample(range(1, 50), 6) if rng.random() < 0.5 else list(range(1, 7))
    a, b, c, d, e, f = numbers
    origin = {a: 0, b: -1, c: b, d: -2, e: d, f: a}
    codes = {a: 2212, b: 521, c: -421, d: 310, e: 211, f: 211}
    if broken and rng.random() < 0.7:
        origin[rng.choice(numbers)] = rng.choice(NUMBERS)
    lines = [f"P {k} {origin[k]} {codes[k]} {momentum(rng)} 0 {2 if k != f else 1}" for k in origin]
    lines[4] = f"P {e} {origin[e]} 211 {momentum(rng)} 0 1"
    vertices = [f"V -1 0 [{a}] @ 0 0 10 0", f"V -2 0 [{c}] @ 0 1 20 1"]
    if broken and rng.random() < 0.5:
        vertices.append(f"V {rng.choice(NUMBERS)} 0 [{rng.choice([a, b, 99, 2**40])}]")
    lines += vertices
    if rng.random() < 0.5:
        rng.shuffle(lines)
    if broken and rng.random() < 0.3:
        lines.append(rng.choice(lines))
    n = len([line for line in lines if line[0] == "P"])
    head = [f"E {number} {len(vertices)} {n}", "U GEV MM", f"W {rng.randrange(1, 9)}"]
    return "\n".join(head + lines) + "\n"


def write(path, version, texts):
    path.write_text(HEADS[version] + "".join(texts) + ENDS[version])
    return path


def outcome(batch, k):
    """All of an event but its number in the run."""
    return {
        (name, column): values.tolist()
        for name, table in batch.events(k, k + 1).tables.items()
        for column, values in table.columns.items()
        if column != "event_id"
    }


def read(path):
    """Outcome by event, and reasons of the broken ones without the name of the file."""
    source = open_source(f"{path}?collisions=event", n_events=None, seed=3, skip_bad=True)
    found = {}
    try:
        for batch in source:
            found |= {int(i): outcome(batch, k) for k, i in enumerate(batch.event["event_id"])}
    except SourceError as error:
        assert "no usable event" in str(error)
    return found | {k: reason.split(": ", 1)[1] for k, reason in source.skipped}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_events_alone_and_together(tmp_path, monkeypatch, version, seed):
    rng = random.Random(seed)
    make = event2 if version == 2 else event3
    texts = [make(rng, k) for k in range(24)]
    alone = [read(write(tmp_path / f"{k}", version, [text]))[0] for k, text in enumerate(texts)]
    sound = [isinstance(found, dict) for found in alone]
    assert 6 < sum(sound) < 24
    path = write(tmp_path / "all", version, texts)
    for block in (2, 5, 32):
        monkeypatch.setattr(hepmc, "BLOCK", block)
        assert read(path) == dict(enumerate(alone))


CASES = {
    "vertex of the next event": (
        "P 1 521 1 1 60 61 0 2 0 0 -1 0",
        f"P 1 521 1 1 60 61 0 2 0 0 {(1 << 40) - 1} 0",
        f"vertex {(1 << 40) - 1} is mentioned but is not there",
    ),
    "number of the next event": ("V -1 0", f"V {(1 << 40) - 1} 0", "has the number 10995"),
    "number of the event before": ("V -1 0", f"V {-1 - (1 << 40)} 0", "is not there"),
}


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize("place", [0, 1])
def test_numbers_that_reach_into_another_event(tmp_path, what, place):
    old, new, message = CASES[what]
    sound = "\n".join(
        [
            "E {0} 0 -1 -1 -1 0 0 2 1 2 0 1 1.0",
            "U GEV MM",
            "V -2 0 0 0 10 0 0 1 0",
            "P 1 521 1 1 60 61 0 2 0 0 -1 0",
            "V -1 0 0 0 12 0 0 1 0",
            "P 2 211 0.3 0.3 5 5.1 0 1 0 0 0 0",
            "",
        ]
    )
    texts = [sound.format(k) for k in range(2)]
    texts[place] = texts[place].replace(old, new)
    path = write(tmp_path / "a", 2, texts)
    with pytest.raises(BadEventError, match=message):
        list(open_source(str(path), n_events=None, seed=1))
    source = open_source(str(path), n_events=None, seed=1, skip_bad=True)
    (batch,) = list(source)
    assert batch.event["event_id"].tolist() == [1 - place]
    assert [k for k, _ in source.skipped] == [place]
    assert batch.particle["mc_pdg_id"].tolist() == [521, 211]
    assert batch.particle["mc_mother_id"].tolist() == [-1, 0]
    assert np.array_equal(batch.particle["mc_vz"], [10.0, 12.0])


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_that_are_counted_are_found_as_any_others(sign):
    event = np.repeat([0, 1, 3], [3, 1, 4])
    number = sign * np.array([1, 2, 3, 1, 1, 2, 3, 4])
    order = np.array([2, 0, 1, 3, 7, 4, 6, 5])  # within events
    counted, others = _Numbers(event, number, "vertex"), _Numbers(event, number[order], "vertex")
    assert counted.first is not None and others.first is None
    np.testing.assert_array_equal(counted.rows(event, number), np.arange(8))
    np.testing.assert_array_equal(order[others.rows(event, number)], np.arange(8))
    for where, absent in ((0, 4 * sign), (1, 2 * sign), (2, sign), (9, sign), (0, 0), (3, -sign)):
        for numbers in (counted, others):
            with pytest.raises(MalformedTextError, match=f"vertex {absent} is mentioned"):
                numbers.rows(np.array([where]), np.array([absent]))
    none = np.zeros(0, np.int64)
    assert len(_Numbers(none, none, "particle").rows(none, none)) == 0
