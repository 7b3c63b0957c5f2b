"""What CI checks, a session each: ``nox -l`` lists them, ``nox -s fast`` is the quickest look."""

import nox

nox.options.sessions = ["lint", "types", "fast"]
nox.options.reuse_existing_virtualenvs = True

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "NO_MKDOCS_2_WARNING": "1"}


@nox.session
def fast(session: nox.Session) -> None:
    """Tests that touch every room in under a minute."""
    session.install("-e", ".[dev,docs]")
    session.run("pytest", "-q", "-m", "fast", *session.posargs, env=ENVIRONMENT)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, on two cores."""
    session.install("-e", ".[dev,docs]")
    session.run("pytest", "-n", "2", "-q", *session.posargs, env=ENVIRONMENT)


@nox.session
def friends(session: nox.Session) -> None:
    """Our files in coffea, ROOT and Snakemake, which are large and no part of the others."""
    session.install("-e", ".[test,friends]")
    session.run(
        *("pytest", "-q", "tests/io/test_friends.py", "tests/distributed/test_workflow.py"),
        *session.posargs,
        env=ENVIRONMENT,
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and which room may import which."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Types."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site in build/site."""
    session.install("-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", env=ENVIRONMENT)
