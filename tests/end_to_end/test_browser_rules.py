"""An engineer's rules in a real Chromium: drawn, told apart by class, put on a schedule, changed, and removed."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import Seat, Seats
from tests.support.demo_process import DemoProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CAMERA = "gate"
RULES = f"/api/v1/cameras/{CAMERA}/rules"
NIGHTS = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "22:00", "end": "06:00"}
TABS_MAX = 200


def stored(demo: DemoProcess, name: str) -> dict[str, Any] | None:
    """Return the rule of this name as the API has it."""
    return next((one for one in demo.client("engineer").get(RULES)["items"] if one["name"] == name), None)


@pytest.fixture
def name(demo: DemoProcess) -> Iterator[str]:
    """A name of this test's own; a rule that was left behind is removed."""
    fresh = f"zone {secrets.token_hex(3)}"
    yield fresh
    if (left := stored(demo, fresh)) is not None:
        demo.client("engineer").send("DELETE", f"{RULES}/{left['id']}")


def open_camera(seats: Seats) -> Seat:
    desk = seats.take("engineer")
    desk.page.on("dialog", lambda dialog: dialog.accept())
    desk.go(f"/cameras/{CAMERA}")
    desk.at("rules").wait_for()
    return desk


def test_engineer_draws_changes_and_removes_a_loitering_zone(demo: DemoProcess, seats: Seats, name: str) -> None:
    """Seconds per class and nights; what the server refuses is said at its field; a change is version 2."""
    desk = open_camera(seats)
    desk.at("rule-add").click()
    desk.at("rule-add-loitering").click()
    desk.at("rule-name").fill(name)
    desk.at("drawing").scroll_into_view_if_needed()
    for number, (x, y) in enumerate([(0.2, 0.3), (0.8, 0.3), (0.7, 0.9)], 1):
        box = desk.at("drawing").bounding_box()
        assert box is not None
        desk.at("drawing").click(position={"x": x * box["width"], "y": y * box["height"]})
        desk.at(f"point-{number}").wait_for()
    desk.at("rule-param-dwell_s").fill("0")
    desk.at("rule-own-add").click()
    assert desk.at("rule-own-label-1").input_value() == "person"
    desk.at("rule-own-value-1").fill("45")
    desk.at("schedule-nights").click()
    desk.at("window-1-start").fill("25:00")
    desk.at("rule-save").click()
    form = desk.at("rule-form")
    form.get_by_text("1 to 86400 s, has 0", exact=True).wait_for()
    assert stored(demo, name) is None
    desk.at("rule-param-dwell_s").fill("20")
    desk.at("rule-save").click()
    form.get_by_text("HH:MM, sunrise or sunset (sunset-00:30), has '25:00'", exact=True).wait_for()
    desk.at("schedule-nights").click()
    desk.at("rule-save").click()
    row = desk.at("rules").locator("tr").filter(has_text=name)
    row.filter(has_text="every day 22:00–06:00").filter(has_text="version 1").wait_for()
    rule = stored(demo, name)
    assert rule is not None
    assert (rule["kind"], rule["params"]) == ("loitering", {"dwell_s": 20, "dwell_s.person": 45})
    assert rule["schedule"] == [NIGHTS]
    assert len(rule["points"]) == 3

    desk.at(f"rule-change-{rule['id']}").click()
    desk.at("point-1").press("ArrowDown")
    desk.at("rule-own-value-1").fill("60")
    desk.at("window-1-end-anchor").select_option("sunrise")
    desk.at("rule-save").click()
    row.filter(has_text="22:00–sunrise").filter(has_text="version 2").wait_for()
    changed = stored(demo, name)
    assert changed is not None
    assert (changed["version"], changed["params"]["dwell_s.person"]) == (2, 60)
    assert changed["points"][0][1] == pytest.approx(rule["points"][0][1] + 0.01, abs=1e-6)

    desk.at(f"rule-change-{rule['id']}").click()
    desk.at("rule-remove").click()
    desk.at("rules").wait_for()
    row.wait_for(state="detached")
    assert stored(demo, name) is None


def reach(desk: Seat, testid: str) -> None:
    """Go to an element by Tab alone."""
    for _ in range(TABS_MAX):
        if desk.page.evaluate("() => document.activeElement?.dataset?.testid ?? ''") == testid:
            return
        desk.page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {testid}")


def test_wrong_way_by_keyboard_alone(demo: DemoProcess, seats: Seats, name: str) -> None:
    """No pointer: choose the kind, set three corners, turn the arrow, take a preset, save."""
    desk = open_camera(seats)
    keys = desk.page.keyboard
    reach(desk, "rule-add")
    keys.press("Enter")
    desk.at("rule-add-wrong_way").wait_for()
    for _ in range(10):
        keys.press("ArrowDown")
        if desk.page.evaluate("() => document.activeElement?.dataset?.testid ?? ''") == "rule-add-wrong_way":
            break
    keys.press("Enter")
    desk.at("rule-form", kind="wrong_way").wait_for()
    reach(desk, "rule-add-point")
    for number in (1, 2, 3):
        keys.press("Enter")
        desk.at(f"point-{number}").wait_for()
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    assert desk.page.evaluate("() => document.activeElement?.dataset?.testid") == "heading"
    for _ in range(3):
        keys.press("ArrowRight")
    keys.press("Shift+ArrowRight")
    keys.press("Shift+Tab")
    keys.press("ArrowLeft")
    reach(desk, "rule-name")
    keys.type(name)
    reach(desk, "schedule-dark")
    keys.press("Enter")
    reach(desk, "rule-save")
    keys.press("Enter")
    desk.at("rules").locator("tr").filter(has_text=name).filter(has_text="sunset–sunrise").wait_for()
    rule = stored(demo, name)
    assert rule is not None
    assert (rule["kind"], rule["params"]) == ("wrong_way", {"heading_deg": 30})
    assert rule["points"] == [[0.3, 0.3], [0.7, 0.3], [0.69, 0.7]]


def test_tamper_needs_no_drawing(demo: DemoProcess, seats: Seats, name: str) -> None:
    """Faults are ticked and nothing is drawn."""
    desk = open_camera(seats)
    desk.at("rule-add").click()
    desk.at("rule-add-tamper").click()
    desk.at("rule-name").fill(name)
    desk.at("rule-fault-covered").check()
    desk.at("rule-save").click()
    desk.at("rules").locator("tr").filter(has_text=name).filter(has_text="Covered").wait_for()
    rule = stored(demo, name)
    assert rule is not None
    assert (rule["points"], rule["labels"]) == ([], ["covered"])


def test_analyst_reads_why(demo: DemoProcess, seats: Seats) -> None:
    """Why an event fired: its picture with rule, path and looks, thresholds, the weights' digest, and the re-run."""
    analyst = demo.client("analyst")
    found = wait_for(
        lambda: analyst.get("/api/v1/events?source_id=gate&kind=intrusion,line_crossing&limit=1")["items"],
        90,
        "an event of the gate",
    )
    assert found
    desk = seats.take("analyst")
    desk.go("/timeline?camera=gate")
    desk.at("timeline-track-gate").wait_for()
    desk.at("timeline-tracks").focus()
    desk.page.keyboard.press("b")
    why = desk.at("event-why")
    why.locator("svg .rule-line").first.wait_for(state="attached")
    event = analyst.get(f"/api/v1/events/{desk.at('event-facts').get_attribute('data-event')}")
    assert why.locator("svg .look").count() == len(event["attrs"]["track"])
    picture = why.locator("img").element_handle()
    desk.page.wait_for_function("img => img.complete && img.naturalWidth > 300", arg=picture)
    frames = event["attrs"]["thresholds"]["confirm_frames"]
    assert f"Confirm frames {frames}" in desk.at("why-thresholds").inner_text()
    assert event["attrs"]["detector"]["digest"][:12] in why.inner_text()
    assert desk.at("why-rerun").get_attribute("data-same") in ("true", "null")
