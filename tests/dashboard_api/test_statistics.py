"""Detection statistics: what was counted, in either form, for those who may see the camera."""

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest

from models.statistics import HEAT_CELLS, DetectionCount, DetectionHeat
from models.store import statistics
from models.wire import instant
from tests.dashboard_api.world import OTHER, OWN, World


def _counted(world: World, camera_id: str, rule_id: int, *, minutes: int = 3) -> str:
    """Store some minutes and a map; return the range as a query."""
    hour = world.clock.utc_now().replace(minute=0, second=0, microsecond=0)
    run = uuid4()
    rows = [
        DetectionCount(
            time=hour + timedelta(minutes=minute),
            camera_id=camera_id,
            run=run,
            rule_id=rule_id,
            rule_version=1,
            label="person",
            entered=2,
            left_count=1,
            present_most=minute,
            present_s=1.5,
        )
        for minute in range(minutes)
    ]
    grid = (2.5, *([0.0] * (HEAT_CELLS - 1)))
    with world.store.transaction() as conn:
        statistics.write(conn, [*rows, DetectionHeat(time=hour, camera_id=camera_id, run=run, grid=grid)])
    return f"from={instant(hour)}&to={instant(hour + timedelta(hours=1))}"


def test_counts_come_by_minute_hour_and_day(world: World) -> None:
    """With the rule's name; hours are complete at once."""
    camera = world.camera(OWN)
    rule = world.rule(camera.id)
    query = _counted(world, camera.id, rule.id)
    client = world.as_("analyst")
    path = f"/api/v1/cameras/{camera.id}/counts?{query}"
    assert [one["present_most"] for one in client.get(f"{path}&by=minute").json()["items"]] == [0, 1, 2]
    said = client.get(path).json()
    [hour] = said["items"]
    assert (said["by"], said["timezone"]) == ("hour", "UTC")
    assert (hour["rule_name"], hour["kind"], hour["label"]) == ("yard", "intrusion", "person")
    assert (hour["entered"], hour["left"], hour["present_most"], hour["present_s"]) == (6, 3, 2, 4.5)
    [day] = client.get(f"{path}&by=day").json()["items"]
    assert day["entered"] == 6
    heat = client.get(f"/api/v1/cameras/{camera.id}/heat?{query}").json()
    assert (heat["columns"], heat["rows"], heat["cells_s"][0], sum(heat["cells_s"])) == (32, 18, 2.5, 2.5)


def test_counts_come_as_a_table(world: World) -> None:
    """By its address or by what is accepted; no cell is a formula."""
    camera = world.camera(OWN)
    rule = world.rule(camera.id, name="=cmd|' /C calc'!A0")
    query = _counted(world, camera.id, rule.id, minutes=1)
    client = world.as_("analyst")
    asked = client.get(f"/api/v1/cameras/{camera.id}/counts?{query}", headers={"Accept": "text/csv"})
    named = client.get(f"/api/v1/cameras/{camera.id}/counts.csv?{query}")
    assert asked.text == named.text
    assert named.headers["content-type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(named.text))
    assert row["rule_name"].startswith("'=")
    assert (row["label"], row["entered"], row["present_s"]) == ("person", "2", "1.5")


@pytest.mark.parametrize(
    ("what", "days", "by"),
    [("counts", 2.1, "minute"), ("counts", 94, "hour"), ("counts.csv", 732, "day"), ("heat", 94, ""), ("heat", 0, "")],
)
def test_a_range_has_bounds(world: World, what: str, days: float, by: str) -> None:
    """Which the answer names."""
    camera, now = world.camera(OWN), world.clock.utc_now()
    query = f"from={instant(now - timedelta(days=days))}&to={instant(now)}" + (f"&by={by}" if by else "")
    answer = world.as_("analyst").get(f"/api/v1/cameras/{camera.id}/{what}?{query}")
    assert answer.status_code == 422
    assert "by at most" in answer.text


def test_a_camera_elsewhere_is_not_there(world: World) -> None:
    """As for every other thing of a camera."""
    camera = world.camera(OTHER)
    query = _counted(world, camera.id, 1)
    for what in ("counts", "counts.csv", "heat"):
        assert world.as_("analyst").get(f"/api/v1/cameras/{camera.id}/{what}?{query}").status_code == 404
