"""Pins: what they look like, and which model they choose."""

from __future__ import annotations

import pytest

from lamarr_like.errors import ArtefactError
from lamarr_like.registry.pin import Known, Pin, order

DIGEST = "ab" * 32


def known(version, *, stage="rich", sample="pp13", family="armdn", digest="0" * 64, life=""):
    return Known(stage, sample, version, family, digest, life=life)


MODELS = [
    *(known(v) for v in ("1", "2", "2.5", "10", "11rc1", "odd")),
    known("12", sample="gan-pp13", family="gan", digest=DIGEST),
    known("3", life="candidate"),
    known("4", life="retired"),
    known("9", life="approved"),
]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("rich@>=2", "10"),
        ("rich-pp13@>=2,<10", "9"),
        ("rich@~=2.0", "2.5"),
        ("rich@==2.*", "2.5"),
        ("rich@3", "3"),  # asked for by its own version: whatever its life
        ("rich@odd", "odd"),
        ("rich@>=11rc1", "11rc1"),
        ("rich-gan-pp13@>=1", "12"),
        (f"rich-gan-pp13-12#{DIGEST}", "12"),
        (f"rich-gan-pp13@>2#{DIGEST}", "12"),
        ("rich", "10"),
        ("rich-pp13-4", "4"),
    ],
)
def test_the_highest_that_will_do(text, version):
    assert Pin.parse(text).choose(MODELS).version == version


@pytest.mark.parametrize(
    "text", ["rich@>=20", "muon@>=1", f"rich@>=1#{'0' * 63}1", "rich@2.0", "gan@>=1", "rich@==3"]
)
def test_nothing_will_do(text):
    assert Pin.parse(text).choose(MODELS) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "@>=2", "rich@", "rich@>=x", "rich@>2#ab", "rich#", f"rich#{'AB' * 32}", "../x@1"),
        *("-x@1", "rich@>=2\n#", "r" * 500, "rich@>>2", f"rich#{DIGEST}@2"),
    ],
)
def test_what_is_no_pin(text):
    with pytest.raises(ArtefactError, match=r"pin|Invalid specifier"):
        Pin.parse(text)


def test_two_samples_are_not_guessed_between():
    models = [known("1"), known("3", sample="mine")]
    with pytest.raises(ArtefactError, match="2 samples; name one of rich-mine, rich-pp13"):
        Pin.parse("rich@>=1").choose(models)
    assert Pin.parse("rich-mine@>=1").choose(models).version == "3"


def test_the_first_of_equal_ones_wins():
    first, second = known("1", digest=DIGEST), known("1")
    assert Pin.parse("rich@1").choose([first, second]) is first
    assert order("1.10") > order("1.9") > order("odd")
