"""An engineer's sheets: many cameras from one file, and the acceptance card of one, in a real Chromium."""

import csv
import io
import secrets
from urllib.parse import urlsplit

import pytest

from tests.support.browser import Seats
from tests.support.demo_process import DemoProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
COLUMNS = ("id", "name", "area", "scheme", "host", "port", "path", "username", "password")


def sheet(demo: DemoProcess, ids: list[str], *, host: str = "") -> bytes:
    """Return a file of cameras that show what the gate shows."""
    gate = urlsplit(next(one["url"] for one in demo.told()["cameras"] if one["id"] == "gate"))
    reached = ("rtsp", host or gate.hostname, gate.port, gate.path, gate.username, gate.password)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerow(COLUMNS)
    writer.writerows((id, f"门 {id}", "haikou.meilan.renmin.wanlong", *reached) for id in ids)
    return out.getvalue().encode("utf-8-sig")


def test_engineer_imports_two_cameras(demo: DemoProcess, seats: Seats) -> None:
    """A file with mistakes shows them by row; the right one is looked at, then added; both cameras are live."""
    fresh = secrets.token_hex(2)
    ids = [f"lane-{fresh}", f"dock-{fresh}"]
    desk = seats.take("engineer")
    desk.go("/cameras")
    desk.at("camera-import").click()

    def choose(content: bytes) -> None:
        desk.at("import-file").set_input_files({"name": "cameras.csv", "mimeType": "text/csv", "buffer": content})

    choose(sheet(demo, ids, host="10.1"))
    errors = desk.at("import-errors").locator("tbody tr")
    errors.nth(1).wait_for()
    assert [row.split("\t")[:2] for row in errors.all_inner_texts()] == [["2", "host"], ["3", "host"]]
    choose(sheet(demo, ids))
    desk.at("import-answer", applied="false").filter(has_text="2 will be added").wait_for()
    assert {"lane", "dock"}.isdisjoint(
        one["id"].split("-")[0] for one in demo.client("engineer").get("/api/v1/cameras")["items"]
    )
    desk.at("import-apply").click()
    desk.at("import-answer", applied="true").filter(has_text="2 added").wait_for()
    choose(sheet(demo, ids))
    desk.at("import-answer", applied="false").filter(has_text="2 are registered already").wait_for()
    for camera in ids:
        desk.go(f"/cameras/{camera}")
        desk.at("camera-live", state="playing").wait_for()
        desk.plays("camera-live")


def test_engineer_prints_an_acceptance_card(seats: Seats) -> None:
    """Facts, checks, picture and lines to sign are on the sheet; the wall around it is not printed."""
    desk = seats.take("engineer")
    desk.go("/cameras/gate")
    desk.at("camera-acceptance").click()
    desk.at("acceptance").and_(desk.page.locator("[data-passed]")).wait_for(timeout=30_000)
    desk.at("check-reachable", ok="true").wait_for()
    desk.at("check-codec", ok="true").filter(has_text="h264").wait_for()
    picture = desk.at("acceptance-picture").element_handle()
    desk.page.wait_for_function("img => img.complete && img.naturalWidth > 300", arg=picture)
    desk.page.emulate_media(media="print")
    assert desk.at("acceptance-verdict").is_visible()
    assert desk.page.locator(".signatures p").count() == 3
    assert not desk.at("nav-cameras").is_visible()
    assert not desk.at("acceptance-print").is_visible()
    assert desk.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
