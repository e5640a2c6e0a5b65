"""Fixtures that every room's tests share: a fake clock and a fresh, migrated database."""

from collections.abc import Iterator

import hypothesis
import pytest

from models.store.launcher import EmbeddedPostgres
from models.store.pool import Store
from tests.support.clock import FakeClock
from tests.support.postgres import fresh_database, make_template, running_server

# a busy machine is not a failure
hypothesis.settings.register_profile("alertwall", deadline=None)
hypothesis.settings.load_profile("alertwall")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what did not run."""
    skipped = {str(report.longrepr[2]) for report in terminalreporter.getreports("skipped")}
    for reason in sorted(skipped):
        terminalreporter.write_line(f"NOT RUN: {reason.removeprefix('Skipped: ')}", yellow=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One embedded server for the whole run."""
    with running_server() as server:
        make_template(server.dsn)
        yield server


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A fresh, migrated database of its own."""
    with fresh_database(postgres.dsn) as dsn:
        yield dsn


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    """An open `Store` on a fresh database."""
    with Store(dsn) as opened:
        yield opened
