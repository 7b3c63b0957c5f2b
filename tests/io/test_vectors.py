"""Four-momenta of tracks and clusters by hand."""

import awkward as ak
import numpy as np
import pytest

from lamarr_like.errors import SchemaError
from lamarr_like.io.vectors import photon_momenta, track_momenta


def test_masses_of_pairs():
    px = ak.Array([[400.0, -400.0, 1.0], [], [7.0]])
    tracks = ak.zip({"px": px, "py": px * 0.5, "pz": px * 0.0 + 2000.0})
    kaon, pion = track_momenta(tracks, -321), track_momenta(tracks, 211)
    assert kaon.mass[0].to_list() == pytest.approx([493.677] * 3, abs=1e-3)
    assert ak.num(kaon).to_list() == [3, 0, 1]
    p2 = 400.0**2 * 1.25 + 2000.0**2
    energy = np.sqrt(p2 + 493.677**2) + np.sqrt(p2 + 139.57039**2)
    pair = kaon[:1, 0] + pion[:1, 1]
    assert pair.mass[0] == pytest.approx(np.sqrt(energy**2 - 4000.0**2), rel=1e-6)
    with pytest.raises(SchemaError, match="no particle has the number 1234567"):
        track_momenta(tracks, 1234567)


def test_photons_fly_from_where_they_are_made():
    clusters = ak.Array([[{"x": 300.0, "y": -400.0, "z": 12_000.0, "energy": 5000.0}], []])
    (one,) = photon_momenta(clusters)[0]
    assert (one.E, one.mass) == pytest.approx((5000.0, 0.0), abs=1e-3)
    assert one.px / one.pz == pytest.approx(0.025)
    moved = photon_momenta(clusters, x=300.0, y=ak.Array([-400.0, 0.0]), z=100.0)[0, 0]
    assert (moved.px, moved.py, moved.pz) == pytest.approx((0.0, 0.0, 5000.0))
