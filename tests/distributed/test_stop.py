"""Requests to stop, and platforms whose parts stand side by side."""

import os
import signal
import threading

import pytest

from lamarr_like.distributed.platforms import differences, this_platform, versions, warning
from lamarr_like.distributed.stop import Stopped, StopRequest


def test_a_signal_is_heeded_at_the_next_check_and_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        stop.check()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Stopped, match="SIGTERM") as found:
            stop.check()
    assert found.value.signum == signal.SIGTERM  # the first counts
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_of_the_main_thread_nothing_is_caught():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with StopRequest() as stop:
            seen.append(signal.getsignal(signal.SIGTERM))
            stop.check()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_one_platform_has_no_differences():
    here = this_platform()
    assert here["machine"] and here["numpy"] == versions(["numpy"])["numpy"]
    assert differences([here, this_platform()]) == [] and warning([here]) == warning([]) == ""
    here["machine"] = "other"  # a copy
    assert this_platform()["machine"] != "other"


def test_differences_are_named_and_what_is_not_told_is_none():
    a = {"machine": "x86_64", "numpy": "2.1", "features": "AVX2 FMA", "kernel": "Haswell"}
    b = {"machine": "x86_64", "numpy": "2.2", "features": "AVX2"}
    assert differences([a, b]) == ["features of the processor", "numpy 2.1 and 2.2"]
    text = warning([a, b])
    assert "features of the processor; numpy 2.1 and 2.2" in text and "last digits" in text


def test_packages_that_are_absent_have_no_version():
    assert list(versions(["numpy", "no-such-package-at-all"])) == ["numpy"]
