"""What a production reads belongs to its plan by content, and is looked at before and after."""

import json
import os

import numpy as np
import pytest
from hepmc_samples import write_sample
from lhe_samples import edit_event, numbers_of, write_card, write_lhe
from plugin_fakes import install
from production_samples import PLUGIN, InProcess, production

from lamarr_like.distributed import inputs, produce
from lamarr_like.distributed.inputs import check_inputs, facts_of
from lamarr_like.distributed.produce import Watcher, run_production
from lamarr_like.distributed.units import make_plan
from lamarr_like.errors import ProductionError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import content_digest, read_events
from lamarr_like.runs.simulate import RunConfig, simulate


class Workers(InProcess):
    """Something happens before the second unit is made."""

    happens = staticmethod(lambda: None)
    submitted = 0

    def submit(self, unit):
        self.submitted += 1
        if self.submitted == 2:
            self.happens()
        return super().submit(unit)


@pytest.fixture
def before_second(monkeypatch):
    """Set what happens before the second unit."""

    def set_it(happens=lambda: None):
        kind = type("W", (Workers,), {"happens": staticmethod(happens)})
        monkeypatch.setattr(produce, "_workers", lambda config, job, n, scheduler: kind(job))

    set_it()
    return set_it


def edit(path, old, new):
    """Change a file and leave its size and the time of its last change as they were."""
    assert len(old) == len(new)
    before = path.stat()
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


# --- files by content


@pytest.mark.parametrize("age", [0, 10])
def test_a_file_is_known_by_content(tmp_path, monkeypatch, age):
    path = tmp_path / "a"
    path.write_text("one")
    times = []
    sha256 = inputs.sha256
    monkeypatch.setattr(inputs, "sha256", lambda p: (times.append(p), sha256(p))[1])
    monkeypatch.setattr(inputs.time, "time", lambda: path.stat().st_ctime + age)
    first = facts_of(path)
    check_inputs([first], [path])
    # What was changed a moment ago is read again, what is older is not.
    assert len(times) == (1 if age else 2)
    os.utime(path, ns=(1, 1))
    check_inputs([first], [path])
    edit(path, "one", "two")
    with pytest.raises(SourceError, match="a: was changed since the production was planned"):
        check_inputs([first], [path])
    path.unlink()
    with pytest.raises(SourceError, match="a: cannot be read"):
        check_inputs([first], [path])
    with pytest.raises(SourceError, match="a: was there when .* and is gone"):
        check_inputs([first], [])
    with pytest.raises(SourceError, match="b: was not there when"):
        check_inputs([], [tmp_path / "b"])


def test_a_folder_is_known_by_what_is_in_it(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("b", "in/a"):
        (tmp_path / name).write_text(name)
    first = facts_of(tmp_path)
    check_inputs([first], [tmp_path])
    (tmp_path / "in" / "a").rename(tmp_path / "in" / "c")
    with pytest.raises(SourceError, match="was changed"):
        check_inputs([first], [tmp_path])


# --- cards


@pytest.fixture
def card(tmp_path):
    """A card that includes another, which names a file of hard events."""
    write_lhe(tmp_path / "z.lhe", 110)
    write_card(tmp_path / "inner.cmnd", tmp_path / "z.lhe")
    path = tmp_path / "z.cmnd"
    path.write_text(f"! the first line\ninclude = {tmp_path / 'inner.cmnd'}\n")
    return path


def test_a_production_of_hard_events(tmp_path, models, card, before_second):
    """However it is cut, it is what one process makes, to the end of the file."""
    items = {"unit_events": 50, "sources": [{"pythia": "z.cmnd", "events": 200}]}
    said = []
    config = production(tmp_path, models, **items)
    report = run_production(config, merge=True, watcher=Watcher(say=said.append))
    assert (report.status, report.units, report.events) == ("complete", 3, 110)
    assert any("fewer than the 200 asked for" in text for text in said)
    events = concatenate(read_events(report.merged))
    assert numbers_of(events).tolist() == list(range(110))
    one = tmp_path / "one.root"
    options = {"n_events": 200, "seed": 7, "chunk_size": 37}
    simulate(RunConfig(f"pythia:{card}", one, **options), models / "tiny.yaml", models)
    assert report.digest == content_digest(one)
    names = [
        i["path"].rpartition("/")[2]
        for i in json.loads((config.output / "manifest.json").read_text())["inputs"]
    ]
    assert names[:3] == ["z.cmnd", "inner.cmnd", "z.lhe"] and "xmldoc" in names


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("z.cmnd", "the first line", "another line.."),
        ("inner.cmnd", "PartonLevel:ISR = off", "PartonLevel:ISR = on "),
        ("z.lhe", "1.000 60.0", "1.000 61.0"),
    ],
)
def test_a_card_that_is_edited_meanwhile(tmp_path, models, card, before_second, name, old, new):
    before_second(lambda: edit(tmp_path / name, old, new))
    items = {"unit_events": 50, "sources": [{"pythia": "z.cmnd", "events": 100}]}
    config = production(tmp_path, models, retries=0, **items)
    report = run_production(config)
    assert (report.status, report.exit_code, report.done) == ("failed", 1, 1)
    assert f"{name}: was changed since the production was planned" in report.failures[0].reason
    with pytest.raises(ProductionError, match=rf"was begun with another content of {name};"):
        run_production(config, resume=True)
    edit(tmp_path / name, new, old)
    report = run_production(config, resume=True)
    assert (report.status, report.made, report.events) == ("complete", 1, 100)


def test_a_card_that_reads_more_than_before(tmp_path, models, card):
    """A file that comes to be under a name that a card gives."""
    config = production(tmp_path, models, sources=[{"pythia": "z.cmnd", "events": 10}])
    (tmp_path / "s.slha").write_text("")
    with card.open("a") as file:
        file.write(f"SLHA:file = {tmp_path / 's.slha'}\n")
    with_it = make_plan(config, {})
    (tmp_path / "s.slha").unlink()
    assert make_plan(config, {}).digest != with_it.digest


def test_hard_events_that_are_not_finished(tmp_path, models, card, before_second):
    """Each event of the file is in a part, or skipped for a reason."""
    edit_event(tmp_path / "z.lhe", 7, " 501 ", " 777 ")
    items = {"unit_events": 20, "sources": [{"pythia": "z.cmnd", "events": 60}]}
    report = run_production(production(tmp_path, models, **items), merge=True)
    assert (report.status, report.events) == ("complete", 59)
    numbers = numbers_of(concatenate(read_events(report.merged)))
    assert numbers.tolist() == [k for k in range(60) if k != 7]


# --- files of events, plug-ins


def test_files_that_are_edited_meanwhile(tmp_path, models, before_second):
    for k in range(2):
        write_sample(tmp_path / f"{k}.hepmc", 4)
    config = production(tmp_path, models, sources=[{"files": ["?.hepmc"]}], retries=0)
    path = tmp_path / "1.hepmc"
    digit = next(line for line in path.read_text().splitlines() if line.startswith("P ")).split()[3]
    before_second(lambda: edit(path, digit, digit[:-1] + ("1" if digit[-1] != "1" else "2")))
    report = run_production(config)
    assert (report.status, report.done) == ("failed", 1)
    assert "1.hepmc: was changed since" in report.failures[0].reason
    with pytest.raises(ProductionError, match=r"another content of 1\.hepmc;"):
        run_production(config, resume=True)


def test_events_are_counted_again_only_where_they_may_have_changed(tmp_path, models, monkeypatch):
    from lamarr_like.distributed import units

    path = write_sample(tmp_path / "a.hepmc", 4)
    config = production(tmp_path, models, sources=[{"files": ["a.hepmc"]}])
    plan = make_plan(config, {})
    os.utime(path, ns=(1, 1))
    monkeypatch.setattr(units, "count_events", lambda text: 5)
    assert make_plan(config, {}, plan.inputs).units[0].events == 4
    path.write_text(path.read_text() + "\n")
    assert make_plan(config, {}, plan.inputs).units[0].events == 5


def test_the_code_of_a_plugin(tmp_path, models, monkeypatch):
    sources = {"pions": "fake_source:pions"}
    install(monkeypatch, tmp_path / "site", "fake_source", sources=sources, code=PLUGIN)
    config = production(tmp_path, models, sources=[{"source": "pions:?p=5-10", "events": 30}])
    before = make_plan(config, {})
    (code,) = (i for i in before.inputs)
    assert code.path.endswith("fake_source.py") and before.units[0].inputs == (code,)
    path = tmp_path / "site" / "fake_source.py"
    path.write_text(path.read_text() + "# another\n")
    assert make_plan(config, {}).digest != before.digest


def test_versions_of_the_generator(tmp_path, models, monkeypatch):
    from lamarr_like.distributed import units

    config = production(tmp_path, models, sources=[{"pythia": "minbias", "events": 30}])
    before = make_plan(config, {})
    assert np.all([w in before.identity["versions"] for w in ("pythia8mc",)])
    monkeypatch.setattr(units, "versions", lambda packages: dict.fromkeys(packages, "0"))
    assert make_plan(config, {}).digest != before.digest
