"""A picture that stands still: a sign of a hanging camera, or what the camera always sends."""

from collections.abc import Iterator

import pytest

from ingest import link as links
from ingest.camera_server import CameraServer
from ingest.web import pictures as reading
from ingest.web.connection import Answer
from ingest.web.pictures import Sameness
from models.camera import CameraSource, LinkState
from tests.ingest.test_link import Watched, in_state
from tests.support.rtsp import HostileServer, clip
from tests.support.web import answering, forever, pictures, reply, source

STILL = pictures()[0]
FROZEN = "the picture is frozen"


@pytest.fixture(autouse=True)
def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a constant of the product."""
    monkeypatch.setattr(links, "FROZEN_AFTER_S", 0.5)
    monkeypatch.setattr(links, "STALE_AFTER_S", 1.0)
    monkeypatch.setattr(reading, "POLL_EVERY_S", 0.1)
    monkeypatch.setattr("ingest.door.GOP_TICKS", 9000)


@pytest.fixture
def watched() -> Iterator[list[Watched]]:
    made: list[Watched] = []
    yield made
    for one in made:
        one.link.stop()
        one.link.join(3)


def begin(made: list[Watched], camera: CameraSource) -> Watched:
    one = Watched(camera, read_timeout_s=5.0)
    made.append(one)
    one.link.start()
    one.until(in_state(LinkState.STREAMING))
    return one


def stands_for(one: Watched, seconds: float) -> float:
    """Have so many seconds of equal key frames decoded; return how long the picture has been the same."""
    link = one.link
    while link.gate.same_since_s is None or link.gate._now_s - link.gate.same_since_s < seconds:
        one.frames.get(timeout=5)
    link.look()
    return link.gate._now_s - link.gate.same_since_s


def test_equal_pictures_of_an_rtsp_camera_are_frozen(watched: list[Watched]) -> None:
    """A sensor has noise: the very same key frame again and again comes from a camera that hangs."""
    with CameraServer({"gate": clip()}) as camera:
        one = begin(watched, camera.source("gate", freeze=0.2))
        while one.link.state().reason != FROZEN:  # the jump to the repeated picture counts as damage at first
            one.frames.get(timeout=5)
            one.link.look()
        assert one.link.state().state is LinkState.DEGRADED


@pytest.mark.parametrize(
    "serve",
    [
        answering(lambda _request: reply(STILL, kind="image/jpeg")),
        forever(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n",
            b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(STILL) + STILL + b"\r\n",
            every_s=0.1,
        ),
    ],
)
def test_equal_jpeg_pictures_are_a_still_scene(watched: list[Watched], serve: object) -> None:
    """That they come is the sign of life: a road camera has a new one each minute, and is asked each second."""
    with HostileServer(serve) as server:  # type: ignore[arg-type]
        one = begin(watched, source(server.port))
        assert stands_for(one, 1.5) > links.STALE_AFTER_S > links.FROZEN_AFTER_S
        assert one.link.state().state is LinkState.STREAMING


def test_a_source_that_calls_its_picture_the_same_for_long_is_frozen(watched: list[Watched]) -> None:
    """By its ETag; a new one is a living camera, even of the same picture."""
    tags = ["first"]

    def answer(_request: bytes) -> bytes:
        return reply(STILL, f'ETag: "{tags[-1]}"', kind="image/jpeg")

    with HostileServer(answering(answer)) as server:
        one = begin(watched, source(server.port))
        stands_for(one, 1.5)
        assert one.until(in_state(LinkState.DEGRADED)).reason == FROZEN
        tags.append("second")
        while one.link._frozen():
            one.frames.get(timeout=5)
        one.link.look()
        assert one.until(in_state(LinkState.STREAMING)).reason == ""


def test_what_answers_tell_about_sameness() -> None:
    """Nothing without headers; other bytes are another picture, whatever the headers claim."""
    same, plain = Answer(200, (("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"),)), Answer(200, ())
    later = Answer(200, (("last-modified", "Thu, 01 Jan 1970 00:01:00 GMT"),))
    sameness = Sameness()
    told = []
    for at, (answer, body) in enumerate(
        [(plain, b"one"), (plain, b"one"), (same, b"one"), (same, b"one"), (same, b"two"), (later, b"two")]
    ):
        sameness.take(answer, body, float(at))
        told.append(sameness.since_s)
    assert told == [None, None, 2.0, 2.0, 4.0, 5.0]
