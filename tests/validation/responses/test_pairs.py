"""Translated arrays beside the wanted ones, and the verbs of translations."""

import numpy as np
import pytest
from smeared import sharp_sample, spread_sample

from lamarr_like import cli
from lamarr_like.errors import SchemaError
from lamarr_like.responses.samples import checked_sample, read_sample, write_sample
from lamarr_like.responses.translate import command
from lamarr_like.validation.responses.pairs import compare_pairs, nearness_table


def run(*words, status=0):
    with pytest.raises(SystemExit) as ended:
        cli.app([str(w) for w in ("translate", *words)])
    assert ended.value.code == status


def part_way(share, n=150):
    one, two = sharp_sample(n), spread_sample(n)
    arrays = (1 - share) * one.arrays + share * two.arrays
    return checked_sample(two.response, two.conditions, arrays, "part way", {})


def test_distances_are_those_of_the_cells():
    one, two = sharp_sample(150), spread_sample(150)
    found = compare_pairs(two, [("as it is", one), ("half", part_way(0.5)), ("exact", two)])
    away = one.arrays.astype(float) - two.arrays
    assert found[0].l1 == pytest.approx(np.abs(away).mean())
    assert found[0].l2 == pytest.approx(np.sqrt((away**2).mean()))
    assert found[0].gain == 1.0 and found[0].gain_error == 0.0
    assert found[1].gain == pytest.approx(2.0, abs=0.05) and found[1].gain_error < 0.05
    assert found[2].l1 == 0 and found[2].gain == np.inf and found[2].sums == 0
    assert found[2].trees.value <= 0.5 + 3 * found[2].trees.error < found[0].trees.value
    assert found[0].widths[0] > 0.05 > found[2].widths[0]
    told = nearness_table(two, found).markdown
    assert "KS of widths, x" in told[0] and len(told) == 5 and "| - |" in told[-1]


def test_samples_of_other_events_are_refused():
    with pytest.raises(SchemaError, match="event differs"):
        compare_pairs(spread_sample(150), [("other", sharp_sample(150, 10))])
    empty = checked_sample(
        spread_sample(60).response, spread_sample(60).conditions, np.zeros((60, 8, 8)), "empty"
    )
    with pytest.raises(SchemaError, match="empty: all of its arrays are empty"):
        compare_pairs(empty, [("other", sharp_sample(60))])


def test_the_verbs_from_the_first_to_the_last(tmp_path, capsys):
    pytest.importorskip("tensorflow")
    assert command.train.__doc__ and command.apply.__doc__
    for name, sample in (
        ("a", sharp_sample(300)),
        ("b", spread_sample(300, 1000)),
        ("test_a", sharp_sample(100, 5000)),
        ("test_b", spread_sample(100, 5000)),
    ):
        write_sample(sample, tmp_path / f"{name}.npz")
    small = [w for one in ("width=4", "critic_width=4", "blocks=1") for w in ("--set", one)]
    models = tmp_path / "models"
    files = (tmp_path / "a.npz", tmp_path / "b.npz")
    run("train", *files, "--family", "cyclegan", "--steps", 8, *small, "-o", models)
    name = models / "sharp_to_spread-cyclegan-1"
    assert f"wrote {name}" in capsys.readouterr().out
    there, back = tmp_path / "there.npz", tmp_path / "back.npz"
    run("apply", name, tmp_path / "test_a.npz", "-o", there)
    run("apply", name, tmp_path / "test_b.npz", "-o", back, "--backward")
    assert read_sample(there).response.name == "spread"
    assert read_sample(back).response.name == "sharp"
    assert read_sample(there).record["made_by"] == "translation by sharp_to_spread-cyclegan-1"
    capsys.readouterr()
    again = ("--again", tmp_path / "test_b.npz")
    run("compare", tmp_path / "test_a.npz", there, tmp_path / "test_b.npz", *again)
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("| arrays | l1 a cell [keV]")
    assert [line.split(" | ")[0] for line in told[2:]] == [
        *("| untranslated", "| translated", "| wanted once more")
    ]
