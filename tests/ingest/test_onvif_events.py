"""Events that a camera detects itself: subscribed, pulled, mapped; nothing about persons passes."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.backoff import Backoff
from ingest.onvif import CameraSaid, EventLink, EventLinkConfig
from ingest.onvif.event_link import EVENTS_PER_MINUTE_MAX
from ingest.onvif.topics import ACTIVE_MAX, Reader
from ingest.onvif.xml import parse
from models.clock import Clock, SystemClock
from models.event import EventKind
from tests.ingest.conftest import LOOPBACK
from tests.support.clock import FakeClock
from tests.support.onvif_device import OnvifDevice, Options, saying
from tests.support.onvif_words import instant, notification

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOTION = "RuleEngine/CellMotionDetector/Motion"
SECRET = "KA-17-CANARY"


class Heard:
    """Collects what a link says."""

    def __init__(self) -> None:
        self.said: list[CameraSaid] = []
        self._changed = threading.Condition()

    def __call__(self, said: CameraSaid) -> None:
        with self._changed:
            self.said.append(said)
            self._changed.notify_all()

    def wait(self, count: int) -> list[CameraSaid]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.said) >= count, 5), self.said
            return list(self.said)


@contextmanager
def listening(
    device: OnvifDevice, heard: Heard, password: str = "open sesame", clock: Clock | None = None
) -> Iterator[EventLink]:
    config = EventLinkConfig(
        camera_id="gate",
        host="127.0.0.1",
        port=device.port,
        username="viewer",
        password=password,
        allowed_networks=LOOPBACK,
    )
    link = EventLink(config, heard, clock=clock or SystemClock(), backoff=Backoff(first_s=0.05, limit_s=0.1))
    link.start()
    try:
        yield link
    finally:
        began_s = time.monotonic()
        link.stop()
        assert link.join(3)
        assert time.monotonic() - began_s < 2


def until(true: Any) -> None:
    deadline_s = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline_s, "it did not come"
        threading.Event().wait(0.02)


def read(
    *said: str, reader: Reader | None = None, now: datetime = NOW, skew: timedelta = timedelta()
) -> list[CameraSaid]:
    document = f'<r:PullMessagesResponse xmlns:r="urn:r">{"".join(said)}</r:PullMessagesResponse>'
    return list((reader or Reader()).read(parse(document.encode()), now, skew))


def one(topic: str, data: dict[str, str], *, operation: str = "Changed", at: str = instant(NOW), **source: str) -> str:
    return notification(topic, data, source, operation, at)


@pytest.mark.alone
@pytest.mark.parametrize("auth", ["token", "digest"])
def test_a_camera_is_listened_to(auth: str) -> None:
    """Subscribed by either proof, pulled as it happens, and the subscription ended when we go."""
    heard = Heard()
    with OnvifDevice(Options(auth=auth)) as device:
        with listening(device, heard) as link:
            device.say(MOTION, {"IsMotion": "true"}, Rule="yard", VideoSourceConfigurationToken="v1")
            [said] = heard.wait(1)
            stats = link.stats()
            assert (stats.subscribed, stats.problem, stats.events_total) == (True, "", 1)
        assert device.subscriptions == set()
    assert said.kind is EventKind.MOTION
    assert said.attrs == {
        "reason": "said by the camera itself",
        "topic": MOTION,
        "source": {"Rule": "yard", "VideoSourceConfigurationToken": "v1"},
        "data": {"IsMotion": "true"},
    }
    assert abs(said.time - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.alone
def test_a_wrong_clock_is_corrected() -> None:
    """An hour ahead: the event has our time, and keeps the camera's beside it."""
    heard = Heard()
    with OnvifDevice(Options(ahead=timedelta(hours=1))) as device, listening(device, heard):
        device.say("RuleEngine/LineDetector/Crossed", {"ObjectId": "7"})
        [said] = heard.wait(1)
    assert said.device_time is not None
    assert said.device_time - said.time == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=3))
    assert (said.kind, said.attrs["data"]) == (EventKind.LINE_CROSSING, {"ObjectId": "7"})


@pytest.mark.alone
def test_a_rebooted_camera_is_subscribed_to_again() -> None:
    heard = Heard()
    with OnvifDevice() as device, listening(device, heard):
        until(lambda: "PullMessages" in device.asked)
        device.reboot()
        until(lambda: device.asked.count("CreatePullPointSubscription") == 2)
        device.say(MOTION, {"IsMotion": "1"})
        assert heard.wait(1)[0].kind is EventKind.MOTION


@pytest.mark.alone
def test_a_subscription_is_renewed_in_time(clock: FakeClock) -> None:
    """A minute before it ends; where the camera knows no renewal, it is made anew and the old one ended."""
    heard = Heard()
    with OnvifDevice() as device, listening(device, heard, clock=clock) as link:
        until(lambda: "PullMessages" in device.asked)
        assert "Renew" not in device.asked
        clock.advance(245)
        device.say(MOTION, {"IsMotion": "true"})
        until(lambda: "Renew" in device.asked and device.asked[-1] == "PullMessages")  # the answer was taken
        assert device.asked.count("CreatePullPointSubscription") == 1
        device.options.instead["Renew"] = saying("HTTP/1.1 400 Bad Request\nContent-Length: 0")
        clock.advance(245)
        device.say(MOTION, {"IsMotion": "false"})
        until(lambda: device.asked.count("CreatePullPointSubscription") == 2)
        until(lambda: link.stats().subscribed)
        assert len(device.subscriptions) == 1


@pytest.mark.alone
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (saying("HTTP/1.1 200 OK\nContent-Length: 5", b"<a><b"), "malformed XML"),
        (saying("HTTP/1.1 200 OK\nContent-Length: 100000000"), "an answer that is too large"),
        (saying("HTTP/1.1 200 OK\nContent-Length: 14", b"<!DOCTYPE a []"), "XML with a document type"),
        (saying("HTTP/1.1 302 Found\nLocation: http://169.254.169.254/\nContent-Length: 0"), "redirect refused"),
        (saying("garbage"), "does not speak HTTP"),
    ],
)
def test_bad_answers_cost_nothing(answer: Any, reason: str) -> None:
    """The thread stays, waits, and is back as soon as the camera makes sense."""
    heard = Heard()
    with OnvifDevice() as device, listening(device, heard) as link:
        until(lambda: link.stats().subscribed)
        device.options.instead["PullMessages"] = answer
        device.say_raw("")
        device.reboot()
        until(lambda: link.stats().problem == reason)
        del device.options.instead["PullMessages"]
        device.say(MOTION, {"IsMotion": "true"})
        heard.wait(1)


@pytest.mark.alone
def test_a_wrong_password_is_tried_slowly() -> None:
    heard = Heard()
    with OnvifDevice() as device:
        with listening(device, heard, "guess") as link:
            until(lambda: link.stats().problem == "wrong user name or password")
        assert device.refused == 1


@pytest.mark.alone
def test_nothing_about_persons_is_kept_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Faces and plates are dropped by their topic and counted; of other topics no such value is taken along."""
    caplog.set_level(logging.DEBUG)
    heard = Heard()
    topics = (
        "RuleEngine/Recognition/Face",
        "RuleEngine/Recognition/License" + "Plate",
        "UserAlarm/IVA/Face" + "Detection",
    )
    with OnvifDevice() as device, listening(device, heard) as link:
        for topic in topics:
            device.say(topic, {"Likelihood": "1", "Plate": SECRET, "State": "true", "ObjectId": SECRET}, Rule=SECRET)
        device.say(
            "RuleEngine/LineDetector/Crossed", {"ObjectId": "7", "Plate" + "Number": SECRET, "Name": SECRET}, Who=SECRET
        )
        device.say("RuleEngine/SomethingNew/Thing", {"State": "true", "Person": SECRET})
        [said] = heard.wait(1)
        until(lambda: link.stats().ignored_total == 1)
        assert link.stats().private_total == len(topics)
    assert SECRET not in repr(said)
    assert SECRET not in repr(link.stats())
    assert SECRET not in repr(vars(link)) + repr(link._reader)
    assert SECRET not in caplog.text


@pytest.mark.alone
def test_a_flood_is_cut_and_counted() -> None:
    """Events of one camera may not bury the others'."""
    heard = Heard()
    with OnvifDevice() as device, listening(device, heard) as link:
        for number in range(EVENTS_PER_MINUTE_MAX + 30):
            device.say("RuleEngine/LineDetector/Crossed", {"ObjectId": str(number)})
        until(lambda: link.stats().flooded_total == 30)
        assert link.stats().events_total == EVENTS_PER_MINUTE_MAX


@pytest.mark.parametrize(
    ("topic", "data", "kind"),
    [
        ("VideoSource/MotionAlarm", {"State": "true"}, EventKind.MOTION),
        ("RuleEngine/MotionRegionDetector/Motion", {"State": "1"}, EventKind.MOTION),
        ("RuleEngine/FieldDetector/ObjectsInside", {"IsInside": "true"}, EventKind.INTRUSION),
        ("RuleEngine/TamperDetector/Tamper", {"IsTamper": "true"}, EventKind.CAMERA_TAMPER),
        ("VideoSource/SignalLoss", {"State": "true"}, EventKind.CAMERA_TAMPER),
        ("VideoSource/ImageTooDark/ImagingService", {"State": "true"}, EventKind.CAMERA_TAMPER),
        ("VideoSource/tnsaxis:GlobalSceneChange/AnalyticsService", {"State": "true"}, EventKind.CAMERA_TAMPER),
        ("Device/Trigger/DigitalInput", {"LogicalState": "true"}, EventKind.DIGITAL_INPUT),
    ],
)
def test_topics_are_mapped(topic: str, data: dict[str, str], kind: EventKind) -> None:
    assert [said.kind for said in read(one(topic, data))] == [kind]


@pytest.mark.parametrize(
    "said",
    [
        one("Monitoring/ProcessorUsage", {"Value": "3"}),
        one(MOTION, {"IsMotion": "perhaps"}),
        one(MOTION, {}),
        one("", {"State": "true"}),
        one("VideoSource/MotionAlarm/Deep/Er", {"State": "true"}),
        "<NotificationMessage/>",
        "<NotificationMessage><Topic>tns1:VideoSource/MotionAlarm</Topic></NotificationMessage>",
    ],
)
def test_what_is_not_understood_is_counted(said: str) -> None:
    reader = Reader()
    assert read(said, reader=reader) == []
    assert reader.ignored_total == 1


def test_a_state_is_news_once() -> None:
    """Repeated and initial states are not; each source has its own; a forgotten "off" ends by itself."""
    reader = Reader()
    on, off = {"IsMotion": "true"}, {"IsMotion": "false"}
    assert read(one(MOTION, off, operation="Initialized"), reader=reader) == []
    assert len(read(one(MOTION, on), one(MOTION, on), one(MOTION, on, Rule="other"), reader=reader)) == 2
    assert read(one(MOTION, on, operation="Initialized"), reader=reader) == []
    assert read(one(MOTION, off), reader=reader) == []
    assert len(read(one(MOTION, on), reader=reader)) == 1
    assert len(read(one(MOTION, on), reader=reader, now=NOW + ACTIVE_MAX)) == 1


def test_the_end_of_the_last_tamper_restores() -> None:
    reader = Reader()
    dark, cover = "VideoSource/ImageTooDark/ImagingService", "RuleEngine/TamperDetector/Tamper"
    read(one(dark, {"State": "true"}), one(cover, {"IsTamper": "true"}), reader=reader)
    assert read(one(dark, {"State": "false"}), reader=reader) == []
    [said] = read(one(cover, {}, operation="Deleted"), reader=reader)
    assert (said.kind, said.attrs["restores"]) == (EventKind.RESTORE, "camera_tamper")
    assert read(one(cover, {"IsTamper": "false"}), reader=reader) == []


@pytest.mark.parametrize(
    "at", ["0000-00-00T00:00:00Z", "", "yesterday", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_an_impossible_time_is_ours(at: str) -> None:
    """Some cameras have no clock; then what counts is when we heard of it."""
    for skew in (timedelta(), timedelta(days=-3000 * 365), timedelta(hours=5)):
        [said] = read(one(MOTION, {"IsMotion": "true"}, at=at), skew=skew)
        assert said.time == NOW


def test_states_are_bounded() -> None:
    reader = Reader()
    for number in range(2000):
        read(one(MOTION, {"IsMotion": "true"}, Rule=f"r{number}"), reader=reader)
    assert len(reader._standing) <= 256
