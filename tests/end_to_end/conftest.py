"""One running demo for all end-to-end tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Seats, chromium
from tests.support.demo_process import DemoProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoProcess]:
    with tempfile.TemporaryDirectory(prefix="aw-demo-") as folder:
        Path(folder).chmod(0o755)
        running = DemoProcess(Path(folder) / "home")
        running.start()
        yield running
        assert running.stop() <= 10, "the demo took too long to end"
        left = running.processes()
        assert left == {}, f"left behind: {left}"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as running:
        yield running


@pytest.fixture
def seats(browser: "Browser", demo: DemoProcess) -> Iterator[Seats]:
    taken = Seats(browser, demo)
    yield taken
    assert taken.leave() == []
