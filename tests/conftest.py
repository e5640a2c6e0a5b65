"""Fixtures that every room's tests share: a fake clock and a fresh, migrated database."""

import importlib.util
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from models.store.launcher import EmbeddedPostgres
from models.store.pool import Store
from tests.support.clock import FakeClock
from tests.support.postgres import fresh_database, make_template, running_server
from tests.support.shared_data import shared

# a busy machine is not a failure
hypothesis.settings.register_profile("alertwall", deadline=None, derandomize=True)
hypothesis.settings.load_profile("alertwall")


LEFT_OUT = pytest.StashKey[set[str]]()
DEMO = "tests/end_to_end"
"""All that share the one running demo; the longest group, so the first to begin."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = set[str]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say what one worker of a parallel run does as a whole: a module, whose tests share servers; all of the demo's."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 (only parallel runs need it)

    class ByServers(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return DEMO if path.startswith(DEMO) else path

    return ByServers(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        left_out: set[str] = session.config.stash[LEFT_OUT]
        output["left_out"] = sorted(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of a parallel run has left out; one that crashed says nothing."""
    node.config.stash[LEFT_OUT].update(getattr(node, "workeroutput", {}).get("left_out", ()))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the demo's tests; leave out what needs a file or an extra that only some machines have."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(DEMO))
    absent = {
        item: f"{mark.args[0]}, which is not beside this checkout"
        for item in items
        for mark in item.iter_markers("beside")
        if shared(mark.args[0]) is None
    }
    absent |= {
        item: f"the package {mark.args[0]}, an extra that is not installed"
        for item in items
        for mark in item.iter_markers("extra")
        if importlib.util.find_spec(mark.args[0]) is None
    }
    left_out: set[str] = set(absent.values())
    config.stash[LEFT_OUT] = left_out
    config.hook.pytest_deselected(items=list(absent))
    items[:] = [item for item in items if item not in absent]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say loudly what did not run."""
    skipped = {str(report.longrepr[2]) for report in terminalreporter.getreports("skipped")}
    for reason in sorted(skipped):
        terminalreporter.write_line(f"NOT RUN: {reason.removeprefix('Skipped: ')}", yellow=True)
    left_out = config.stash[LEFT_OUT]
    for name in sorted(left_out):
        terminalreporter.write_line(f"NOT RUN: what needs {name}", yellow=True)


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
