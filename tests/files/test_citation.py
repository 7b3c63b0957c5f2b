import re

import yaml
from places import TOP
from typer.testing import CliRunner

from lamarr_like import __version__
from lamarr_like.cli import app
from lamarr_like.files import citation

FILE = TOP / "CITATION.cff"


def test_file_is_what_the_code_says():
    assert FILE.read_text() == citation.cff(), "write citation.cff() to CITATION.cff"


def test_file_has_what_the_format_asks_for():
    document = yaml.safe_load(FILE.read_text())
    assert {"cff-version", "message", "title", "authors", "version"} <= set(document)
    assert document["version"] == __version__
    for reference in document["references"]:
        assert {"type", "title", "authors"} <= set(reference)


def test_cite_prints_text_and_bibtex():
    result = CliRunner().invoke(app, ["--cite"])
    assert result.exit_code == 0
    keys = re.findall(r"^@\w+\{(.*),$", result.output, re.MULTILINE)
    assert keys == ["lamarr_like", *(r.key for r in citation.REFERENCES)]
    assert len(set(keys)) == len(keys)
    assert result.output.count("{") == result.output.count("}")
    for number in ("1412.6352", "2204.09947", "LHCB-FIGURE-2022-014"):
        assert number in result.output


def test_references_can_be_found():
    for reference in citation.REFERENCES:
        assert reference.eprint or reference.journal
        assert not reference.eprint or re.fullmatch(r"\d{4}\.\d{4,5}", reference.eprint)
        assert not reference.doi or reference.doi.startswith("10.")
        assert reference.used_for
