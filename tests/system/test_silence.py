"""What is written below Python is not seen, and what is written afterwards is."""

import os

from lamarr_like.system.silence import silent


def test_silence_ends(capfd):
    os.write(1, b"before ")
    with silent():
        os.write(1, b"meanwhile ")
    os.write(1, b"after")
    assert capfd.readouterr().out == "before after"
