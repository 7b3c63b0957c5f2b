"""Several devices that answer the same particle: declaration, files, parts."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from twins import LEFT, RIGHT, TWINS, twins

from lamarr_like.errors import SchemaError
from lamarr_like.responses.devices import Devices, declaration_file, read_declaration
from lamarr_like.responses.samples import (
    joint_sample,
    read_any,
    read_device,
    read_sample,
    write_sample,
)


def test_a_declaration_comes_back(tmp_path):
    assert read_declaration(TWINS.to_json(), "twins") == TWINS
    path = tmp_path / "twins.yaml"
    path.write_text(yaml.safe_dump(TWINS.to_json()))
    assert declaration_file(path) == TWINS
    path.write_text(yaml.safe_dump(LEFT.to_json()))
    assert declaration_file(path) == LEFT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"responses": [LEFT.to_json()]}, "responses"),
        ({"responses": [LEFT.to_json(), LEFT.to_json()]}, "'left' comes twice"),
        ({"name": "left"}, "'left' comes twice"),
        ({"schema_version": 9}, "schema_version"),
        ({"responses": [LEFT.to_json(), {"name": "x"}]}, r"responses\[1\]"),
    ],
)
def test_a_bad_declaration_is_refused(change, message):
    with pytest.raises(SchemaError, match=message):
        read_declaration(TWINS.to_json() | change, "twins")


def test_devices_of_other_conditions_are_refused():
    other = replace(RIGHT, conditions=RIGHT.conditions[::-1])
    with pytest.raises(SchemaError, match="right has other conditions than left"):
        Devices("two", "of two kinds", (LEFT, other))


def test_a_file_of_devices_is_one_of_each(tmp_path):
    sample, path = twins(40), tmp_path / "twins.npz"
    write_sample(sample, path)
    found = read_any(path)
    assert found.devices == TWINS and len(found) == 40
    for k, response in enumerate(TWINS.responses):
        part = read_sample(path, response)
        assert part.response == response
        assert np.array_equal(part.arrays, sample.parts[k].arrays)
        assert np.array_equal(found.parts[k].arrays, part.arrays)
    with pytest.raises(SchemaError, match=r"several devices \(left, right\); name one"):
        read_sample(path)
    right = read_device(path, "right")
    assert np.array_equal(right.arrays, sample.parts[1].arrays)
    with pytest.raises(SchemaError, match="holds no device 'none'; it holds left, right"):
        read_device(path, "none")
    third = replace(LEFT, name="third")
    with pytest.raises(SchemaError, match="lacks arrays"):
        read_sample(path, third)


def test_bad_arrays_name_their_device():
    sample = twins(10)
    arrays = [part.arrays.copy() for part in sample.parts]
    arrays[1][3, 2, 1] = -1
    with pytest.raises(SchemaError, match=r"right: arrays hold -1.0 in row 3, cell \(2, 1\)"):
        joint_sample(TWINS, sample.conditions, arrays, "twins")
