"""Showers made elsewhere: as much energy, in the right cells, routed and counted."""

import numpy as np
import pytest

from lamarr_like.detailed.calorimeter import cells as layout
from lamarr_like.detailed.calorimeter import showers
from lamarr_like.detailed.calorimeter.alone import from_origin, neutral_pions, single_particles
from lamarr_like.detailed.calorimeter.cells import cell_at
from lamarr_like.detailed.calorimeter.showers import NONE, Rule, Showers, read_rules
from lamarr_like.detailed.matter import ELECTRON, PHOTON
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.errors import ArtefactError, PipelineError
from lamarr_like.io.ntuple import content_digest, read_provenance
from lamarr_like.runs import command
from lamarr_like.runs.config import RunConfig
from lamarr_like.runs.simulate import simulate_detailed

LIBRARY = "ecal_shower-library-1"


@pytest.fixture(scope="module")
def generated():
    return Showers((Rule(LIBRARY),))


@pytest.fixture(scope="module")
def photons():
    """Momenta [MeV] of photons from 2 to 80 GeV that hit the face."""
    rng = np.random.default_rng(3)
    slope = rng.uniform(0.06, 0.22, (300, 2)) * rng.choice([-1, 1], (300, 2))
    p = np.exp(rng.uniform(np.log(2e3), np.log(8e4), 300))
    direction = np.column_stack([slope, np.ones(300)])
    return direction / np.linalg.norm(direction, axis=1)[:, None] * p[:, None]


def made(showers, momenta, seed=1):
    n = len(momenta)
    arrived = from_origin(momenta, np.arange(n), DEFAULT)
    return arrived, showers(arrived, np.arange(100, 100 + n), seed, DEFAULT)


def test_without_rules_nothing_is_made(photons):
    _, given = made(NONE, photons)
    assert len(given.cell) == 0 and not given.first.any() and not NONE.counts


def test_shares_are_energies_near_the_line_of_the_photon(photons):
    own = Showers((Rule(LIBRARY),))
    arrived, given = made(own, photons)
    row = np.repeat(np.arange(300), np.diff(given.first))
    sums = np.bincount(row, weights=given.share, minlength=300)
    inside = np.diff(given.first) > 0
    assert own.counts[LIBRARY] == 300 and inside.mean() > 0.95
    assert abs(sums[inside].mean() - 1) < 0.02 and sums[inside].std() < 0.09
    cells = layout.ecal(DEFAULT)
    deep = DEFAULT.calo_plane_z - DEFAULT.spd_z
    for place, slope, at in ((arrived.x, arrived.tx, cells.x), (arrived.y, arrived.ty, cells.y)):
        mean = np.bincount(row, weights=given.share * at[given.cell], minlength=300)
        off = (mean / np.maximum(sums, 1e-9) - place - slope * deep)[inside]
        assert abs(np.median(off)) < 6 and np.quantile(np.abs(off), 0.9) < 40


def test_a_shower_depends_on_its_own_event_only(generated, photons):
    _, whole = made(generated, photons)
    arrived = from_origin(photons[50:80], np.arange(30), DEFAULT)
    part = generated(arrived, np.arange(150, 180), 1, DEFAULT)
    mine = slice(whole.first[50], whole.first[80])
    assert np.array_equal(part.cell, whole.cell[mine])
    assert np.array_equal(part.share, whole.share[mine])
    assert not np.array_equal(made(generated, photons, 2)[1].share[:50], whole.share[:50])
    few = whole.of(slice(50, 80))
    assert np.array_equal(few.first, part.first) and np.array_equal(few.cell, part.cell)


def test_particles_are_routed_by_species_energy_and_place(photons):
    momenta = photons.copy()
    momenta[:10] *= (2e5 / np.linalg.norm(momenta[:10], axis=1))[:, None]
    low, high = 5e3, 2e4
    rules = (
        Rule("parametrisation", species=(ELECTRON,)),
        Rule(LIBRARY, low=low, high=high),
        Rule("parametrisation", regions=(0,)),
        Rule(LIBRARY),
    )
    own = Showers(rules)
    arrived, given = made(own, momenta)
    there = np.diff(given.first) > 0
    outer = showers._region(arrived.x, arrived.y, layout.ecal(DEFAULT)) == 0
    between = (arrived.p >= low) & (arrived.p < high)
    assert there[between].mean() > 0.95
    assert not there[outer & ~between].any()
    assert not there[:10].any()
    beyond = own.counts[f"parametrisation, beyond the range of {LIBRARY}"]
    assert 0 < beyond <= 10
    electrons = arrived._replace(species=np.full(300, ELECTRON))
    assert not own(electrons, np.arange(300), 1, DEFAULT).first.any()
    assert (arrived.species == PHOTON).all()


def test_clusters_hold_what_was_made(generated):
    energy = (5e3, 5e4)
    ours = single_particles(400, energy, seed=2)
    theirs = single_particles(400, energy, seed=2, showers=generated)
    both = ours.found & theirs.found
    assert abs(theirs.found.mean() - ours.found.mean()) < 0.03
    ratio = [np.median((s.measured / s.energy)[both]) for s in (ours, theirs)]
    assert ratio[1] == pytest.approx(ratio[0], rel=0.03)
    assert not np.array_equal(ours.measured, theirs.measured)
    again = single_particles(400, energy, seed=2, showers=generated)
    assert np.array_equal(again.measured, theirs.measured)
    pions = neutral_pions(300, (800.0, 2000.0), seed=2, showers=generated)
    mass = pions.mass[pions.resolved]
    assert len(mass) > 30 and abs(np.median(mass) - 135) < 15


def test_cells_are_found_as_the_kernels_find_them():
    cells = layout.ecal(DEFAULT)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-4200, 4200, 3000), rng.uniform(-3500, 3500, 3000)
    x[:1000], y[:1000] = x[:1000] / 4, y[:1000] / 4
    expected = [cell_at(a, b, cells) for a, b in zip(x, y, strict=True)]
    assert np.array_equal(showers._cell(x, y, cells), expected)


def test_rules_come_from_a_file(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        "schema_version: 1\nrules:\n"
        "  - {by: geant4, species: [electron], energy: [1, 5], regions: [inner]}\n"
        f"  - {{by: {LIBRARY}}}\n"
    )
    first, second = read_rules(path)
    assert first == Rule("geant4", (ELECTRON,), 1e3, 5e3, (2,))
    assert second == Rule(LIBRARY)
    for text, message in (
        ("schema_version: 2\nrules: [{by: geant4}]", "this version reads 1"),
        ("schema_version: 1\nrules: []", "rules"),
        ("schema_version: 1\nrules: [{by: geant4, species: [pion]}]", r"rules\[0\].species\[0\]"),
        ("schema_version: 1\nrules: [{by: geant4, energy: [1]}]", r"rules\[0\].energy"),
        ("schema_version: 1\nrules: [{to: geant4}]", r"rules\[0\]"),
    ):
        path.write_text(text)
        with pytest.raises(PipelineError, match=message):
            read_rules(path)


def test_what_cannot_draw_is_told_before_the_first_event():
    with pytest.raises(ArtefactError, match="no model 'none-such'"):
        Showers((Rule("none-such"),)).check()
    with pytest.raises(ArtefactError, match="no generator of a response"):
        Showers((Rule("acceptance-pp13-1"),)).check()
    Showers((Rule("parametrisation"), Rule(LIBRARY))).check()


def test_a_run_tells_what_made_the_showers(tmp_path):
    runs = []
    for name, chunk in (("a", 3), ("b", 100)):
        config = RunConfig("gun:gamma?p=5-50", tmp_path / f"{name}.root", 8, chunk_size=chunk)
        summary = simulate_detailed(config, prob_nn=None, rules=(Rule(LIBRARY),))
        assert any(note.endswith(f"showers by {LIBRARY}") for note in summary.notes)
        runs.append(content_digest(config.output))
    assert runs[0] == runs[1]
    told = read_provenance(tmp_path / "a.root")
    assert told["showers"][0]["by"] == LIBRARY
    assert told["models"][f"showers {LIBRARY}"]["model"] == LIBRARY
    plain = RunConfig("gun:gamma?p=5-50", tmp_path / "c.root", 8)
    assert not simulate_detailed(plain, prob_nn=None).notes
    assert content_digest(plain.output) != runs[0]


def test_rules_of_the_command(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(f"schema_version: 1\nrules:\n  - {{by: {LIBRARY}}}\n")
    assert command._rules(None, None) == ()
    assert command._rules(LIBRARY, None) == command._rules(None, path) == (Rule(LIBRARY),)
    with pytest.raises(PipelineError, match="not both"):
        command._rules(LIBRARY, path)
