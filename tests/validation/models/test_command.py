"""The verbs of `lamarr-like models`: a model's life from a folder to an approved one over http."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events
from http_files import served
from model_figures import fidelity_json
from registry_models import registry_of, restamped, rewrite
from scipy import stats

from lamarr_like import cli
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.engine.artefact import digest
from lamarr_like.errors import ArtefactError
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.registry.remote import open_registry
from lamarr_like.registry.store import publish, read_index
from lamarr_like.validation.models import catalogue, compare, drift
from lamarr_like.validation.models.command import VERBS

NAME = "resolution-tiny-{}"
EVIL = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def source(whole_chain):
    return whole_chain / "resolution-tiny-1"


@pytest.fixture
def registry(tmp_path, source, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return registry_of(tmp_path / "reg", source, tmp_path / "made")


@pytest.fixture
def run(capsys, monkeypatch):
    """Call a verb; gives its exit status, output and error output."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["lamarr-like", "models", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return stop.value.code or 0, printed.out, printed.err

    return call


def figures(tmp_path, registry, version, auc, **options):
    """A file of figures of a model of the registry."""
    name = NAME.format(version)
    own = digest(registry / name)
    path = tmp_path / f"{version}-{auc}.json"
    path.write_bytes(fidelity_json(name, own, auc, **options))
    return path


def test_every_verb_has_a_line_of_help(run):
    status, out, _ = run("--help")
    assert status == 0 and all(re.search(rf"\b{verb} ", out) for verb in VERBS)
    assert all(call.__doc__ for call in VERBS.values())


def test_a_life(run, registry, tmp_path, whole_chain, source):
    first = figures(tmp_path, registry, 1, 0.52)
    status, out, _ = run("approve", NAME.format(1), "--registry", registry, "--figures", first)
    assert status == 0 and out.startswith("APPROVED: resolution-tiny-1, the first of its line")
    # Worse by itself no, but worse than the one before: refused, with a report.
    report = tmp_path / "gate.md"
    worse = figures(tmp_path, registry, 2, 0.545)
    words = ("approve", NAME.format(2), "--registry", registry, "-o", report)
    status, out, _ = run(*words, "--figures", worse)
    assert status == 1 and "REFUSED" in out and "Worse: stages of resolution, plain" in out
    assert "| stages | resolution | plain | 0.5 | 0.52 |" in report.read_text()
    assert read_index(registry).models[NAME.format(2)].life == "candidate"
    assert run(*words)[0] == 2  # the report is there
    # Measured on other samples only: cannot tell.
    other = figures(tmp_path, registry, 2, 0.5, sample="other.root")
    fresh = restamped(source, tmp_path / "made", version="3")
    assert run("publish", fresh, "--registry", registry, "--note", "again")[0] == 0
    other = figures(tmp_path, registry, 3, 0.5, sample="other.root")
    status, out, _ = run("approve", NAME.format(3), "--registry", registry, "--figures", other)
    assert status == 2 and "Not measured again: all of fidelity-test" in out
    good = figures(tmp_path, registry, 3, 0.521)
    status, out, _ = run("approve", NAME.format(3), "--registry", registry, "--figures", good)
    assert status == 0
    with served(registry) as url:
        status, out, _ = run("list", "--registry", url)
        lives = re.findall(r"^(resolution-tiny-\d) +(\w+)", out, re.MULTILINE)
        assert lives == [
            (NAME.format(1), "approved"),
            (NAME.format(2), "candidate"),
            (NAME.format(3), "approved"),
        ]
        assert run("get", "resolution-tiny@>=1", "--registry", url)[0] == 0
        status, out, _ = run("show", "resolution-tiny@<4", "--registry", url)
        assert status == 0 and "no worse than resolution-tiny-1" in out and "again" in out
    pinned = tmp_path / "pinned.yaml"
    text = (whole_chain / "tiny.yaml").read_text()
    pinned.write_text(text.replace("resolution-tiny-1", "resolution-tiny@>=2"))
    assert Pipeline.load(pinned, whole_chain).provenance["models"]["resolution"] == {
        "model": NAME.format(3),
        "digest": digest(fresh),
        "pin": "resolution-tiny@>=2",
    }
    status, out, _ = run("retire", NAME.format(3), "--registry", registry, "--note", "old")
    assert status == 0 and read_index(registry).approved("resolution-tiny").version == "1"


def test_half_of_the_training_data_is_refused(run, registry, tmp_path, source):
    whole = {"training": {"rows": 8000}, "provenance": {"events": 600, "data": ["a.root"]}}
    for version, share in (("7", 1.0), ("8", 0.5), ("9", 0.9)):
        parts = {
            key: {k: int(v * share) if type(v) is int else v for k, v in part.items()}
            for key, part in whole.items()
        }
        model = restamped(source, tmp_path / "made", version=version, **parts)
        assert run("publish", model, "--registry", registry)[0] == 0
        given = figures(tmp_path, registry, version, 0.52)
        words = ("approve", NAME.format(version), "--registry", registry, "--figures", given)
        status, out, _ = run(*words)
        assert status == (1 if share == 0.5 else 0)
        told = f"{int(600 * share)} of 600 events, {int(8000 * share)} of 8000 rows"
        assert (told in out) is (share < 1.0)


def test_figures_must_be_about_the_candidate(run, registry, tmp_path):
    path = figures(tmp_path, registry, 1, 0.5)
    words = ("approve", NAME.format(2), "--registry", registry, "--figures", path)
    status, _, err = run(*words)
    assert status == 2 and "does not tell that it is about resolution-tiny-2" in err
    path.write_bytes(fidelity_json(NAME.format(2), "0" * 64, 0.5))
    status, _, err = run(*words)
    assert status == 2 and "is about another resolution-tiny-2, of digest 000000000000" in err
    with pytest.raises(ArtefactError, match="given twice"):
        entry = read_index(registry).models[NAME.format(2)]
        content = fidelity_json(entry.name, entry.digest, 0.5)
        drift.checked(entry, {"a": content, "b": content})
    status, _, err = run("approve", NAME.format(2), "--registry", registry)
    assert status == 2 and "give its figures" in err
    with pytest.raises(ArtefactError, match="has no figures to drift"):
        drift.baseline(None, entry, registry / entry.name)


def test_the_catalogue_escapes_all_texts(run, registry, tmp_path, source):
    evil = restamped(
        source,
        tmp_path / "evil",
        version="66",
        card=f"# {EVIL}\n",
        provenance={"data": [EVIL], "command": EVIL},
        figures={EVIL: 0.5},
    )
    publish(registry, evil, detector=EVIL, note=EVIL)
    status, out, _ = run("catalogue", "--registry", registry, "--title", EVIL)
    page = (registry / "index.html").read_text()
    assert status == 0 and "index.html" in out
    assert "<script" not in page and page.count("&lt;script&gt;") >= 7
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page
    for name in ("resolution-tiny-1", "resolution-tiny-66"):
        assert page.count(f'id="{name}"') == page.count(f'href="#{name}"') == 1
    (registry / evil.name / "card.md").write_text("altered")
    status, _, err = run("catalogue", "--registry", registry, "-o", tmp_path / "c.html")
    assert status == 2 and "altered" in err and not (tmp_path / "c.html").exists()
    with served(registry) as url:  # the cards stay where they are
        assert "altered" not in catalogue.catalogue_text(open_registry(url))
    rewrite(registry, lambda d: d["models"].update({EVIL: d["models"][NAME.format(1)]}))
    assert run("catalogue", "--registry", registry)[0] == 2


def test_two_models_side_by_side(run, registry, tmp_path, source):
    figure = {"held_out_c2st": 0.51}
    training = {"settings": {"seed": 2, "depth": 3}, "data_digest": "ab"}
    other = restamped(source, tmp_path / "o", version="7", figures=figure, training=training)
    status, out, _ = run("compare", registry / NAME.format(1), other)
    assert status == 0 and "| setting seed | - | 2 |" in out
    assert "| held_out_c2st | - | 0.51 | - | - |" in out
    entry = read_index(registry).models[NAME.format(1)]
    assert compare.beside(entry, entry) == [f"{entry.name} and {entry.name} have the same origin."]


def test_models_of_folders_are_listed(run, registry, monkeypatch):
    monkeypatch.setattr("lamarr_like.files.find.shipped", lambda what: registry / "none")
    (registry / NAME.format(2) / "card.md").unlink()
    status, out, err = run("list", "--models", registry)
    assert status == 0 and NAME.format(1) in out and NAME.format(2) not in out
    assert "left out" in err and "lacks card.md" in err


@pytest.mark.usefixtures("few_trees")
def test_drift_on_a_new_sample(run, registry, tmp_path, whole_chain):
    batch = Pipeline(fake_stages())(truth_events(40, seed=5), seed=1)
    sample = tmp_path / "new.root"
    with EventWriter(sample, metadata={"source": "toy"}) as writer:
        writer.write(batch)
    name = NAME.format(1)
    first = figures(tmp_path, registry, 1, 0.5, error=0.001)
    assert run("approve", name, "--registry", registry, "--figures", first)[0] == 0
    status, out, _ = run("drift", name, sample, "--registry", registry, "-o", tmp_path / "d")
    found = json.loads((tmp_path / "d" / "fidelity.json").read_text())
    assert found["digests"] == {name: digest(registry / name)}
    now = found["stages"]["-"][0]["auc"]
    assert f"plain: 0.5000 on test.root, now {now['value']:.4f}" in out
    worse, sigma = max(now["value"] - 0.5, 0.0), 1.5 * np.hypot(now["error"], 0.001)
    p = stats.t.sf(max(worse - 0.005, 0.0) / sigma, now["rows"])
    assert status == (1 if p < 0.03 else 2)  # so few rows tell strong drifts only
    status, _, err = run("drift", whole_chain / "rich-tiny-1", sample)
    assert status == 2 and "has no figures to drift from" in err
