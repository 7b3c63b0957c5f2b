"""``python -m lamarr_like`` is ``lamarr-like``; it heeds signals before all imports."""

from __future__ import annotations

from .system.quick_start import quick_end
from .system.signals import stoppable


def main() -> None:
    """Run the command, its imports included, and end the process."""
    try:
        with stoppable():
            from .cli import main as run

            run()
    except SystemExit as stop:
        quick_end(stop.code)
        raise


if __name__ == "__main__":
    main()
