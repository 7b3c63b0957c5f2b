"""Make hepmc_tree.root, three events as HepMC3's WriterRootTree writes them, and the same as text.

    python tests/data/hepmc_tree.py

It needs ROOT (``pip install root``), pyhepmc and a C++ compiler.  The layout of the tree follows
from the names and types of members, which are those of HepMC3 3.3 (``GenEventData`` and what it
holds); the reader was tried on HepMC3's own ``inputIO4.root`` and ``inputIO7.root`` as well.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "samples"))

import pyhepmc
import ROOT
from hepmc_samples import write_sample

CLASSES = """
#include <string>
#include <vector>
namespace HepMC3 {
struct FourVector { double m_v1 = 0, m_v2 = 0, m_v3 = 0, m_v4 = 0; };
struct GenParticleData {
  int pid = 0; int status = 0; bool is_mass_set = false; double mass = 0; FourVector momentum;
};
struct GenVertexData { int status = 0; FourVector position; };
namespace Units { enum MomentumUnit { MEV, GEV }; enum LengthUnit { MM, CM }; }
struct GenEventData {
  int event_number = 0;
  Units::MomentumUnit momentum_unit = Units::GEV;
  Units::LengthUnit length_unit = Units::MM;
  std::vector<GenParticleData> particles;
  std::vector<GenVertexData> vertices;
  std::vector<double> weights;
  FourVector event_pos;
  std::vector<int> links1, links2, attribute_id;
  std::vector<std::string> attribute_name, attribute_string;
};
struct GenRunInfoData {
  std::vector<std::string> weight_names, tool_name, tool_version, tool_description;
  std::vector<std::string> attribute_name, attribute_string;
};
}
#ifdef __CLING__
#pragma link C++ class HepMC3::FourVector+;
#pragma link C++ class HepMC3::GenParticleData+;
#pragma link C++ class HepMC3::GenVertexData+;
#pragma link C++ class std::vector<HepMC3::GenParticleData>+;
#pragma link C++ class std::vector<HepMC3::GenVertexData>+;
#pragma link C++ class HepMC3::GenEventData+;
#pragma link C++ class HepMC3::GenRunInfoData+;
#endif
"""


def four(place: object, v: object) -> None:
    """Fill a FourVector."""
    place.m_v1, place.m_v2, place.m_v3, place.m_v4 = v.x, v.y, v.z, v.t


def fill(data: object, event: pyhepmc.GenEvent) -> None:
    """Fill the data of an event."""
    hepmc = ROOT.HepMC3
    data.event_number = event.event_number
    data.momentum_unit = hepmc.Units.GEV
    data.length_unit = hepmc.Units.MM
    four(data.event_pos, event.event_pos())
    for member in (data.particles, data.vertices, data.weights, data.links1, data.links2):
        member.clear()
    for weight in event.weights:
        data.weights.push_back(weight)
    for p in event.particles:
        one = hepmc.GenParticleData()
        one.pid, one.status, one.is_mass_set, one.mass = p.pid, p.status, True, p.generated_mass
        four(one.momentum, p.momentum)
        data.particles.push_back(one)
    for v in event.vertices:
        one = hepmc.GenVertexData()
        if v.has_set_position():
            four(one.position, v.position)
        data.vertices.push_back(one)
        for p in v.particles_in:
            data.links1.push_back(p.id)
            data.links2.push_back(v.id)
        for p in v.particles_out:
            data.links1.push_back(v.id)
            data.links2.push_back(p.id)


def main() -> None:
    """Write both files."""
    here = Path(__file__).parent
    text = write_sample(here / "hepmc_tree.hepmc", 3)
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / "classes.h"
        header.write_text(CLASSES)
        ROOT.gROOT.ProcessLine(f".L {header}+")
        file = ROOT.TFile.Open(str(here / "hepmc_tree.root"), "RECREATE")
        data, run = ROOT.HepMC3.GenEventData(), ROOT.HepMC3.GenRunInfoData()
        run.weight_names.push_back("nominal")
        tree = ROOT.TTree("hepmc3_tree", "hepmc3_tree")
        tree.Branch("hepmc3_event", data)
        tree.Branch("GenRunInfo", run)
        with pyhepmc.open(str(text)) as events:
            for event in events:
                fill(data, event)
                tree.Fill()
        file.WriteTObject(tree)
        file.Close()


if __name__ == "__main__":
    main()
