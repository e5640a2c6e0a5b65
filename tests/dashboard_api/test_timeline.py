"""The timeline: recordings read from their beginnings, and nothing of a place that the asker does not see."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from models.store import segments
from models.store.pool import Store
from models.timeline import Segment
from models.user import Role
from models.wire import instant
from tests.dashboard_api.world import OTHER, OWN, World

START = datetime(2026, 1, 1, tzinfo=UTC)
RANGE_S = 1200


def _file(camera_id: str, start_s: float, length_s: float) -> Segment:
    started_at = START + timedelta(seconds=start_s)
    ended_at = started_at + timedelta(seconds=length_s)
    return Segment(
        camera_id=camera_id, started_at=started_at, ended_at=ended_at, path="x.mp4", size_bytes=1, codec="h264"
    )


def _from_files(found: list[Segment], since: datetime, until: datetime) -> dict[str, list[tuple[datetime, datetime]]]:
    """Join file by file, the slow way."""
    joined: dict[str, list[tuple[datetime, datetime]]] = {}
    for one in found:
        of_camera = joined.setdefault(one.camera_id, [])
        start, end = max(one.started_at, since), min(one.ended_at, until)
        if of_camera and start - of_camera[-1][1] <= segments.JOIN_WITHIN:
            of_camera[-1] = (of_camera[-1][0], end)
        else:
            of_camera.append((start, end))
    return joined


@pytest.mark.parametrize("seed", range(12))
def test_stretches_are_what_the_files_say(store: Store, seed: int) -> None:
    """Files that come late, in batches and out of order, oldest ones that were deleted, ranges that cut."""
    rng = random.Random(seed)
    files: list[Segment] = []
    for camera_id in ("gate", "square"):
        at_s = -60.0
        while at_s < RANGE_S + 60:
            length_s = rng.uniform(4, 8)
            files.append(_file(camera_id, at_s, length_s))
            at_s += length_s + rng.choice((0, 0, 0, 0.01, 1.9, 2.1, 30, 90))
    if seed % 2:
        rng.shuffle(files)
    with store.transaction() as conn:
        for begin in range(0, len(files), 1 + seed % 3):
            segments.add(conn, files[begin : begin + 1 + seed % 3])
        segments.remove(conn, segments.oldest_unprotected(conn, START + timedelta(days=9), rng.randrange(40)))
        for _ in range(10):
            since = START + timedelta(seconds=rng.uniform(-90, RANGE_S))
            until = since + timedelta(seconds=rng.uniform(1, RANGE_S))
            asked = (["gate", "square", "nowhere"], since, until)
            assert segments.stretches(conn, *asked) == _from_files(segments.listing(conn, *asked), since, until)


def test_what_a_camera_saw_at_its_former_place_stays_with_that_place(world: World) -> None:
    """As in the list of events: neither shown nor counted for those who only see where it stands now."""
    camera = world.camera(OWN)
    there, here = world.event(OTHER, source_id=camera.id), world.event(OWN, source_id=camera.id)
    now = world.clock.utc_now()
    query = f"camera={camera.id}&from={instant(now - timedelta(hours=1))}&to={instant(now + timedelta(hours=1))}"
    world.person("wide", Role.ANALYST, inside=("city",))
    for username, expected in (("analyst", {str(here.id)}), ("wide", {str(here.id), str(there.id)})):
        (track,) = world.as_(username).get(f"/api/v1/timeline?{query}").json()["tracks"]
        assert {item["event_id"] for item in track["items"]} == expected
        assert sum(track["counts"]) == len(expected)
