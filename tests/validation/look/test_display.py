"""Pictures of events: what is drawn where, pages that open offline, what is refused."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events
from report_samples import detector, truth_batch
from typer.testing import CliRunner

from lamarr_like import cli
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import SchemaError, SourceError
from lamarr_like.events import Table
from lamarr_like.io.kept import Kept
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.stages import Propagation
from lamarr_like.stages.geometry import ECAL_Z, KICK, MAGNET_Z
from lamarr_like.validation.look import display

NAMES = {"svg": "http://www.w3.org/2000/svg"}


@pytest.fixture(scope="module")
def ntuple(tmp_path_factory):
    path = tmp_path_factory.mktemp("display") / "one.root"
    with EventWriter(path, metadata={}) as out:
        out.write(detector(truth_batch(30), 3))
    return path


def drawn(event):
    root = ET.fromstring(display.event_svg(event))
    found = {}
    for one in root.iter():
        for name in one.get("class", "").split():
            found.setdefault(name, []).append(one)
    return found


def test_every_track_is_drawn_in_both_views(ntuple):
    event = display.read_event(ntuple, 7)
    found = drawn(event)
    types = event.track["track_type"]
    for name, code in (("long", 3), ("upstream", 4), ("downstream", 5)):
        assert len(found.get(name, [])) == 2 * (types == code).sum()
    assert len(found["long"]) > 0
    assert "GeV" in found["long"][0].find("svg:title", NAMES).text
    assert {e.tag.rpartition("}")[2] for e in found["truth"]} == {"path"}


def test_lines_start_at_their_state_and_bend_in_the_dipole():
    points = display._bent(0.0, 1.0, 0.01, -0.1, ECAL_Z)
    assert points[0].tolist() == [0.0, 1.0]
    assert points[1].tolist() == pytest.approx([MAGNET_Z, 1.0 + 0.01 * MAGNET_Z])
    slope = (points[2, 1] - points[1, 1]) / (points[2, 0] - points[1, 0])
    assert slope == pytest.approx(0.01 - 0.1)
    assert len(display._bent(0.0, 1.0, 0.01, -0.1, MAGNET_Z)) == 2
    assert len(display._bent(7000.0, 1.0, 0.01, -0.1, ECAL_Z)) == 2
    # 1.2 GeV of transverse momentum over 10 GeV bend by 0.12.
    assert pytest.approx(0.12, rel=0.01) == KICK / 1e4


def test_tracks_bend_as_particles_are_propagated():
    """One kick in the middle of the dipole comes out where the propagation ends."""
    batch = Propagation()(truth_events(20), seed=1)
    particle = batch.particle
    p = np.sqrt(sum(particle[f"mc_p{c}"].astype(np.float64) ** 2 for c in "xyz"))
    fast = np.flatnonzero((particle["mc_charge"] != 0) & (p > 2e4) & (particle["mc_pz"] > 0))
    assert len(fast) > 10
    for i in fast:
        slope = particle["mc_px"][i] / particle["mc_pz"][i]
        kick = display.BEND * particle["mc_charge"][i] * KICK / p[i]
        points = display._bent(particle["mc_vz"][i], particle["mc_vx"][i], slope, kick, ECAL_Z)
        apart = abs(points[-1, 1] - particle["mc_ecal_x"][i])
        assert apart < 0.1 * abs(kick) * (ECAL_Z - MAGNET_Z) + 5.0


def test_rings_and_clusters():
    batch = Pipeline(fake_stages())(truth_events(3), seed=3)
    cluster = {"x": [0.0, 500.0], "y": [0.0, 900.0], "energy": [900.0, 1e4], "is_matched": [0, 1]}
    columns = {k: np.array(v) for k, v in cluster.items()}
    batch = batch.with_table("cluster", Table(columns, np.array([0, 0, 2, 2])))
    event = batch.events(1, 2)
    found = drawn(event)
    assert len(found["matched"]) == len(found["photon"]) == 1
    assert float(found["matched"][0].get("r")) > float(found["photon"][0].get("r"))
    long = event.track["track_type"] == 3
    assert 0 < len(found["ring"]) <= long.sum()
    # No ring is wider than that of light speed: 31.6 mrad in CF4.
    most = np.arccos(1 / 1.0005) / 0.3 * display._views()[3].height
    assert max(float(e.get("r")) for e in found["ring"]) <= most + 0.1


def test_pages_hold_everything_themselves(ntuple, tmp_path):
    page = tmp_path / "event.html"
    words = ["display", str(ntuple), "--event", "4", "-o", str(page)]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0 and f"wrote {page}" in done.output
    text = page.read_text()
    assert "one.root, event 1004" in text and "{{" not in text
    assert not re.search(r'(?:src|href)="http', text)
    for name in re.findall(r'data-of="(\w+)"', text):
        assert name in display._STYLE
    assert CliRunner().invoke(cli.app, words).exit_code != 0
    picture = tmp_path / "event.svg"
    done = CliRunner().invoke(cli.app, ["display", str(ntuple), "-o", str(picture)])
    assert done.exit_code == 0
    assert ET.parse(picture).getroot().tag.endswith("svg")


def test_what_cannot_be_shown(ntuple, tmp_path):
    with pytest.raises(SourceError, match="has 30 events, and none at position 30"):
        display.read_event(ntuple, 30)
    thin = tmp_path / "thin.root"
    with EventWriter(thin, metadata={}, kept=Kept("thin")) as out:
        out.write(detector(truth_batch(3), 3))
    with pytest.raises(SchemaError, match="Track_x"):
        display.read_event(thin, 0)
    done = CliRunner().invoke(cli.app, ["display", str(ntuple), "-o", str(tmp_path / "x.png")])
    assert done.exit_code == 2 and ".html" in done.output
    done = CliRunner().invoke(cli.app, ["display", str(ntuple), "-o", str(ntuple)])
    assert done.exit_code == 2
