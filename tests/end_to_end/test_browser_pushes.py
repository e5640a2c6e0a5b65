"""A browser as a camera: Chromium, on a page of another site, pushes a canvas over WHIP; the wall shows it."""

import contextlib
import http.client
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.support.browser import Seats
from tests.support.demo_process import DemoProcess, wait_for

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


@pytest.mark.parametrize("trickle", [False, True])
def test_a_browser_becomes_a_camera(demo: DemoProcess, seats: Seats, trickle: bool) -> None:
    """Registered in the wall, which shows address and token once; pushed from elsewhere; seen, recorded, ended."""
    camera = f"phone-{secrets.token_hex(2)}"
    desk = seats.take("engineer")
    desk.go("/cameras")
    desk.at("camera-add").click()
    desk.at("camera-scheme").click()
    desk.page.get_by_role("option", name="WebRTC push (WHIP)").click()
    for field, text in (("id", camera), ("name", "A phone"), ("area", AREA)):
        desk.at(f"camera-{field}").fill(text)
    desk.at("camera-save").click()
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
