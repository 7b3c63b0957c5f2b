"""Build hook: wheels carry the pipelines and models that lie at the top of the checkout."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithResources(build_py):
    """Copy ``pipelines/`` and ``models/`` into the package when a wheel is built."""

    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return  # an editable install finds them in the checkout
        for name in ("pipelines", "models"):
            source = Path(__file__).parent / name
            target = Path(self.build_lib) / "lamarr_like" / f"_{name}"
            shutil.rmtree(target, ignore_errors=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))


setup(cmdclass={"build_py": BuildWithResources})
