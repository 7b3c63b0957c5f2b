"""Files that appear whole under their name, or not at all."""

import os
from pathlib import Path

import pytest

from lamarr_like.errors import OutputError
from lamarr_like.files.scratch import Scratch, remove_left, unwritable, whole, write_text


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_appears_at_the_end(tmp_path, durable):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole(path, durable) as new:
        new.write_text("new")
        assert path.read_text() == "old" and new.name == path.name
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_what_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), whole(path) as new:
        new.write_text("half")
        raise KeyError
    with pytest.raises(OutputError, match=r"a.txt: cannot be written \(.*no space"), whole(path):
        raise OSError("no space")
    with whole(path):
        pass  # nothing written, nothing replaced
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="b.txt: cannot be written"):
        write_text(tmp_path / "none" / "b.txt", "x")


def test_links_are_replaced_and_what_they_point_to_is_not(tmp_path):
    mine, link = tmp_path / "mine", tmp_path / "link"
    mine.write_text("mine")
    link.symlink_to(mine)
    assert write_text(link, "µ") == link
    assert link.read_bytes() == "µ".encode() and not link.is_symlink()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("error", [OSError("full"), KeyError("other")])
def test_what_is_begun_and_fails_is_gone(tmp_path, error):
    scratch = Scratch(tmp_path / "a.root")
    told = OutputError if isinstance(error, OSError) else KeyError
    with pytest.raises(told), scratch.begun():
        assert scratch.path.exists()
        raise error
    assert not list(tmp_path.iterdir())
    with scratch.begun():
        pass
    assert scratch.path.exists()
    scratch.remove()


def test_names_of_dead_processes(tmp_path):
    """In a folder in which nobody else works, whoever left them; nothing else is touched."""
    left = [".a.root.123.part", ".a.json.0123456789ab.tmp", "..a.root.0123456789ab.tmp.7.part"]
    kept = ["a.root", ".part", ".lock", "a.123.part", ".a.root.12x.part", ".a.tmp"]
    for name in (*left[1:], *kept):
        (tmp_path / name).write_text("")
    (tmp_path / left[0]).mkdir()
    (tmp_path / left[0] / "a.root").write_text("")
    os.symlink(tmp_path / "a.root", tmp_path / ".b.root.5.part")
    remove_left(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*kept, ".b.root.5.part"])
    remove_left(tmp_path / "none")


def test_tidying_is_left_to_others_where_told(tmp_path):
    dead = Path(f"{Scratch(tmp_path / 'a').path}".replace(str(os.getpid()), str(os.getpid() + 1)))
    dead.write_text("")
    quiet = Scratch(tmp_path / "a", tidy=False)
    quiet.create()
    quiet.remove()
    assert dead.exists()
    tidy = Scratch(tmp_path / "a")
    tidy.create()
    tidy.remove()
    assert not dead.exists()


def test_what_is_said():
    assert str(unwritable(Path("a"), OSError("full"))) == "a: cannot be written (full)"
