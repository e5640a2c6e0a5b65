"""Take the README's picture of the wall from a running demo: `python tools/screenshot.py [--home FOLDER] [--out FILE]`.

It signs in as the dispatcher, takes the most urgent incident that a camera has seen, and sends a patrol to it.
"""

import argparse
import io
import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import av  # noqa: E402
import av.filter  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from alertwall.homes import demo_home  # noqa: E402
from tests.support.browser import ARGUMENTS, WALL_PX, chromium_path  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page

WAIT_S = 180.0
LEAST_INCIDENTS = 8
"""A wall with fewer looks like nothing happens."""
MOST_BYTES = 400_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=demo_home(), help="the running demo's state folder")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "wall.png")
    asked = parser.parse_args()
    try:
        told = json.loads((asked.home / "demo.json").read_text("utf-8"))
    except OSError:
        print(f"no demo in {asked.home}: start `make demo` first", file=sys.stderr)
        return 2
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        page = browser.new_context(viewport=WALL_PX, locale="en-GB").new_page()
        sign_in(page, told)
        show(page, seen_incident(page))
        picture = with_palette(page.screenshot(type="png"))
        browser.close()
    if len(picture) > MOST_BYTES:
        print(f"the picture has {len(picture)} bytes, {MOST_BYTES} are the most", file=sys.stderr)
        return 1
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_bytes(picture)
    print(f"{asked.out}: {len(picture) / 1000:.0f} kB")
    return 0


def sign_in(page: "Page", told: dict[str, Any]) -> None:
    account = next(user for user in told["users"] if user["role"] == "dispatcher")
    page.goto(told["url"])
    page.get_by_test_id("login-username").fill(account["username"])
    page.get_by_test_id("login-password").fill(account["password"])
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("user-menu").wait_for()


def ask(page: "Page", path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the API as the page itself does."""
    return cast(
        "dict[str, Any]",
        page.evaluate(
            """([path, body]) => fetch(`/api/v1/${path}`, body && {
                method: 'POST', body: JSON.stringify(body), headers: {'Content-Type': 'application/json'},
            }).then((answer) => answer.json())""",
            [path, body],
        ),
    )


def seen_incident(page: "Page") -> int:
    """Wait for a wall worth a picture; return its most urgent incident with a snapshot."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        open_now = {item["id"]: item for item in ask(page, "incidents?state=new&limit=100")["items"]}
        events = ask(page, "events?kind=intrusion,line_crossing&limit=200")["items"]
        seen = [open_now[event["incident_id"]] for event in events if event["incident_id"] in open_now]
        if seen and len(open_now) >= LEAST_INCIDENTS:
            return int(min(seen, key=lambda item: (item["priority"], -item["id"]))["id"])
        page.wait_for_timeout(1_000)
    raise SystemExit(f"no wall worth a picture within {WAIT_S:g} s")


def show(page: "Page", number: int) -> None:
    """Open the incident, take it, send a patrol, and wait until all of that is to be seen."""
    page.goto(f"{page.url.split('?')[0]}?incident={number}")
    page.get_by_test_id("incident-claim").click()
    page.get_by_test_id("incident-dispatch").click()
    page.locator('[data-testid^="dispatch-patrol-"]:enabled').first.click()
    page.get_by_test_id("dispatch-note").fill("Check the back door")
    page.get_by_test_id("dispatch-send").click()
    page.get_by_test_id("step-queued").first.wait_for()
    page.get_by_test_id("dispatch-note").wait_for(state="detached")
    page.get_by_test_id("media-snapshot").click()
    picture = page.get_by_test_id("incident-snapshot").locator("img").element_handle()
    page.wait_for_function("img => img.complete && img.naturalWidth > 0", arg=picture)
    page.mouse.move(2, 2)


def with_palette(png: bytes) -> bytes:
    """Reduce a picture to 256 colours: less than half the bytes, and nobody sees it."""
    with av.open(io.BytesIO(png), "r") as box:
        frame = next(box.decode(video=0))
        graph = av.filter.Graph()
        source = graph.add_buffer(template=box.streams.video[0])
    split, sink = graph.add("split"), graph.add("buffersink")
    palette = graph.add("palettegen", "max_colors=256:reserve_transparent=0")
    painted = graph.add("paletteuse", "dither=sierra2_4a")
    source.link_to(split)
    split.link_to(palette, 0, 0)
    split.link_to(painted, 1, 0)
    palette.link_to(painted, 0, 1)
    painted.link_to(sink)
    graph.configure()
    source.push(frame)
    source.push(None)
    reduced = cast("av.VideoFrame", sink.pull())
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = reduced.width, reduced.height, "pal8"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"compression_level": "9", "pred": "none"}
    return b"".join(bytes(packet) for packet in [*encoder.encode(reduced), *encoder.encode(None)])


if __name__ == "__main__":
    sys.exit(main())
