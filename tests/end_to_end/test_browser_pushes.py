"""A browser as a camera: Chromium pushes over WHIP, from a page of another site and from our own; the wall shows it."""

import contextlib
import http.client
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.browser import PHONE_PX, Seat, Seats
from tests.support.demo_process import Client, DemoProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
AREA = "haikou.meilan.renmin.xinbu"
PAGE = b"""<!doctype html><canvas id=c width=640 height=360></canvas><script>
let number = 0
setInterval(() => {
  const pen = c.getContext('2d')
  pen.fillStyle = `hsl(${number++ % 360} 80% 50%)`
  pen.fillRect(0, 0, 640, 360)
  pen.fillStyle = 'white'
  pen.fillRect(number % 600, 150, 40, 40)
}, 40)
async function publish(url, token, trickle) {
  const peer = window.peer = new RTCPeerConnection()
  for (const track of c.captureStream(25).getTracks()) peer.addTransceiver(track, {direction: 'sendonly'})
  const candidates = []
  peer.onicecandidate = one => one.candidate && candidates.push('a=' + one.candidate.candidate)
  const gathered = new Promise(done => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done()
  })
  await peer.setLocalDescription(await peer.createOffer())
  const early = peer.localDescription.sdp
  if (!trickle) await gathered
  const headers = {Authorization: 'Bearer ' + token}
  const answer = await fetch(url, {
    method: 'POST', body: trickle ? early : peer.localDescription.sdp,
    headers: {...headers, 'Content-Type': 'application/sdp'},
  })
  if (answer.status !== 201) return [answer.status, (await answer.json()).detail]
  window.session = new URL(answer.headers.get('Location'), url).href
  await peer.setRemoteDescription({type: 'answer', sdp: await answer.text()})
  if (!trickle) return [201, '']
  await gathered
  const ufrag = early.match(/a=ice-ufrag:\\S+/)[0]
  const more = await fetch(session, {
    method: 'PATCH', body: [ufrag, 'm=video 9 UDP/TLS/RTP/SAVPF 0', 'a=mid:0', ...candidates, ''].join('\\r\\n'),
    headers: {...headers, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': answer.headers.get('ETag')},
  })
  return [more.status, '']
}
</script>"""


@contextlib.contextmanager
def another_site() -> Iterator[str]:
    """Serve the publisher's page from an origin that is not the wall's."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="another-site")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def register(desk: Seat, camera: str) -> None:
    """Register a camera that pushes; its publishing card is open then."""
    desk.go("/cameras")
    desk.at("camera-add").click()
    desk.at("camera-scheme").click()
    desk.page.get_by_role("option", name="WebRTC push (WHIP)").click()
    for field, text in (("id", camera), ("name", "A phone"), ("area", AREA)):
        desk.at(f"camera-{field}").fill(text)
    desk.at("camera-save").click()
    desk.at("publish-card").wait_for()


@pytest.mark.parametrize("trickle", [False, True])
def test_a_browser_becomes_a_camera(demo: DemoProcess, seats: Seats, trickle: bool) -> None:
    """Registered in the wall, which shows address and token once; pushed from elsewhere; seen, recorded, ended."""
    desk, camera = seats.take("engineer"), f"phone-{secrets.token_hex(2)}"
    register(desk, camera)
    url, token = desk.at("publish-url").inner_text(), desk.at("publish-token").inner_text()
    assert url == f"{demo.told()['url']}/api/v1/cameras/{camera}/whip"
    desk.at("publish-done").click()
    client = demo.client("engineer")
    wait_for(lambda: client.get(f"/api/v1/cameras/{camera}")["state"], 10, "a worker holds it")
    with another_site() as page:
        phone = seats.take(None, url=page)
        phone.page.goto(page)
        assert phone.page.evaluate("([u, t, w]) => publish(u, t, w)", [url, "wrong", trickle])[0] == 401
        said = phone.page.evaluate("([u, t, w]) => publish(u, t, w)", [url, token, trickle])
        assert said == [204 if trickle else 201, ""]

        def streaming() -> bool:
            state = client.get(f"/api/v1/cameras/{camera}")["state"]
            return bool(state["state"] == "streaming" and state["recording"] and state["codec"] == "h264")

        wait_for(streaming, 20, "the browser's pictures arrive")
        desk.at("camera-live", state="playing").wait_for()
        desk.plays("camera-live")
        second = phone.page.evaluate("([u, t, w]) => publish(u, t, w)", [url, token, False])
        assert second[0] == 409
        ended = phone.page.evaluate(
            "t => fetch(session, {method: 'DELETE', headers: {Authorization: 'Bearer ' + t}}).then(a => a.status)",
            token,
        )
        assert ended == 204

        def gone() -> bool:
            return "publisher" in client.get(f"/api/v1/cameras/{camera}")["state"]["reason"]

        wait_for(gone, 10, "its leaving is said")


def phone_seat(seats: Seats, **options: Any) -> Seat:
    """Nobody signed in, on a phone whose camera is lent."""
    given = {"viewport": PHONE_PX, "is_mobile": True, "has_touch": True, "permissions": ["camera"], **options}
    return seats.take(None, **given)


def link_of(desk: Seat) -> str:
    """Return what the card says, which its QR code says too."""
    desk.at("publish-qr").wait_for()
    return desk.at("publish-link").inner_text()


def streams(client: Client, camera: str) -> None:
    def streaming() -> bool:
        state = client.get(f"/api/v1/cameras/{camera}")["state"]
        return bool(state["state"] == "streaming" and state["recording"] and state["codec"] == "h264")

    wait_for(streaming, 20, "the phone's pictures arrive")


def is_gone(client: Client, camera: str) -> None:
    def gone() -> bool:
        return "publisher" in client.get(f"/api/v1/cameras/{camera}")["state"]["reason"]

    wait_for(gone, 10, "its leaving is said")


def test_a_phone_becomes_a_camera_by_a_link(demo: DemoProcess, seats: Seats) -> None:
    """Nobody signs in: preview, start, live, a lost network, stop; the token stands in no address that is asked for."""
    desk, camera = seats.take("engineer"), f"pocket-{secrets.token_hex(2)}"
    register(desk, camera)
    link, token = link_of(desk), desk.at("publish-token").inner_text()
    assert link == f"{demo.told()['url']}/publish#{camera}.{token}"
    desk.at("publish-done").click()
    client, phone = demo.client("engineer"), phone_seat(seats)
    asked: list[str] = []
    sessions: list[str] = []
    phone.page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
    phone.page.on("response", lambda answer: sessions.extend(filter(None, [answer.headers.get("location")])))
    phone.page.goto(link)
    phone.at("publish-state", state="ready").wait_for()
    phone.plays("publish-preview", 0.2)
    assert sessions == []
    phone.at("publish-start").click()
    phone.at("publish-state", state="live").filter(has_text="pictures a second").wait_for()
    streams(client, camera)
    desk.at("camera-live", state="playing").wait_for()
    desk.plays("camera-live")
    phone.at("publish-camera").select_option("user")
    phone.plays("publish-preview", 0.2)
    phone.at("publish-state", state="live").wait_for()

    phone.context.set_offline(True)
    status, _, _ = client.raw("DELETE", sessions[-1], Authorization=f"Bearer {token}")
    assert status == 204
    phone.at("publish-state", state="reconnecting").wait_for()
    phone.context.set_offline(False)
    phone.at("publish-state", state="live").wait_for()
    assert len(sessions) == 2
    streams(client, camera)

    phone.at("publish-stop").click()
    phone.at("publish-state", state="idle").wait_for()
    assert phone.page.evaluate("document.querySelector('video').srcObject") is None
    is_gone(client, camera)
    phone.at("publish-language").click()
    phone.at("publish-state").filter(has_text="已停止").wait_for()
    phone.at("publish-start").click()
    phone.at("publish-state", state="live").wait_for()
    streams(client, camera)
    phone.page.goto("about:blank")
    is_gone(client, camera)
    assert asked
    assert not any(token in url for url in asked)


def test_the_page_says_why_a_device_cannot_be_a_camera(demo: DemoProcess, seats: Seats) -> None:
    """No permission, no encoder, plain http, half a link, a token that was replaced: each in its own words."""
    desk, camera = seats.take("engineer"), f"pocket-{secrets.token_hex(2)}"
    register(desk, camera)
    link = link_of(desk)
    desk.at("publish-done").click()

    denied = phone_seat(seats, permissions=[])
    denied.page.goto(link)
    denied.at("publish-state", why="denied").wait_for()

    old = phone_seat(seats)
    old.page.add_init_script("RTCRtpSender.getCapabilities = () => ({codecs: [], headerExtensions: []})")
    old.page.goto(link)
    old.at("publish-state", why="no_h264").filter(has_text="cannot encode H.264").wait_for()

    home, plain = demo.told()["url"], "http://wall.example"
    bare = phone_seat(seats)
    ask = bare.context.request
    bare.context.route(f"{plain}/**", lambda way: way.fulfill(response=ask.get(way.request.url.replace(plain, home))))
    bare.page.goto(link.replace(home, plain))
    bare.at("publish-state", why="insecure").filter(has_text="https").wait_for()

    half = phone_seat(seats, locale="zh-CN")
    half.page.goto(link[:-30])
    half.at("publish-no-link").filter(has_text="链接不完整").wait_for()
    half.page.goto(link)
    half.at("publish-state", state="ready").wait_for()
    client = demo.client("engineer")
    assert client.post(f"/api/v1/cameras/{camera}/publish-token")[0] == 200
    half.at("publish-start").click()
    half.at("publish-state", why="token").filter(has_text="链接已失效").wait_for()


def test_the_demo_s_own_publisher_is_live(demo: DemoProcess, seats: Seats) -> None:
    """The third camera pushes by itself, and is watched as any other."""
    client = demo.client("operator")
    wait_for(
        lambda: (client.get("/api/v1/cameras/community")["state"] or {}).get("state") == "streaming", 20, "it is up"
    )
    desk = seats.take("operator")
    desk.go("/cameras/community")
    desk.at("camera-live", state="playing").wait_for()
    desk.plays("camera-live")


def test_a_publishing_token_opens_nothing_else(demo: DemoProcess) -> None:
    """Not even a look at its own camera."""
    url = urlsplit(next(one["url"] for one in demo.told()["cameras"] if one["id"] == "community"))
    assert url.path == "/api/v1/cameras/community/whip"
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
    connection.request("POST", url.path, b"v=0", {"Content-Type": "application/sdp", "Authorization": "Bearer no"})
    assert connection.getresponse().status == 401
    connection.close()
