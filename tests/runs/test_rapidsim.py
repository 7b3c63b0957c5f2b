"""The verb ``rapidsim``."""

import uproot
from typer.testing import CliRunner

from lamarr_like.cli import app
from lamarr_like.runs import rapidsim


def test_a_decay_of_rapidsim_runs_as_it_is(tmp_path):
    (tmp_path / "a.decay").write_text("D0 -> K- pi+\n")
    (tmp_path / "a.config").write_text(
        "seed : 5\n@0\nname : D\n@1\nname : K\nsmear : generic\naltMass : pi-\n@2\nname : pi\n"
    )
    output = tmp_path / "a.root"
    words = [
        *("rapidsim", str(tmp_path / "a.config"), "-n", "40", "-o", str(output)),
        *("--collisions", "none"),
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    with uproot.open(output) as file:
        tree = file["D_to_K_pi/DecayTree"]
        assert {"D_M", "K_PT", "pi_PIDK", "M_K2pim"} <= {*tree.keys()}
        assert file["D_to_K_pi/MCDecayTree"].num_entries > 0
    assert "smear" in done.output
    assert rapidsim.rapidsim.__doc__
