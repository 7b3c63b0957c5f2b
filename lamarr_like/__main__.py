"""``python -m lamarr_like`` is ``lamarr-like``; it heeds signals before all imports."""

from __future__ import annotations

from .system.signals import stoppable


def main() -> None:
    """Run the command, its imports included."""
    with stoppable():
        from .cli import main as run

        run()


if __name__ == "__main__":
    main()
