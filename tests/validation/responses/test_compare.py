"""Comparisons of responses: equal laws pass, others are found, the page holds it all."""

import json

import numpy as np
import pytest
from blobs import BLOBS, blobs, simulate
from typer.testing import CliRunner

from lamarr_like import cli
from lamarr_like.errors import SchemaError
from lamarr_like.responses.config import LibraryConfig
from lamarr_like.responses.samples import ResponseSample, write_sample
from lamarr_like.responses.training import images
from lamarr_like.responses.training.library import fit_library
from lamarr_like.statistics.judgement import Status
from lamarr_like.validation.responses import command, compute, draw, write
from lamarr_like.validation.verdict import load_thresholds

N = 400


def second(sample, seed, change=lambda arrays: arrays):
    """Another draw of the same particles, changed."""
    keys = np.arange(1, len(sample) + 1).astype(np.uint64) * np.uint64(2 * seed + 1)
    arrays = change(simulate(sample.conditions, keys)).astype(np.float32)
    return ResponseSample(BLOBS, sample.conditions, arrays, {"model": "toy"}, f"draw {seed}")


@pytest.fixture(scope="module")
def detailed():
    return blobs(N, 1)


@pytest.fixture(scope="module")
def config():
    return load_thresholds(None, compute.KINDS, "verdict-responses.yaml")


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(compute, "TREES", 30)


def compared(detailed, drawn, config, **options):
    return compute.compare(detailed, drawn, config, images=False, **options)


@pytest.fixture(scope="module")
def same(detailed, config):
    """A second draw, with all that can be told of it."""
    patch = pytest.MonkeyPatch()
    patch.setattr(compute, "TREES", 30)
    patch.setattr(compute, "BATCHES", (1, 20))
    model = fit_library(detailed, LibraryConfig(), progress=False).model()
    options = {"again": second(detailed, 32), "training": blobs(300, 77), "model": model}
    found = compared(detailed, second(detailed, 31), config, **options)
    patch.undo()
    return found


def test_two_draws_of_one_law_pass(same):
    found = same
    assert found.verdict.status is not Status.failed
    assert abs(found.drawn.trees.value - 0.5) < 4 * found.drawn.trees.error
    assert found.floor is not None and abs(found.floor.trees.value - 0.5) < 0.06
    assert np.median([abs(row.sd - 1) for row in found.drawn.rows]) < 0.05
    one, two = found.cross
    assert one.detailed > 0.65 and abs(one.detailed - one.drawn) < 0.08
    assert two.drawn > 0.65


def test_what_goes_through_without_a_shower_does_not_make_a_verdict(detailed, config):
    def leaking(n):
        def change(arrays):
            arrays = arrays.copy()
            arrays[:n, 4:8] *= 0.1
            return arrays

        return change

    few = ResponseSample(BLOBS, detailed.conditions, leaking(1)(detailed.arrays), {}, "few")
    again = second(detailed, 31, leaking(4))
    for one, two in ((few, again), (detailed, again)):
        found = compared(one, two, config)
        failed = {c.group for c in found.verdict.of(Status.failed)}
        assert not failed & {"spreads", "correlations"}, found.verdict
    # Where it is half of all it is no chance.
    half = compared(detailed, second(detailed, 31, leaking(N // 2)), config)
    assert "spreads" in {c.group for c in half.verdict.of(Status.failed)}


def wide(arrays):
    return 0.5 * (arrays + np.roll(arrays, 1, axis=1))


def shifted(arrays):
    return np.roll(arrays, 1, axis=1)


def brighter(arrays):
    return 1.05 * arrays


@pytest.mark.parametrize(
    ("change", "group"), [(wide, "classifier"), (brighter, "sums"), (wide, "distributions")]
)
def test_planted_defects_are_found(detailed, config, change, group):
    found = compared(detailed, second(detailed, 31, change), config)
    assert found.verdict.status is Status.failed
    assert group in {c.group for c in found.verdict.of(Status.failed)}


def test_what_is_known_by_heart_is_told(detailed, config, same):
    copied = second(detailed, 1)
    copied = ResponseSample(BLOBS, detailed.conditions, detailed.arrays.copy(), {}, "copies")
    found = compared(detailed, copied, config, training=detailed).memory
    assert found is not None and found.copies == 1.0 and found.drawn == 0.0
    fresh = same.memory
    assert fresh is not None and fresh.copies == 0.0
    assert fresh.drawn == pytest.approx(fresh.detailed, rel=0.1)


def test_time_is_taken(same):
    assert [t.batch for t in same.times] == [0, 1, 20] and same.times[0].ms == 1.5
    assert all(t.ms > 0 for t in same.times)


def test_samples_of_other_particles_are_refused(detailed, config):
    other = blobs(N, 2)
    with pytest.raises(SchemaError, match="is not of the particles of"):
        compared(detailed, other, config)
    with pytest.raises(SchemaError, match="50 are the least"):
        compared(detailed.take(slice(0, 9)), detailed.take(slice(0, 9)), config)


def test_network_sees_what_it_should(detailed):
    other = images.images_auc(detailed, second(detailed, 31, shifted), epochs=5)
    assert other.value > 0.65


def test_the_report_of_the_command(detailed, tmp_path, monkeypatch):
    for name, sample in (("a", detailed), ("b", second(detailed, 31)), ("c", second(detailed, 32))):
        write_sample(sample, tmp_path / f"{name}.npz")
    whole = write.drawings  # the tutorial draws all of them
    monkeypatch.setattr(write, "drawings", lambda *told: list(whole(*told))[:2])
    words = ["response", "compare", *(str(tmp_path / f"{n}.npz") for n in "ab")]
    words += ["-o", str(tmp_path / "report"), "--again", str(tmp_path / "c.npz"), "--trees-only"]
    with pytest.raises(SystemExit) as ended:
        cli.app(words)
    told = json.loads((tmp_path / "report/report.json").read_text())
    assert ended.value.code == told["verdict"]["exit_status"] in (0, 2)
    assert (
        command.compare.__doc__
        in CliRunner().invoke(cli.app, ["response", "compare", "--help"]).output
    )
    assert told["n"] == N and told["floor"]["c2st_features"]["value"] > 0.3
    page = (tmp_path / "report/index.html").read_text()
    assert "Is the drawn response the detailed one?" in page and page.count("<img") == 2
    assert all(row["name"] in page for row in told["drawn"]["features"])
    plots = sorted(p.name for p in (tmp_path / "report/plots").glob("*.png"))
    assert plots == ["examples.png", "mean-arrays.png"]


def test_sections_hold_what_was_compared(same, detailed):
    titles = [s.id for s in write.sections(same)]
    assert titles == ["verdict", "classifiers", "features", "arrays", "cost", "memory"]
    drawings = list(draw.drawings(same, detailed, second(detailed, 31), None))
    assert {d.section for d in drawings} <= set(titles)
