"""Decay descriptors: what they say, what is refused, and where the message points."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.decays.descriptor import (
    MAX_DAUGHTERS,
    MAX_DEPTH,
    MAX_LEAVES,
    MAX_LENGTH,
    Node,
    least_mass,
    parse_decay,
)
from lamarr_like.decays.names import branch_name, conjugate, identify, properties
from lamarr_like.decays.request import DecayRequest, Selection
from lamarr_like.errors import DecayError, LamarrLikeError

B0 = "B0 -> (K*(892)0 -> K+ pi-) (J/psi(1S) -> mu+ mu-)"


def test_a_tree_with_names_of_branches():
    decay = parse_decay(B0)
    assert [n.branch for n in decay.nodes] == [
        *("B0", "Kst_892_0", "Kplus", "piminus", "J_psi_1S", "muplus", "muminus")
    ]
    assert [n.pdg_id for n in decay.nodes] == [511, 313, 321, -211, 443, -13, 13]
    assert [n.branch for n in decay.leaves] == ["Kplus", "piminus", "muplus", "muminus"]
    assert decay.name == "B0_to_Kplus_piminus_muplus_muminus"
    assert not any(n.has_own_vertex for n in decay.nodes[1:]) and decay.head.has_own_vertex
    assert not decay.is_own_conjugate


@pytest.mark.parametrize("text", [f"[{B0}]CC", f"[ {B0} ]cc", B0.replace("(K", "( K")])
def test_brackets_and_spaces_say_the_same(text):
    assert parse_decay(text).head == parse_decay(B0).head


def test_names_of_branches_and_folder_on_demand():
    decay = parse_decay("Signal: ${B}B0 -> ${Kst}(K*(892)0 -> ${K}K+ pi-) gamma")
    assert decay.name == "Signal"
    assert [n.branch for n in decay.nodes] == ["B", "Kst", "K", "piminus", "gamma"]


def test_equal_particles_are_numbered_as_in_davinci():
    names = [n.branch for n in parse_decay("D+ -> K- pi+ pi+").nodes]
    assert names == ["Dplus", "Kminus", "piplus", "piplus0"]


@pytest.mark.parametrize(
    ("name", "pdg_id", "branch"),
    [
        ("Lambda(b)0", 5122, "Lambda_b0"),
        ("Lambda_b0", 5122, "Lambda_b0"),
        ("Lambda(c)+", 4122, "Lambda_cplus"),
        ("KS0", 310, "K_S0"),
        ("K(S)0", 310, "K_S0"),
        ("p", 2212, "pplus"),
        ("p+", 2212, "pplus"),
        ("p~-", -2212, "pminus"),
        ("anti-p-", -2212, "pminus"),
        ("D~0", -421, "Dbar0"),
        ("D*(2010)+", 413, "Dst_2010_plus"),
        ("nu(mu)~", -14, "nu_mubar"),
        ("phi(1020)", 333, "phi_1020"),
    ],
)
def test_names_of_three_conventions(name, pdg_id, branch):
    assert identify(name) == pdg_id
    assert branch_name(pdg_id) == branch
    assert re.fullmatch(r"[A-Za-z]\w*", branch)


def test_own_conjugates():
    for text in ("J/psi(1S) -> mu+ mu-", "K(S)0 -> pi+ pi-", "pi0 -> gamma gamma", "B0 -> pi- pi+"):
        assert parse_decay(text).is_own_conjugate
    assert not parse_decay("D0 -> K- pi+").is_own_conjugate
    assert conjugate(conjugate(-5122)) == -5122 and conjugate(443) == 443


def test_what_is_lost_makes_no_branch():
    decay = parse_decay("Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) mu- nu(mu)~")
    assert [n.pdg_id for n in decay.invisible] == [-14]
    assert "nu_mubar" not in [n.branch for n in decay.nodes] and len(decay.nodes) == 6
    assert decay.nodes[1].has_own_vertex


def at(text, mark):
    """The place in the text where the caret must stand."""
    return text.index(mark)


@pytest.mark.parametrize(
    ("text", "mark", "says"),
    [
        ("B0 -> (K*(892)0 -> K+ pi-) (J/spi(1S) -> mu+ mu-)", "J/spi", "did you mean J/psi(1S)"),
        ("D0 -> k- pi+", "k-", "did you mean K-"),
        ("B0 -> K*(892) gamma", "K*(892)", "K*(892)0"),
        ("B0 -> K+ pi+", "B0", "charge is not conserved: B0 has +0, its daughters +2"),
        ("D0 -> (J/psi(1S) -> mu+ mu-) pi+ pi-", "D0", "lighter than its daughters"),
        ("B0 -> D- pi+", "D-", "write its decay, (D- -> ...)"),
        ("K+ -> pi+ pi0", "K+", "does not decay in this detector"),
        ("B0 -> K+", None, "at least two daughters"),
        ("B0", None, "the arrow -> and the daughters of the head are missing"),
        ("B0 -> (D- -> K+ pi- pi- pi+", "(D-", "not closed"),
        ("B0 -> K+ pi-)", ")", "has ended before"),
        ("B0->K+ pi-", "->", "spaces around the arrow"),
        ("[B0 -> K+ pi-", "[", "not closed by ]CC"),
        ("B0 -> ${a b}K+ pi-", "${a b}", "cannot be the name of a branch"),
        ("${a}B0 -> ${a}K+ pi-", None, "two particles are called 'a'"),
        ("B0 -> () K+", ")", "a particle is missing here"),
        ("B0 -> -> K+", None, "a particle is missing here"),
        ("", None, "a decay is missing here"),
        ("x: ", None, "a decay is missing here"),
    ],
)
def test_errors_point_to_the_place(text, mark, says):
    with pytest.raises(DecayError) as caught:
        parse_decay(text)
    first, shown, caret = str(caught.value).split("\n")
    assert says in first
    assert shown == f"  {text}" and caret.strip() == "^"
    if mark is not None:
        assert caret.index("^") - 2 == caught.value.position == text.rindex(mark)
    assert isinstance(caught.value, LamarrLikeError)


def test_more_than_eight_objects():
    charm = "(D*(2010)- -> (D~0 -> K+ pi- pi+ pi-) pi-) (D*(2010)+ -> (D0 -> K- pi+ pi+ pi-) pi+)"
    assert len(parse_decay(f"B0 -> {charm} pi+ pi- pi0").leaves) == 13
    assert len(parse_decay("B0 -> " + "pi+ pi- " * 5).leaves) == 10


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("B0 -> " + "pi+ pi- " * 6, f"more than {MAX_DAUGHTERS} daughters"),
        (
            "B0 -> (D0 -> K- pi+ pi+ pi- pi0 pi0) (D~0 -> K+ pi- pi+ pi- pi0 pi0) "
            "pi+ pi- pi+ pi- pi0",
            f"more than {MAX_LEAVES} objects",
        ),
        ("[" * 3000, f"more than {MAX_LENGTH} characters"),
        ("B0 -> " + "(B0 -> " * 3000, f"more than {MAX_LENGTH} characters"),
        ("[" * 1500, f"more than {MAX_DEPTH} decays or brackets"),
        ("(" * 1500, f"more than {MAX_DEPTH} decays or brackets"),
        ("B0 -> " + "(B0 -> K+ " * 150, f"more than {MAX_DEPTH} decays or brackets"),
        ("B0 -> " + "[B0 -> K+ " * 150, f"more than {MAX_DEPTH} decays or brackets"),
        ("B0 -> " + "(" * 1500, "unknown particle"),
        ("B0 -> " + "x" * 1900, "unknown particle"),
        ("^" * 1500, "unknown particle"),
    ],
)
def test_too_much_of_anything(text, says):
    with pytest.raises(DecayError, match=re.escape(says)) as caught:
        parse_decay(text)
    assert len(str(caught.value)) < 3 * MAX_LENGTH


@pytest.mark.parametrize("arrow", ["->", "=>", "-->", "==>", "-x>", "=x>", "--x>", "==x>"])
def test_all_arrows_of_davinci(arrow):
    assert parse_decay(B0.replace("->", arrow)).head == parse_decay(B0).head


@pytest.mark.parametrize(
    "text",
    [
        "[B0 => ^(K*(892)0 -> ^K+ ^pi-) ^(J/psi -> ^mu+ ^mu-)]CC",
        "^[B0 -> ^[K*(892)0 -> K+ pi-]CC (J/psi(1S) -> mu+ mu-)]cc",
        "[B0]cc -> ([K*(892)0]cc -> K+ pi-) (J/psi(1S) -> mu+ mu-)",
        "[[B0]cc -> (K*0 -> K+ pi-) (J/psi -> mu+ mu-)]CC",
        "[^(B0 -> (K*0 -> K+ pi-) (J/psi -> mu+ mu-))]CC",
        "(B0sig -> (K*0 -> K+ pi-) (J/psi -> mu+ mu-))",
    ],
)
def test_marks_and_brackets_of_davinci(text):
    assert parse_decay(text).head == parse_decay(B0).head


@pytest.mark.parametrize(
    ("text", "mark", "says"),
    [
        ("B0 -> [K+]cc pi-", "[", "conjugates of the whole decay are meant anyway"),
        ("K0 -> pi+ pi-", "K0", "K(S)0 or K(L)0"),
        ("tau'- -> mu- pi0", "tau", "mass and lifetime of tau'- are not known"),
        ("B0=>K+ pi-", "=>", "spaces around the arrow"),
        ("B0 -> K pi-", "K ", "it can be K0, K+, K-; say which"),
        ("(B0 -> K+ pi-", "(", "not closed"),
    ],
)
def test_more_errors_point_to_the_place(text, mark, says):
    with pytest.raises(DecayError, match=re.escape(says)) as caught:
        parse_decay(text)
    assert caught.value.position == text.index(mark)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="B0K+-pi()>[]Cc^=x*{}$ :\n\t", max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        decay = parse_decay(text)
    except DecayError as error:
        assert -1 <= error.position <= len(text)
    else:
        assert decay.leaves


def test_least_masses():
    jpsi = Node(443, daughters=(Node(13), Node(-13)))
    assert least_mass(jpsi) == pytest.approx(3096.9, abs=1.0)
    f0 = Node(9000221, daughters=(Node(211), Node(-211)))
    assert least_mass(f0) == pytest.approx(2 * 139.57, abs=0.1)
    assert properties(13).mass == pytest.approx(105.658, abs=1e-3)


def test_swapped_hypotheses():
    request = DecayRequest.parse("B0 -> K+ pi-", swaps=["pi-:K-"])
    assert [request.hypothesis(leaf) for leaf in request.decay.leaves] == [321, -321]
    # Said for the conjugate, meant the same.
    assert DecayRequest.parse("B0 -> K+ pi-", swaps=["pi+:K+"]).hypotheses == request.hypotheses
    for bad, says in (
        ("pi-", "OLD:NEW"),
        ("mu+:pi+", "no track"),
        ("pi-:K+", "keeps its charge"),
        ("pi-:D-", "leaves no track"),
        ("pi-:Pi-", "unknown particle"),
    ):
        with pytest.raises(DecayError, match=re.escape(says)):
            DecayRequest.parse("B0 -> K+ pi-", swaps=[bad])


def test_windows():
    request = DecayRequest.parse(B0, selection=Selection(masses={"J_psi_1S": (3000.0, 3200.0)}))
    nodes = {n.branch: n for n in request.decay.nodes}
    assert request.window(nodes["J_psi_1S"]) == (3000.0, 3200.0)
    low, high = request.window(nodes["B0"])
    assert low < 4900 and high > 5600
    with pytest.raises(DecayError, match="Kst_892_0"):
        DecayRequest.parse(B0, selection=Selection(masses={"Kst": (1.0, 2.0)}))
