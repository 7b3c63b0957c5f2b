"""Hostile input: whatever the bytes, one of our errors, bounded time and memory, nothing outside.

``python tests/fuzz/run.py --seconds 600`` is the long version, each reader in its own process.
"""

import os
import signal

import pytest
import readers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("no_hang")

EXAMPLES = int(os.environ.get("LAMARR_LIKE_FUZZ_EXAMPLES", "60"))


SECONDS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.mark.parametrize("name", list(readers.READERS))
def test_sound_input_is_read(sound, folder, name):
    assert readers.run(name, sound[name], folder) == ""


@pytest.mark.parametrize("name", list(readers.READERS))
def test_changed_input_is_read_or_refused(sound, folder, name):
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2**40))
    def fuzz(number):
        signal.alarm(SECONDS)
        readers.run(name, readers.variant(name, sound[name], number), folder)

    fuzz()


@pytest.mark.parametrize("name", list(readers.READERS))
def test_any_bytes_are_refused(folder, name):
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.data_too_large],
    )
    @given(st.binary(max_size=200), st.sampled_from([b"", b"root", b"PAR1", b"\x1f\x8b\x08\x00"]))
    def fuzz(data, head):
        signal.alarm(SECONDS)
        readers.run(name, head + data, folder)

    fuzz()
