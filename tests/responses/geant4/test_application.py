"""Geant4 for one calorimeter in a process; what it makes is tested with each detector."""

import numpy as np
import pytest

from lamarr_like.errors import SchemaError
from lamarr_like.responses.geant4 import application
from lamarr_like.responses.geant4.crystals import CSI_CRYSTALS
from lamarr_like.responses.geant4.fibres import FIBRES
from lamarr_like.responses.geant4.shashlik import SHASHLIK
from lamarr_like.responses.geant4.silicon_tungsten import SILICON_TUNGSTEN

CALORIMETERS = (SHASHLIK, SILICON_TUNGSTEN, CSI_CRYSTALS, FIBRES)


def test_calorimeters_have_names_of_their_own():
    assert len({c.name for c in CALORIMETERS}) == len(CALORIMETERS)


def test_seeds_are_what_geant4_takes():
    keys = np.array([0, 1, 2**33, 2**64 - 1], np.uint64)
    assert application.event_seeds(keys).tolist() == [1, 1, 2, 2**31]


def test_a_second_calorimeter_needs_another_process(monkeypatch):
    monkeypatch.setitem(application._STATE, "calorimeter", SHASHLIK)
    one = (np.array([22]), np.array([[0, 0, 1e3]]), np.zeros((1, 2)), np.array([1]))
    with pytest.raises(SchemaError, match="set up for ecal_shower .* ilc_shower in another"):
        application.run(SILICON_TUNGSTEN, *one)
