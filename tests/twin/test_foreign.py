"""A full simulation of one's own: from the flat file of the tutorial to an approved pipeline in use."""

from __future__ import annotations

import runpy
import shutil

import pytest
import yaml
from places import TOP
from twin_toys import LOOSE

from lamarr_like.io.ntuple_reader import read_ntuple
from lamarr_like.registry.store import read_index
from lamarr_like.runs.simulate import RunConfig, simulate
from lamarr_like.twin.config import load_twin
from lamarr_like.twin.graph import steps_of
from lamarr_like.twin.run import run, told
from lamarr_like.twin.store import Store
from lamarr_like.twin.work import Bench

TUTORIALS = TOP / "tutorials"
NAMES = {"occupancy-mine-1": "approved", "resolution-mine-1": "approved"}
