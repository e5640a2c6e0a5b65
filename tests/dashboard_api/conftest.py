"""Fixtures of the API's tests: a small world, a fake worker, and the app served for real."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.store.pool import Store
from tests.dashboard_api.fake_worker import FakeWorker
from tests.dashboard_api.world import World
from tests.support.clock import FakeClock


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """Two areas, an account per role in the first."""
    return World.make(store, clock, tmp_path / "state")


@pytest.fixture(scope="session")
def fake_worker() -> Iterator[FakeWorker]:
    """A worker's small port that answers with made-up pictures."""
    with FakeWorker() as worker:
        yield worker
