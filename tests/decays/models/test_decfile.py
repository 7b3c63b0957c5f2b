"""Decay files of EvtGen: fractions, aliases, conjugates, models, and what is not followed."""

import numpy as np
import pytest

from lamarr_like.decays.collisions import host_of
from lamarr_like.decays.models import decfile, law, semileptonic
from lamarr_like.decays.models.decfile import DecayFile
from lamarr_like.decays.plan import FileDecays, is_file, plan_of
from lamarr_like.decays.source import DecaySource
from lamarr_like.errors import SourceError
from lamarr_like.io.sources import open_source
from lamarr_like.io.truth import TruthSource

SIGNAL = """
# made for a test
Define size 0.75
Alias MyJpsi J/psi
Alias MyKst K*0
Alias Myanti-Kst anti-K*0
ChargeConj MyKst Myanti-Kst
ModelAlias HEL SVV_HELAMP 0.2 1.0 size 0.0 0.6 -1.2;
Decay B0sig
 0.3  MyJpsi MyKst  HEL;
 0.1  MyJpsi K+ pi- PHOTOS PHSP;   # not resonant
Enddecay
CDecay anti-B0sig
Decay MyJpsi
 0.9 mu+ mu- PHOTOS VLL;
 0.1 e+ e- PHOTOS VLL;
Enddecay
Decay MyKst
 1.0 K+ pi- VSS;
Enddecay
CDecay Myanti-Kst
End
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="signal.dec"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def opened(path, n=400, seed=1, options=""):
    return open_source(f"decay:{path}{options}", n_events=n, seed=seed)


def particles(source):
    (batch,) = source
    table = batch.particle
    return [
        (table["mc_pdg_id"][a:b].tolist(), table["mc_mother_id"][a:b].tolist())
        for a, b in zip(table.offsets[:-1], table.offsets[1:], strict=True)
    ]


def trees(source, n=2000):
    """The decays of a source as nested numbers, with how many there are of each."""
    ids = np.arange(n)
    flip = (ids % 2 == 1) & source.generator.both
    found = {}
    for rows, tree, _ in source.generator.plan.groups(1, "test", ids, 0 * ids, flip):
        text = str(nested(tree))
        found[text] = found.get(text, 0) + len(rows)
    return found


def nested(node):
    return (node.pdg_id, *map(nested, node.daughters)) if node.daughters else node.pdg_id


def test_fractions_aliases_and_conjugates(written):
    found = trees(opened(written(SIGNAL)), 4000)
    expected = {}
    for sign in (1, -1):
        for muon, share in ((13, 0.9), (11, 0.1)):
            pair = (443, -muon, muon) if sign > 0 else (443, muon, -muon)
            kaon, pion = 321 * sign, -211 * sign
            expected[str((511 * sign, pair, (313 * sign, kaon, pion)))] = 0.5 * 0.75 * share
            expected[str((511 * sign, pair, kaon, pion))] = 0.5 * 0.25 * share
    assert found.keys() == expected.keys()
    for key, share in expected.items():
        assert abs(found[key] / 4000 - share) < 4 * np.sqrt(share * (1 - share) / 4000)


def test_notes_are_made_once_and_at_once(written):
    source = opened(written(SIGNAL))
    assert sum("PHOTOS" in note for note in source.remarks()) == 1
    odd = """
    Decay B0
    0.4 K+ pi- FANCY 1.0 2.0;
    0.2 K+ pi- PLAIN;
    0.3 J/psi K+ SVS;
    0.1 u anti-d PYTHIA 48;
    0.1 K+ pi- VSS;
    Enddecay
    ChangeMassMin rho0 0.3
    """
    with pytest.raises(SourceError, match="charge is not conserved"):
        opened(written(odd))
    notes = opened(written(odd.replace("J/psi K+", "J/psi Lambda_b0"))).remarks()
    text = "\n".join(notes)
    for said in (
        "model FANCY is not known: phase space",
        "model PLAIN is not known",
        "lighter than its daughters",
        "u anti-d is left out: no particle",
        "phase space instead of VSS: the spins",
        "passed over ChangeMassMin",
    ):
        assert text.count(said) == 1, said


def test_a_particle_that_is_another(written):
    text = "Decay B0\n1.0 J/psi K0 SVS;\nEnddecay\n"
    text += "Decay K0\n0.5 K_S0 PHSP;\n0.5 K_L0 PHSP;\nEnddecay\n"
    found = trees(opened(written(text), options="?head=B0"))
    assert found.keys() == {f"({sign}511, 443, {k})" for sign in ("", "-") for k in (310, 130)}


def test_what_the_file_leaves_open_is_decayed_by_pythia(written):
    source = opened(written("Decay B+\n1.0 anti-D0 pi+ PHSP;\nEnddecay\n"), 60)
    assert "no decay of D~0: decayed by Pythia" in "\n".join(source.remarks())
    events = particles(source)
    charmed = [(ids, mothers) for ids, mothers in events if {421, -421} & {*ids}]
    assert len(charmed) > 30
    for ids, mothers in charmed:
        (k,) = [k for k, i in enumerate(ids) if abs(i) == 421]
        assert k in mothers


def test_an_antiparticle_with_its_own_decays_keeps_them(written):
    text = "Decay B0\n1.0 K+ pi- PHSP;\nEnddecay\nDecay anti-B0\n1.0 K- K+ PHSP;\nEnddecay\n"
    source = opened(written(text), options="?head=B0")
    assert trees(source).keys() == {"(511, 321, -211)", "(-511, -321, 321)"}
    assert trees(opened(written(text), options="?head=B0&cc=0")).keys() == {"(511, 321, -211)"}


def test_daughters_that_mix_flavours(written):
    # D*- is decayed by what is said of D*+, its D0 by what is said of anti-D0.
    text = """
    Decay B0
    1.0 D*- mu+ nu_mu ISGW2;
    Enddecay
    Decay D*+
    1.0 D0 pi+ VSS;
    Enddecay
    Decay anti-D0
    1.0 K+ pi- PHSP;
    Enddecay
    """
    found = trees(opened(written(text)))
    assert found.keys() == {
        "(511, -13, 14, (-413, (-421, 321, -211), -211))",
        "(-511, 13, -14, (413, (421, -321, 211), 211))",
    }


@pytest.mark.parametrize("size", [1, 7])
def test_bits_do_not_depend_on_how_events_are_cut(written, size):
    path = written(SIGNAL + "Decay B+\n1.0 D*0 pi+ SVS;\nEnddecay\n")
    for head in ("B0sig", "B+"):
        whole = next(iter(opened(path, 20, options=f"?head={head}&n=2"))).particle
        parts = []
        for first in range(0, 20, size):
            source = opened(path, 20, options=f"?head={head}&n=2")
            parts += [b.particle for b in source.events_between(first, min(first + size, 20))]
        for name, values in whole.columns.items():
            joined = np.concatenate([part[name] for part in parts])
            assert joined.tobytes() == values.tobytes(), name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Decay B0\n1.0 K+ pi- PHSP\nEnddecay\n", "line [0-9]+: cannot be read"),
        ("Decay B0\n-1.0 K+ pi- PHSP;\nEnddecay\n", "negative fraction"),
        ("Decay B0\n1.0 K+ pi- nonsense PHSP;\nEnddecay\n", "can be generated"),
        ("Decay B0\n1.0 B0 pi0 PHSP;\nEnddecay\n", "say which decays"),
        ("Alias X B0\n", "say which decays"),
        ("Decay B0\n1 K+ pi- PHSP;\nEnddecay\nDecay D0\n1 K- pi+ PHSP;\nEnddecay\n", "say which"),
        ("\0\0\0", "cannot be read"),
        (
            "Decay phi\n1.0 K_L0 K_S0 VSS;\nEnddecay\nDecay K_S0\n1.0 K_S0 gamma PHSP;\nEnddecay",
            "no",
        ),
    ],
)
def test_bad_files_are_errors_of_ours(written, text, said):
    with pytest.raises(SourceError, match=said):
        particles(opened(written(text)))


def test_files_that_are_none(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match="cannot be read"):
        opened(tmp_path / "absent.dec")
    path = tmp_path / "odd.dec"
    path.write_bytes(b"Decay \xff\xfe")
    with pytest.raises(SourceError, match="is no text"):
        opened(path)
    monkeypatch.setattr(decfile, "MAX_BYTES", 3)
    with pytest.raises(SourceError, match="are the most"):
        opened(path)


def test_long_files_are_looked_through_once(written):
    text = "Decay B0\n" * 20_000 + "\n" * 20_000 + "nonsense"
    with pytest.raises(SourceError, match="cannot be read"):
        opened(written(text))


def test_heads(written):
    path = written(SIGNAL)
    assert DecayFile(path, print).head() == "B0sig"
    assert DecayFile(path, print).head("MyKst") == "MyKst"
    with pytest.raises(SourceError, match="no decay of 'B\\+'; there are B0sig"):
        opened(path, options="?head=B+")
    with pytest.raises(SourceError, match="head is for decay files"):
        open_source("decay:B0 -> K+ pi-?head=B0", n_events=1, seed=1)


def test_laws_of_a_tree(written):
    plan = plan_of("x", str(written(SIGNAL)), {}, lambda _: None)
    assert isinstance(plan, FileDecays) and plan.both
    tree = plan.file.node(("B0sig", False), (0, 0, 0))
    assert isinstance(tree.law, law.TwoBody)
    other = plan.file.node(("B0sig", True), (0, 0, 0))
    assert np.array_equal(other.law.couplings, tree.law.couplings[::-1, ::-1])
    assert [d.pdg_id for d in other.daughters] == [443, -313]
    assert semileptonic.Semileptonic not in map(type, (tree.law, other.law))


def test_collisions_of_files(written):
    path = written(SIGNAL)
    assert is_file(str(path)) and not is_file("B0 -> K+ pi-")
    assert host_of("pythia:minbias", [f"{path}?n=2"])[0].startswith("pythia:bbbar")
    source = open_source(f"pythia:minbias+decay:{path}", n_events=3, seed=1)
    assert path in source.inputs()
    (batch,) = source
    found = batch.particle["mc_pdg_id"]
    assert (np.abs(found) == 511).sum() >= 3
    assert isinstance(opened(path), TruthSource)


def test_a_production_finds_the_file_beside_it(written, tmp_path):
    path = written(SIGNAL)
    assert DecaySource.located("signal.dec", tmp_path) == str(path)
    assert DecaySource.located("B0 -> K+ pi-", tmp_path) == "B0 -> K+ pi-"
    with pytest.raises(SourceError, match="no file"):
        DecaySource.located("other.dec", tmp_path)
    assert opened(path).inputs() == (path,)
