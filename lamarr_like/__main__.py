"""``python -m lamarr_like`` is ``lamarr-like``."""

from __future__ import annotations

from .cli import main

main()
