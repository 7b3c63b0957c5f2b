"""Declarations: round trips, features, and what is refused."""

import copy

import numpy as np
import pytest
import yaml
from blobs import BLOBS, particles

from lamarr_like.errors import SchemaError
from lamarr_like.responses.detectors.ecal_shower import ECAL_SHOWER
from lamarr_like.responses.response import Feature, read_response, response_file

MASSLESS = {"name": "f", "kind": "ionisation", "of": ["energy", "tx", "ty"]}


@pytest.mark.parametrize("response", [BLOBS, ECAL_SHOWER])
def test_a_declaration_comes_back_from_plain_values(response, tmp_path):
    plain = response.to_json()
    assert read_response(plain, "here") == response
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(plain))
    assert response_file(path) == response


def test_without_features_conditions_are_seen_as_they_are():
    plain = {k: BLOBS.to_json()[k] for k in ("schema_version", "name", "title", "unit")}
    plain |= {k: BLOBS.to_json()[k] for k in ("axes", "conditions")}
    found = read_response(plain, "here")
    assert [f.name for f in found.features] == [c.name for c in BLOBS.conditions]
    given = particles(5, 1)
    assert np.array_equal(found.seen(given, "t"), np.stack(list(given.values()), axis=1))


def test_features_are_what_their_kinds_say():
    given = {"a": np.array([3.0, 1.0]), "b": np.array([4.0, 2.0])}
    kinds = {
        "value": ([3, 1], ("a",)),
        "log": (np.log([3, 1]), ("a",)),
        "ratio": ([0.75, 0.5], ("a", "b")),
        "log_norm": (np.log([5, np.sqrt(5)]), ("a", "b")),
        "equals": ([1, 0], ("a",)),
        "above": ([1, 0], ("a",)),
    }
    for kind, (expected, of) in kinds.items():
        assert np.allclose(Feature("f", kind, of, 3.0)(given), expected)
    assert np.allclose(
        Feature("f", "fraction", ("a",))({"a": np.array([2.25, -0.25])}), [0.25, 0.75]
    )
    pions = {"pt": np.array([0.5, 0.25]), "dip": np.array([0.0, 60.0]), "crossing": np.zeros(2)}
    slow = Feature("f", "ionisation", ("pt", "dip", "crossing"), 0.13957)(pions)
    # Both have 0.5 GeV; the second crosses twice the gas.
    assert slow[1] - slow[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("axes", 0, "size"), 0, r"axes\[0\].size"),
        (("axes", 0, "size"), 100_000, "most"),
        (("axes", 1, "name"), "x", "axes: 'x' comes twice"),
        (("conditions", 0, "low"), float("nan"), "not finite"),
        (("conditions", 1, "name"), "kind", "comes twice"),
        (("features", 1, "of"), ["mass"], "'mass' is no condition"),
        (("features", 1, "of"), ["tx", "ty"], "log is of 1"),
        (("features", 1, "kind"), "exp", "unknown"),
        (("features", 1, "kind"), "ionisation", "ionisation is of 3"),
        (("features", 1), MASSLESS, "ionisation needs the mass"),
        (("mirrors", 0, "axis"), "z", "'z' is no axis"),
        (("mirrors", 0), {"axis": "", "negates": []}, "must negate something"),
        (("exchanges", 0, "pairs", 0), ["tx", "tz"], "'tz' is no feature"),
        (("axes", 1, "pitch"), 2.0, "must have the same cells"),
        (("shifts", 0, "slope"), "tz", "'tz' is no feature"),
        (("scale",), "mass", "'mass' is no feature"),
        (("schema_version",), 2, "this version reads 1"),
        (("name",), "no name", "does not look like"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(path, value, message):
    plain = copy.deepcopy(BLOBS.to_json())
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(SchemaError, match=message):
        read_response(plain, "here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": None}, "t lacks the conditions energy of blobs"),
        ({"energy": np.full(4, 99.0)}, "'energy' is 99 GeV in row 0; blobs is declared from 1 to"),
        ({"tx": np.array([0, 0, np.nan, 0])}, "'tx' is nan in row 2"),
        ({"tx": np.zeros(3)}, "3 rows"),
        ({"tx": np.zeros((4, 1))}, r"shape \(4, 1\)"),
        ({"tx": np.array(["a"] * 4)}, "must be numbers"),
    ],
)
def test_conditions_that_do_not_fit(change, message):
    given = {k: v for k, v in {**particles(4, 1), **change}.items() if v is not None}
    with pytest.raises(SchemaError, match=message):
        BLOBS.checked(given, "t")


def test_a_feature_that_is_not_finite_is_refused():
    given = {**{c.name: np.ones(2) for c in ECAL_SHOWER.conditions}, "pdg": np.full(2, 22.0)}
    given["pz"] = np.full(2, 2e3)
    assert np.isfinite(ECAL_SHOWER.seen(given, "t")).all()
    free = read_response(
        {
            "schema_version": 1,
            **{"name": "r", "title": "r", "unit": ""},
            "axes": [{"name": "x", "unit": "", "size": 2, "pitch": 1, "start": 0}],
            "conditions": [{"name": "a", "unit": "", "meaning": "a"}],
            "features": [{"name": "f", "kind": "log", "of": ["a"]}],
        },
        "here",
    )
    with pytest.raises(SchemaError, match=r"t: f \(from a\) is -inf in row 1"):
        free.seen({"a": np.array([1.0, 0.0])}, "t")
