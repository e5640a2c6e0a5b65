"""One running demo for all end-to-end tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo_process import DemoProcess


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
