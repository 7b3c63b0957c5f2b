"""The detector that the stages assume: planes, openings, field.

The detailed simulation has a table of its own (`lamarr_like.detailed.parameters`), for the two meet
in the columns of a sample only.  What stands in both is equal, or says here why it is not: models
were trained on features made with these numbers, which can change with a new training only.
``tests/stages/test_geometry.py`` compares all of them.

Source where none is told: LHCb detector, JINST 3 (2008) S08005.  Lengths are in mm.
"""

from __future__ import annotations

import numpy as np

VELO_INNER, VELO_OUTER = 9.8, 42.0
"""Radii between which the VELO is sensitive: 8.2 to 42 published, the first hits of tracks begin
farther out."""
VELO_STATIONS = np.array([*np.arange(-175.0, 276.0, 30.0), 435.0, 585.0, 635.0, 685.0, 735.0])
"""z of the VELO stations."""
VELO_SUPPORT, VELO_X0 = 65.0, 0.0108
"""Radius that the modules reach to with their hybrids, and radiation lengths of a station."""
VELO_PITCH = (0.038, 0.100)
"""Strip pitch at the inner and outer radius."""

FOIL_RADIUS, FOIL_X0 = 6.6, 0.045
"""Radius and radiation lengths of the RF foil; 0.050 in the detailed simulation, tuned later: for
models, which learn residuals in units of an ideal fit with these numbers, that means nothing."""
MATTER_BEFORE_TT = (
    *((2165.0, 0.012), (2050.0, 0.021), (1500.0, 0.026)),
    *((1000.0, 0.017), (790.0, 0.016)),
)
"""z and radiation lengths of sheets before the TT: RICH 1 and the exit window of the VELO."""
PIPE_CONE = (1350.0, 0.0044, 0.0285, 0.008)
"""First cone of the beam pipe: z, radiation lengths of its wall, its angle, the least one to it."""
PIPE_SLOPE = 0.0105
"""Slope below which particles stay in the pipe."""

TT_LAYER_Z = (2330.0, 2370.0, 2600.0, 2640.0)
"""Layers of the TT."""
TT_START = TT_LAYER_Z[0]
"""The first of them."""
TT_HALF, TT_HOLE = (760.0, 650.0), 38.0
"""Half width and height of its layers, and half the side of the opening about the beam."""
TT_Z = 2450.0
"""Plane at which tracks are put in the TT.  The middle of its layers in the detailed simulation is
2485: a feature of straight lines, for which the difference of 35 mm means nothing."""
T_STATION_Z = (7948.0, 8630.0, 9315.0)
"""z of the middle of the T stations."""
T_HALF, T_HOLE = (2980.0, 2417.0), 75.0
"""Half width and height of the T stations, and half the side of the opening about the beam."""
INNER_TRACKER = ((625.0, 105.0), (265.0, 210.0))
"""Half widths in x and y of the two boxes that the silicon of a T station covers."""
T3_Z = 9400.0
"""Plane of ``mc_t3_x``, in the last T station: between its middle and its last layer at 9480."""

MAGNET_Z, MAGNET_WIDTH = 5200.0, 1520.0
"""Centre of the dipole, and width of its field along z, taken as Gaussian."""
KICK = 1199.16983
"""Momentum kick [MeV] of an integrated field of 4 T m for a charge of 1."""

ECAL_Z = 12689.0
"""Plane of the ECAL that positions of clusters refer to."""
CELLS = (121.2, 60.6, 40.4)
"""Side of the cells of the ECAL's outer, middle and inner region."""
BORDERS = ((3878.4, 3151.2), (1939.2, 1212.0), (969.6, 727.2))
"""Half width and height of these regions."""
HOLE = (323.2, 242.4)
"""Half width and height of the ECAL's opening for the beam pipe."""
CELL_ET = 10240.0
"""Transverse energy [MeV] at which a cell of the ECAL saturates: 12 bits of 2.5 MeV."""
CELL_Z = 12650.0
"""Plane at which the cells are seen: the mean depth of a shower, 130 mm behind the face."""

HCAL_Z = 13530.0
"""Where showers are in the HCAL: 200 mm behind its face."""
HCAL_CELLS, HCAL_BORDER = (262.6, 131.3), (2100.8, 1838.2)
"""Side of the cells of the HCAL's outer and inner region, half width and height of the inner."""

SPD_HALF, SPD_HOLE = (3800.0, 3100.0), (320.0, 240.0)
"""Half width and height of the SPD and of its opening.  The detailed simulation has 3780 x 3080;
the occupancy was trained with these, which count at ECAL_Z what crosses the SPD before it."""

MUON_STATION_Z = {"m2": 15200.0, "m3": 16400.0, "m5": 18800.0}
"""z of muon stations."""
MUON_INNER = (300.0, 250.0)
"""Half the opening of M2 in x and y; each region is twice as large as the one inside it."""
