"""What people do at the wall and on the phone, in a real Chromium against the running demo."""

import json
import re
import secrets
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.browser import PHONE_PX, Line, Seat, Seats
from tests.support.demo_process import ROOT, Client, DemoProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STALE_WITHIN_MS = 16_000
"""The wall calls the feed stale after 12 s of silence."""


def new_incident(client: Client, *, besides: int = 0) -> int:
    """Return the number of an incident that nobody has."""

    def ask() -> int | None:
        items = client.get("/api/v1/incidents?state=new&limit=50")["items"]
        return next((int(item["id"]) for item in items if item["id"] != besides), None)

    return int(wait_for(ask, 60, "a new incident"))


def seen_incident(client: Client) -> int:
    """Return the number of an open incident to which a camera gave a picture."""

    def ask() -> int | None:
        for event in client.get("/api/v1/events?kind=intrusion,line_crossing&limit=100")["items"]:
            number = event["incident_id"]
            if event["has_snapshot"] and number and client.get(f"/api/v1/incidents/{number}")["state"] != "closed":
                return int(number)
        return None

    return int(wait_for(ask, 90, "an incident with a picture"))


def test_operator_claims_and_closes(demo: DemoProcess, seats: Seats) -> None:
    """By keyboard alone; the other desk sees each step at once, and is told who was first."""
    number = new_incident(demo.client("operator"))
    here, there = seats.take("operator"), seats.take("dispatcher")
    here.open_incident(number)
    there.open_incident(number)
    here.page.keyboard.press("c")
    here.incident(number, state="claimed").wait_for()
    there.incident(number, state="claimed").wait_for()
    there.at(f"incident-row-{number}", state="claimed").wait_for()
    there.at("incident-claim").click()
    there.at("incident-said").filter(has_text="operator").wait_for()
    here.page.keyboard.press("m")
    here.page.keyboard.type("called the home, no answer")
    here.page.keyboard.press("Enter")
    there.at("entry-comment").filter(has_text="called the home").wait_for()
    here.page.keyboard.press("Escape")
    here.page.keyboard.press("x")
    here.at("disposition-genuine").wait_for()
    here.page.keyboard.press("2")
    here.page.keyboard.press("Enter")
    here.incident(number, state="closed").wait_for()
    there.at(f"incident-row-{number}").wait_for(state="detached")
    closed = demo.client("operator").get(f"/api/v1/incidents/{number}")
    assert (closed["state"], closed["disposition"], closed["owner"]) == ("closed", "false", "operator")


def test_the_list_lives(demo: DemoProcess, seats: Seats) -> None:
    """What somebody reports stands on every wall without a reload; keys move through the list."""
    wall = seats.take("operator")
    wall.at("incident-list").wait_for()
    wall.at("feed-state", state="live").wait_for()
    client = demo.client("dispatcher")
    area = client.get("/api/v1/cameras/gate")["area"]
    report = {"area": area, "place": "Back yard", "kind": "panic", "text": "a neighbour called"}
    for place in ("Front yard", "Back yard"):  # two, so that there is always one to move to
        status, made = client.post("/api/v1/incidents", report | {"place": place}, Idempotency_Key=secrets.token_hex(8))
        assert status == 201, made
    row = wall.at(f"incident-row-{made['id']}")
    row.filter(has_text="Back yard").wait_for()
    assert "Back yard" in wall.at("announcer").inner_text()
    row.click()
    wall.incident(made["id"]).wait_for()
    chosen = wall.page.locator('.row[aria-selected="true"]')
    first = chosen.get_attribute("data-testid")
    there, back = ("k", "j") if wall.page.locator(".row").last.get_attribute("data-testid") == first else ("j", "k")
    wall.page.keyboard.press(there)
    wall.page.wait_for_function(
        "was => document.querySelector('.row[aria-selected=true]')?.dataset.testid !== was", arg=first
    )
    wall.page.keyboard.press(back)
    wall.page.wait_for_function(
        "was => document.querySelector('.row[aria-selected=true]')?.dataset.testid === was", arg=first
    )
    wall.page.keyboard.press("?")
    wall.at("help").wait_for()


def test_pictures_of_an_incident(demo: DemoProcess, seats: Seats) -> None:
    """The snapshot has its box, the clip plays, the live picture comes by WebRTC and moves."""
    number = seen_incident(demo.client("operator"))
    desk = seats.take("operator")
    desk.open_incident(number)
    desk.at("media-snapshot").click()
    snapshot = desk.at("incident-snapshot").locator("img").element_handle()
    desk.page.wait_for_function("img => img.complete && img.naturalWidth > 300", arg=snapshot)
    assert float(desk.at("incident-snapshot").locator("rect.box-line").get_attribute("width") or 0) > 0
    desk.at("media-clip").click()
    desk.plays("incident-clip")
    desk.at("media-live").click()
    desk.at("incident-live", state="playing").filter(has_text="WebRTC").wait_for()
    desk.plays("incident-live", 2)


def test_live_picture_without_webrtc(seats: Seats) -> None:
    """Where WebRTC is not to be had, the picture of the grid's way takes its place; the grid itself plays."""
    desk = seats.take("engineer")
    desk.page.add_init_script("RTCPeerConnection.prototype.createOffer = () => Promise.reject(new Error('blocked'))")
    desk.go("/cameras/gate")
    desk.at("camera-live", state="playing").filter(has_text="stream").wait_for()
    desk.plays("camera-live", 2)
    desk.go("/cameras")
    for camera in ("gate", "square"):
        desk.at(f"camera-live-{camera}", state="playing").wait_for()
        desk.plays(f"camera-live-{camera}")


def test_dispatcher_sends_a_patrol(demo: DemoProcess, seats: Seats) -> None:
    """A phone paired by its link gets the errand at once; each step stands on the incident with its time."""
    client = demo.client("dispatcher")
    number = new_incident(client)
    desk = seats.take("dispatcher")
    desk.go("/patrols")
    desk.at("patrol-pairing-patrol-2").click()
    link = desk.at("pairing-url").inner_text()
    phone = seats.take(None, viewport=PHONE_PX, is_mobile=True, has_touch=True)
    phone.page.goto(link)
    phone.at("patrol-quiet").wait_for()
    assert "#" not in phone.page.url
    desk.open_incident(number)
    desk.page.keyboard.press("c")
    desk.incident(number, state="claimed").wait_for()
    desk.page.keyboard.press("d")
    desk.at("dispatch-patrol-patrol-2").filter(has_text="phone connected").click()
    desk.at("dispatch-note").fill("back door")
    desk.at("dispatch-send").click()
    phone.page.get_by_text("back door").wait_for()
    desk.at("step-delivered", done="true").wait_for()
    for button, step in (("patrol-accept", "accepted"), ("patrol-on-scene", "on_scene"), ("patrol-clear", "clear")):
        phone.at(button).click()
        desk.at(f"step-{step}", done="true").wait_for()
    phone.at("patrol-quiet").wait_for()
    for step in ("queued", "delivered", "accepted", "on_scene", "clear"):
        assert re.search(r"\d\d:\d\d:\d\d", desk.at(f"step-{step}").inner_text()), step
    (errand,) = client.get(f"/api/v1/incidents/{number}")["assignments"]
    assert errand["state"] == "clear"


def test_engineer_adds_a_camera_and_a_unit(demo: DemoProcess, seats: Seats) -> None:
    """The probe shows a picture or says what is wrong; the camera is live at once; a unit's secret is shown once."""
    gate = urlsplit(next(one["url"] for one in demo.told()["cameras"] if one["id"] == "gate"))
    fresh = secrets.token_hex(2)
    camera, unit = f"yard-{fresh}", f"U9-{fresh.upper()}"
    desk = seats.take("engineer")
    desk.go("/cameras")
    desk.at("camera-add").click()
    for field, text in (
        ("host", gate.hostname or ""),
        ("port", str(gate.port)),
        ("path", gate.path),
        ("username", gate.username or ""),
        ("password", "not this one"),
    ):
        desk.at(f"camera-{field}").fill(text)
    desk.at("camera-probe").click()
    desk.at("probe-problem").filter(has_text="wrong user name or password").wait_for()
    desk.at("camera-password").fill(gate.password or "")
    desk.at("camera-probe").click()
    desk.at("probe-card", ok="true").locator("img").wait_for()
    for field, text in (("id", camera), ("name", "Yard"), ("area", "haikou.meilan.renmin.wanlong")):
        desk.at(f"camera-{field}").fill(text)
    desk.at("camera-save").click()
    desk.at("camera-live", state="playing").wait_for()
    desk.plays("camera-live")
    draw(desk, "intrusion", "yard zone", [(0.2, 0.3), (0.8, 0.3), (0.8, 0.9)])
    draw(desk, "line_crossing", "yard line", [(0.5, 0.2), (0.5, 0.9)])
    assert {rule["kind"] for rule in demo.client("engineer").get(f"/api/v1/cameras/{camera}/rules")["items"]} == {
        "intrusion",
        "line_crossing",
    }
    desk.go("/units")
    desk.at("unit-add").click()
    for field, text in (("id", unit), ("name", "Yard house"), ("area", "haikou.meilan.renmin.wanlong")):
        desk.at(f"unit-{field}").fill(text)
    desk.at("unit-save").click()
    secret = desk.at("unit-secret").inner_text()
    assert len(secret) >= 16
    desk.at("unit-secret-done").click()
    desk.at(f"unit-row-{unit}").wait_for()
    assert secret not in desk.page.content()


def draw(desk: Seat, kind: str, name: str, points: list[tuple[float, float]]) -> None:
    desk.at("rule-add").click()
    desk.at(f"rule-add-{kind}").click()
    desk.at("rule-name").fill(name)
    desk.at("drawing").scroll_into_view_if_needed()
    for number, (x, y) in enumerate(points, 1):
        box = desk.at("drawing").bounding_box()
        assert box is not None
        desk.at("drawing").click(position={"x": x * box["width"], "y": y * box["height"]})
        desk.at(f"point-{number}").wait_for()
    desk.at("rule-save").click()
    desk.at("rules").get_by_role("cell", name=name).wait_for()


def test_analyst_plays_back(demo: DemoProcess, seats: Seats) -> None:
    """The timeline has recordings; a step to an event plays its clip, shows its facts and why it fired."""
    analyst = demo.client("analyst")
    wait_for(
        lambda: analyst.get("/api/v1/events?source_id=gate&kind=intrusion,line_crossing&limit=1")["items"],
        90,
        "an event of the gate",
    )
    desk = seats.take("analyst")
    desk.go("/timeline?camera=gate")
    track = desk.at("timeline-track-gate")
    track.wait_for()
    desk.at("timeline-tracks").focus()
    desk.page.keyboard.press("b")
    desk.at("event-facts").wait_for()
    desk.plays("timeline-clip")
    desk.at("event-why").filter(has_text="version 1").wait_for()
    number = desk.at("event-facts").get_attribute("data-event")
    event = analyst.get(f"/api/v1/events/{number}")
    assert event["source_id"] == "gate"
    desk.at("timeline-gaps").wait_for(state="detached")
    desk.page.keyboard.press("0")
    box = track.bounding_box()
    assert box is not None
    desk.page.mouse.click(box["x"] + box["width"] - 12, box["y"] + box["height"] / 2)
    desk.at("timeline-gaps").or_(desk.at("event-facts")).wait_for()


def test_a_wall_that_loses_the_feed(demo: DemoProcess, seats: Seats) -> None:
    """It says that it is stale, takes no refused step for done, and has everything when the line is back."""
    client = demo.client("dispatcher")
    number = new_incident(client)
    with Line(demo.told()["url"]) as line:
        wall = seats.take("operator", url=line.url)
        wall.open_incident(number)
        wall.at("feed-state", state="live").wait_for()
        line.silence()
        assert client.post(f"/api/v1/incidents/{number}/claim")[0] == 200
        wall.at("feed-state", state="stale").wait_for(timeout=STALE_WITHIN_MS)
        wall.at("banner").filter(has_text="out of date").wait_for()
        wall.incident(number, state="new").wait_for()
        line.mend()
        wall.at("feed-state", state="live").wait_for()
        wall.incident(number, state="claimed").wait_for()
        line.cut()
        wall.at("feed-state", state="reconnecting").wait_for()
        wall.page.keyboard.press("x")
        wall.at("disposition-test").click()
        wall.at("close-confirm").click()
        wall.at("incident-said").filter(has_text="did not answer").wait_for()
        other = new_incident(client, besides=number)
        assert client.post(f"/api/v1/incidents/{other}/claim")[0] == 200
        line.mend()
        wall.at("feed-state", state="live").wait_for()
        wall.at("banner").filter(has_not_text="reached").wait_for(state="attached")
        wall.go(f"/?incident={other}")
        wall.at(f"incident-row-{other}", state="claimed").wait_for()
        wait_for(lambda: shown(wall) == open_now(client), 20, "the wall's count to be the server's")


def shown(wall: Seat) -> int:
    return int(re.findall(r"\d+", wall.at("incident-count").inner_text())[0])


def open_now(client: Client) -> int:
    return len(client.get("/api/v1/incidents?state=new,claimed&limit=500")["items"])


PAGES = (
    *("/", "/cameras", "/cameras/gate", "/cameras/gate/acceptance", "/cameras/new", "/cameras/import"),
    *("/units", "/patrols", "/timeline", "/status", "/users"),
)
TECHNICAL = {"WebRTC", "English", "alertwall", "mosquitto", "iotcore", "PostgreSQL", "rtsp", "tcp", "udp"}
DICTIONARIES = ROOT / "dashboard_api" / "wall" / "src" / "i18n"
LATIN_TEXTS = """() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const owner = walker.currentNode.parentElement;
    if (!owner || owner.closest('style, script, kbd') || !owner.getClientRects().length) continue;
    found.add(walker.currentNode.textContent.trim());
  }
  for (const owner of document.querySelectorAll('[aria-label], [placeholder], [title], [alt]'))
    for (const name of ['aria-label', 'placeholder', 'title', 'alt'])
      if (owner.hasAttribute(name)) found.add(owner.getAttribute(name).trim());
  return [...found].filter((text) => /[A-Za-z]{3,}/.test(text) && !/[\\u4e00-\\u9fff]/.test(text));
}"""


def english_words() -> set[str]:
    """Return what the wall says in English and not in Chinese, from its own dictionaries."""
    spoken: dict[str, set[str]] = {"en": set(), "zh": set()}
    for source in DICTIONARIES.glob("*.ts"):
        for language, block in re.findall(
            r"export const (en|zh)\b.*?= \{\n(.*?)\n\}", source.read_text("utf-8"), re.DOTALL
        ):
            spoken[language] |= set(re.findall(r'^  "[^"]+": "(.+)",$', block, re.MULTILINE))
    assert len(spoken["en"]) > 100
    return spoken["en"] - spoken["zh"]


def words_of(told: Any) -> set[str]:
    """Return every text in a JSON document, which people or machines named and nobody translates."""
    if isinstance(told, dict):
        return set().union(*map(words_of, told.values())) if told else set()
    if isinstance(told, list):
        return set().union(*map(words_of, told)) if told else set()
    return {told} if isinstance(told, str) else set()


def test_the_wall_in_chinese(demo: DemoProcess, seats: Seats) -> None:
    """One click changes the language; no page keeps a word of English that is not somebody's name."""
    number = seen_incident(demo.client("operator"))
    client = demo.client("admin")
    lists = (
        "cameras",
        "units",
        "areas",
        "patrols",
        "users",
        "status",
        "cameras/gate/rules",
        f"incidents/{number}",
        "incidents",
    )
    dictionary = english_words()
    known = TECHNICAL.union(*(words_of(client.get(f"/api/v1/{path}")) for path in lists))
    desk = seats.take("admin")
    try:
        desk.at("user-menu").click()
        desk.at("language-zh-CN").click()
        desk.at("nav-wall").filter(has_text="警情墙").wait_for()
        for path in (f"/?incident={number}", *PAGES[1:]):
            desk.go(path)
            desk.at("feed-state", state="live").wait_for()
            desk.page.locator("main").filter(has_text=re.compile("[一-龥]{2}")).wait_for()
            texts = desk.page.evaluate(LATIN_TEXTS)
            english = [text for text in texts if text in dictionary or not is_named(text, known)]
            assert english == [], path
        assert desk.page.locator("html").get_attribute("lang") == "zh-CN"
    finally:
        client.send("PATCH", "/api/v1/me", {"language": "en"})


def is_named(text: str, known: set[str]) -> bool:
    """Whether every word in it is a name that the API told, or an address."""
    if text in known or "://" in text:
        return True
    told = json.dumps(sorted(known), ensure_ascii=False)
    return all(word in told for word in re.findall(r"[A-Za-z][\w.-]*", text))
