"""RapidSim's files: what they ask for, what has no counterpart, and what is refused."""

import runpy

import numpy as np
import pytest
from places import TOP

from lamarr_like.decays.names import properties
from lamarr_like.decays.plan import RapidSimDecay, is_file, plan_of
from lamarr_like.decays.rapidsim import RapidSim
from lamarr_like.decays.rapidsim_files import identifier, lines_of, members
from lamarr_like.errors import DecayError, SourceError
from lamarr_like.io.sources import open_source

DECAY = "Bs0 -> { D0b -> K+ pi- } K- pi+\n"
CONFIG = """
seed : 12   # a comment
geometry : LHCb
energy : 13
maxAttempts : 5000
pid : LHCbGenericPID
paramsDecaying : M, P, PT
paramsStable : P, PT, ET
paramsTwoBody : M2
param : M2_12 M2 1 2 TRUE
param : M2_23 M2 2 3
param : COS costheta 1 3 1 2 TRUE
cut : M2_12 min 5
@0
\tname : Bs
@1
\tname : D0b
@2
\tname : K
\tsmear : LHCbGeneric
\tsmear : LHCbGenericIP
\taltMass : pi-
@3
\tname : pi
\tinvisible : true
\taltMass : K+ mu+
"""


@pytest.fixture
def pair(tmp_path):
    def write(config=CONFIG, decay=DECAY):
        (tmp_path / "a.decay").write_text(decay)
        if config is not None:
            (tmp_path / "a.config").write_text(config)
        return tmp_path / "a.config"

    return write


def test_what_a_config_asks_for(pair):
    found = RapidSim.read(pair())
    assert found.order == ["Bs", "D0b", "K", "pi", "Kplus", "piminus"]
    assert [n.pdg_id for n in found.decay.nodes] == [531, -421, 321, -211, -321, 211]
    assert found.seed == 12
    assert found.options == {"eta": "1:6", "pt": "0:100", "ecm": "13"}
    for branch in (
        "M2_12=M2(D0b,K)",
        "M2_23=M2(K,pi)",
        "D0b_pi_M2=M2(D0b,pi)",
        "M_K2pim=M(Kplus,piminus,K:pi-,pi)",
        "M_pi2mup=M(Kplus,piminus,K,pi:mu+)",
        "M_K2pim_pi2Kp=M(Kplus,piminus,K:pi-,pi:K+)",
    ):
        assert branch in found.branches
    assert len(found.branches) == 3 + 2 + 3 + 2


def test_what_has_no_counterpart_is_told_once(pair):
    notes = "\n".join(RapidSim.read(pair()).notes)
    for said in (
        "maxAttempts 5000: passed over",
        "pid LHCbGenericPID: passed over, ProbNN come from our chain",
        "smear: passed over",
        "paramsStable ET: no branch",
        "param COS of type costheta: no branch",
        "cut M2_12 min 5: not applied",
        "invisible pi: passed over",
        "TRUE: branches are those of what is reconstructed",
    ):
        assert notes.count(said) == 1, said


def test_ranges(pair):
    text = "geometry : 4pi\nacceptance : AllIn\nparent : b\nenergy : 8\n"
    found = RapidSim.read(pair(text))
    assert found.options == {"eta": "0:6", "pt": "0:100", "ecm": "8"}
    notes = "\n".join(found.notes)
    for said in ("eta 0 to 6 only, not -8 to 8", "pT up to 100", "acceptance AllIn", "parent b"):
        assert said in notes
    found = RapidSim.read(pair("ptRange : 2 30\netaRange : 2.5 4\n"))
    assert found.options == {"eta": "2.5:4", "pt": "2:30", "ecm": "13"}


def test_a_decay_without_config(pair):
    path = pair(None)
    found = RapidSim.read(path.with_suffix(".decay"))
    assert found.options["eta"] == "1:6" and not found.branches
    assert is_file(str(path)) and is_file("x.decay")


def test_the_source_generates_it(pair):
    path = pair(CONFIG.replace("etaRange", "") + "@4\nname : DK\n")
    source = open_source(f"decay:{path}?eta=2.5-4", n_events=300, seed=1)
    assert source.inputs() == (path.with_suffix(".decay"), path)
    assert any("smear" in note for note in source.remarks())
    (batch,) = source
    ids = batch.particle["mc_pdg_id"]
    assert (ids == 531).any() and not (ids == -531).any()  # just the decay that is written
    first = batch.particle.offsets[:-1]
    p = np.stack([batch.particle[f"mc_p{a}"][first] for a in "xyz"])
    eta = np.arctanh(p[2] / np.sqrt((p**2).sum(0)))
    assert eta.min() > 2.4 and eta.max() < 4.1


def test_models_of_evtgen(pair):
    config = "useEvtGen : TRUE\n@0\nevtGenModel : SVS\n@1\nevtGenModel : VLL\n"
    notes = []
    plan = plan_of("x", str(pair(config, "B+ -> { Jpsi -> mu+ mu- } K+")), {}, notes.append)
    assert isinstance(plan, RapidSimDecay)
    assert plan.tree.law is not None and plan.tree.daughters[0].law is not None
    assert not notes
    config = "useEvtGen : TRUE\n@0\nevtGenModel : VSS\n@1\nevtGenModel : WEIRD 1 2\n"
    plan_of("x", str(pair(config, "B+ -> { Jpsi -> mu+ mu- } K+")), {}, notes.append)
    assert "phase space instead of VSS" in notes[1] + notes[0]
    assert "model WEIRD is not known" in notes[1] + notes[0]
    plan_of("x", str(pair("@0\nevtGenModel : SVS\n", DECAY)), {}, notes.append)
    assert "evtGenModel without useEvtGen" in notes[2]


def test_shapes(pair, tmp_path):
    np.savez(tmp_path / "dp.npz", values=np.ones((2, 2)), x=[4.0, 15, 28], y=[0.0, 5, 13])
    lines = "param : X M2 1 2 TRUE\nparam : Y M2 2 3 TRUE\nshape : ../else/dp.npz DP X Y\n"
    plan = plan_of("x", str(pair(lines)), {}, lambda _: None)
    assert plan.inputs[-1] == tmp_path / "dp.npz" and plan.tree.law is not None
    with pytest.raises(SourceError, match="no param 'Z'"):
        RapidSim.read(pair("shape : dp.npz DP Z\n"))
    with pytest.raises(SourceError, match="not FILE HISTOGRAM"):
        RapidSim.read(pair("shape : dp.npz\n"))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("Jpsi", 443), ("Bs0b", -531), ("D0b", -421), ("K*0b", -313), ("KS", 310), ("p-", -2212)),
        *(("Lambdac-", -4122), ("Xib+", -5132), ("Sigmac--", -4222), ("anti-numu", -14)),
        *(("D2*(2460)0b", -425), ("Ds1(2536)-", -10433), ("e+", -11), ("mu-", 13), ("rho0", 113)),
        *(("Upsilon1S", 553), ("phi", 333), ("eta'", 331), ("omega", 223), ("n0b", -2112)),
        *(("K*(1410)0", 100313), ("Omegab+", -5332), ("B0b", -511), ("K0b", -311), ("pi0", 111)),
    ],
)
def test_names(name, number):
    assert identifier(name) == number
    assert properties(number).name


@pytest.mark.parametrize(
    ("config", "decay", "said"),
    [
        ("colour : red\n", DECAY, "line 1: no setting 'colour'; there are"),
        ("geometry\n", DECAY, "line 1: no setting"),
        ("@x\n", DECAY, "line 1: expected @ and a number"),
        ("@9\nname : X\n", DECAY, "@9, but the decay has 6"),
        ("param : X M2 1 9\n", DECAY, "line 1: param"),
        ("etaRange : 1\n", DECAY, "numbers are expected"),
        ("seed : abc\n", DECAY, "numbers are expected"),
        ("", "Bs0 -> { D0b -> K+ pi-\n", "a brace is not closed"),
        ("", "Bs0 D0b\n", "expected PARTICLE ->"),
        ("", "Bs0 -> K+ K- } pi0\n", "has ended before"),
    ],
)
def test_bad_files(pair, config, decay, said):
    with pytest.raises(SourceError, match=said):
        RapidSim.read(pair(config, decay))


def test_unknown_particles(pair):
    with pytest.raises(DecayError, match="unknown particle 'Frog'"):
        RapidSim.read(pair("", "Bs0 -> Frog K-\n"))
    with pytest.raises(SourceError, match="cannot be read"):
        RapidSim.read(pair().with_name("absent.config"))
    assert members("D0 -> K- pi+", pair()).name == "D0"
    assert lines_of("seed : 1\n", pair())[0] == [(1, "seed", "1")]


def test_its_smearing_and_acceptance():
    """As written out for the tutorial: dp/p goes on as a line, slopes are moved."""
    tutorial = runpy.run_path(str(TOP / "tutorials" / "rapidsim_check.py"))
    for text in tutorial["DECAYS"].values():
        assert "->" in text and text.count("{") == text.count("}")
    rapid = tutorial["Rapid"](np.array([1e4, 1e5]), np.array([0.005, 0.008]))
    rng = np.random.default_rng(1)
    for size, relative in ((1e4, 0.005), (5.5e4, 0.0065), (1.9e5, 0.011)):
        p = np.tile([0.1, -0.05, 1.0], (20_000, 1))
        p *= size / np.linalg.norm(p[0])
        found = rapid.smeared(p, rng)
        pull = (np.linalg.norm(found, axis=1) / size - 1.0) / relative
        assert np.std(pull) == pytest.approx(1.0, abs=0.02) and abs(pull.mean()) < 0.03
        shift = np.hypot(6.2e-5, 2.1 / size)
        assert found[:, 0] / found[:, 2] == pytest.approx(0.1 + shift)
        assert found[:, 1] / found[:, 2] == pytest.approx(-0.05 + shift)
    p = 1e4 * np.array([[0.1, 0.1, 1], [0.31, 0, 1], [0, 0.26, 1], [0.005, 0, 1], [0.1, 0, -1]])
    assert tutorial["inside"](p).tolist() == [True, False, False, False, False]
