"""Compressed files of every kind are their contents, in bounded chunks; damage is told."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pyarrow as pa
import pytest

from lamarr_like.files.unpack import CHUNK, DAMAGED, unpacked

TEXT = b"".join(b"line %d of a text\n" % k for k in range(60_000))
PACK = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=1),
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
}


@pytest.mark.parametrize("kind", PACK)
def test_contents_come_back_in_bounded_chunks(kind, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(PACK[kind](TEXT))
    chunks = list(unpacked(path))
    assert b"".join(chunks) == TEXT
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks) and len(chunks) > 3
    path.write_bytes(PACK[kind](b""))
    assert list(unpacked(path)) == []


@pytest.mark.parametrize("kind", [k for k in PACK if k != "plain"])
def test_streams_that_follow_each_other(kind, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(PACK[kind](TEXT[:1000]) + PACK[kind](TEXT[1000:]))
    assert b"".join(unpacked(path)) == TEXT


def test_zeros_between_streams(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(PACK["xz"](TEXT[:9]) + bytes(8) + PACK["xz"](TEXT[9:]) + bytes(4))
    assert b"".join(unpacked(path)) == TEXT


@pytest.mark.parametrize("kind", [k for k in PACK if k != "plain"])
def test_a_cut_is_told_after_what_came_before_it(kind, tmp_path):
    path = tmp_path / "a"
    whole = PACK[kind](TEXT)
    path.write_bytes(whole[: len(whole) * 2 // 3])
    found = []
    with pytest.raises(DAMAGED):
        for chunk in unpacked(path):
            found.append(chunk)
    assert TEXT.startswith(b"".join(found))
    assert kind == "bzip2" or found  # bzip2 gives a block of 900 kB or nothing


@pytest.mark.parametrize("kind", [k for k in PACK if k != "plain"])
def test_damage_is_told(kind, tmp_path):
    path = tmp_path / "a"
    data = bytearray(PACK[kind](TEXT))
    for k in range(40, 60):
        data[len(data) // 2 + k] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DAMAGED):
        assert b"".join(unpacked(path)) != TEXT
        raise EOFError


def test_xz_that_asks_for_a_gigabyte_is_refused(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    path = tmp_path / "a"
    path.write_bytes(lzma.compress(b"small", filters=filters))
    with pytest.raises(lzma.LZMAError, match="[Mm]emory"):
        list(unpacked(path))


@pytest.mark.parametrize("kind", [k for k in PACK if k != "plain"])
def test_a_bomb_is_never_held_whole(kind, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(PACK[kind](bytes(1 << 24)))
    assert path.stat().st_size < 1 << 20
    size = 0
    for chunk in unpacked(path):
        assert len(chunk) <= CHUNK
        size += len(chunk)
        if size > 1 << 22:
            break
