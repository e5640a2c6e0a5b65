"""ONVIF cameras before registration: well-behaved ones by either proof of the password, and those that lie."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from ingest.address import networks
from ingest.onvif import Description, Device, Preset, describe
from ingest.onvif.channel import Channel, Place
from ingest.onvif.xml import BadXml, parse
from models.camera import CameraSource, Scheme
from models.clock import SystemClock
from tests.ingest.conftest import LOOPBACK
from tests.support.onvif_device import OnvifDevice, Options, saying
from tests.support.onvif_words import enveloped, system_time

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in ("ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"))
    + "]><x>&i;</x>"
).encode()
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
DTD = b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://203.0.113.1/x.dtd"><x/>'


def described(device: OnvifDevice, password: str = "open sesame", *, within_s: float = 12) -> Description:
    return describe(
        "127.0.0.1",
        device.port,
        username="viewer",
        password=password,
        allowed_networks=LOOPBACK,
        within_s=within_s,
    )


@pytest.mark.parametrize("auth", ["token", "digest", "none"])
def test_a_camera_describes_itself(auth: str) -> None:
    """Who made it, its clock, main and sub, and which services it has; by each proof of the password."""
    with OnvifDevice(Options(auth=auth)) as device:
        found = described(device)
    assert found.problem == ""
    assert (found.manufacturer, found.model, found.firmware) == ("Make", "M 1", "1.2")
    assert found.clock_skew_s is not None
    assert abs(found.clock_skew_s) < 2
    assert (found.main, found.sub, found.snapshot, found.events, found.ptz) == (0, 1, True, True, True)
    main = found.profiles[0]
    assert (main.codec, main.width_px, main.height_px, main.fps, main.gop_frames) == ("h265", 2560, 1440, 25, 50)
    assert main.source == CameraSource(
        scheme=Scheme.RTSP, host="127.0.0.1", port=8554, path="/main?a=1", username="viewer"
    )
    assert b"open sesame" not in b"".join(device.bodies)


def test_an_older_camera_describes_itself() -> None:
    """Media service of the first version, capabilities in place of services; a JPEG profile is no sub-stream."""
    with OnvifDevice(Options(capabilities_only=True)) as device:
        found = described(device)
    assert (found.problem, found.main, found.sub) == ("", 0, None)
    assert [one.codec for one in found.profiles] == ["h264", "mjpeg"]
    assert found.profiles[0].gop_frames == 50


@pytest.mark.parametrize("auth", ["token", "digest"])
def test_a_wrong_password_is_said_and_tried_once(auth: str) -> None:
    """No lock-out is provoked."""
    with OnvifDevice(Options(auth=auth)) as device:
        assert described(device, "guess").problem == "wrong user name or password"
        assert device.asked.count("GetDeviceInformation") <= 2
        assert "GetProfiles" not in device.asked


def test_a_clock_that_is_an_hour_wrong_is_measured_and_used() -> None:
    """Its proofs are dated by its own clock, else it would call the password wrong."""
    with OnvifDevice(Options(ahead=timedelta(hours=1))) as device:
        found = described(device)
    assert found.problem == ""
    assert found.clock_skew_s == pytest.approx(3600, abs=2)


@pytest.mark.parametrize("year", ["9999", "0001", "0", "99999", "-1", "x", "9" * 3000])
def test_a_clock_that_cannot_be_is_none(year: str) -> None:
    """Nothing is dated by it."""
    said = system_time(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)).replace("2026", year)
    body = enveloped(said).encode()
    answer = saying(f"HTTP/1.1 200 OK\nContent-Length: {len(body)}", body)
    with OnvifDevice(Options(instead={"GetSystemDateAndTime": answer})) as device:
        found = described(device)
    assert (found.problem, found.clock_skew_s) == ("", None)


def test_a_foreign_host_in_an_address_is_never_used() -> None:
    """Neither in a service's address nor in a stream's or snapshot's; its user name and password are dropped."""
    options = Options(xaddr_host="203.0.113.7", stream_uri="rtsp://root:toor@203.0.113.9:10554/live/{token}")
    with OnvifDevice(options) as device:
        found = described(device)
        assert device.asked[-1] == "GET /snapshot.jpg"
    assert found.problem == ""
    source = found.profiles[0].source
    assert source is not None
    assert (source.host, source.port, source.path, source.username) == ("127.0.0.1", 10554, "/live/main", "viewer")


@pytest.mark.parametrize(
    "uri",
    [
        "http://203.0.113.9/x",
        "file:///etc/passwd",
        "rtsp://127.0.0.1:99999/x",
        "rtsp://127.0.0.1:0/x",
        "rtsp://127.0.0.1/a b",
        "rtsp://127.0.0.1/%0d%0aX: y",
        "rtsp://[::1/x",
        "",
        "/" + "a" * 3000,
    ],
)
def test_an_address_that_cannot_be_is_none(uri: str) -> None:
    with OnvifDevice(Options(stream_uri=uri)) as device:
        found = described(device)
    assert found.problem == "no profile with an RTSP address"
    assert [one.source for one in found.profiles] == [None, None]


@pytest.mark.alone
@pytest.mark.parametrize("document", [BOMB, OUTSIDE, DTD])
def test_a_document_type_is_refused(document: bytes) -> None:
    """Billion laughs and external entities: refused at the declaration, nothing is expanded or fetched."""
    began_s = time.monotonic()
    with pytest.raises(BadXml, match="document type"):
        parse(document)
    head = f"HTTP/1.1 200 OK\nContent-Length: {len(document)}"
    with OnvifDevice(Options(instead={"GetDeviceInformation": saying(head, document)})) as device:
        assert described(device).problem == "XML with a document type"
    assert time.monotonic() - began_s < 2


@pytest.mark.parametrize(
    "document",
    [
        *(
            b"",
            b"<",
            b"<a>",
            b"\xff\xfe",
            b"<a></b>",
            b"\0" * 100,
            b"not XML",
            b'<?xml version="1.0" encoding="x-y"?><a/>',
        ),
        b"<a>" * 40 + b"</a>" * 40,
        b"<r>" + b"<a/>" * 30_000 + b"</r>",
    ],
)
def test_malformed_and_excessive_xml_is_refused(document: bytes) -> None:
    with pytest.raises(BadXml):
        parse(document)


def test_long_texts_are_cut() -> None:
    assert len(parse(b'<a b="' + b"y" * 50_000 + b'">' + b"x" * 50_000 + b"</a>").text) == 4096


@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_answer_costs_nothing(announced: bool) -> None:
    """100 MB, announced or streamed without end: given up at half a megabyte."""
    head = "HTTP/1.1 200 OK" + ("\nContent-Length: 100000000" if announced else "\nConnection: close")
    sent = 0

    def stream(connection: object) -> None:
        nonlocal sent
        saying(head)(connection)  # type: ignore[arg-type]
        for _ in range(1600):
            connection.sendall(b" " * 65536)  # type: ignore[attr-defined]
            sent += 65536

    with OnvifDevice(Options(instead={"GetDeviceInformation": stream})) as device:
        assert described(device).problem == "an answer that is too large"
    assert sent < 20_000_000  # what the sockets' own buffers took


@pytest.mark.alone
def test_endless_headers_and_drips_end() -> None:
    """Each byte comes in time, the whole never does."""

    def endless(connection: object) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")  # type: ignore[attr-defined]
        while True:
            connection.sendall(b"X: " + b"y" * 1000 + b"\r\n")  # type: ignore[attr-defined]

    def drip(connection: object) -> None:
        while True:
            connection.sendall(b"H")  # type: ignore[attr-defined]
            threading.Event().wait(0.05)

    for act, reasons in (
        (endless, {"does not speak HTTP", "an answer that is too large"}),
        (drip, {"no answer in time"}),
    ):
        with OnvifDevice(Options(instead={"GetSystemDateAndTime": act})) as device:
            began_s = time.monotonic()
            assert described(device, within_s=0.5).problem in reasons
            assert time.monotonic() - began_s < 2


@pytest.mark.parametrize("operation", ["GetSystemDateAndTime", "GetDeviceInformation", "GetStreamUri", "snapshot"])
def test_a_redirect_leads_nowhere(operation: str) -> None:
    """To the metadata service of a cloud, of all places."""
    redirect = saying("HTTP/1.1 307 Temporary Redirect\nLocation: http://169.254.169.254/latest\nContent-Length: 0")
    with OnvifDevice(Options(instead={operation: redirect})) as device:
        found = described(device)
    if operation == "snapshot":
        assert (found.problem, found.snapshot) == ("", False)
    else:
        assert found.problem in {"redirect refused", "no profile with an RTSP address"}


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("169.254.169.254", 80, "camera networks"),
        ("127.0.0.1", 0, "port"),
        ("a b", 80, "host"),
        ("2130706433", 80, "host"),
    ],
)
def test_what_may_not_be_dialled_is_not(host: str, port: int, expected: str) -> None:
    assert expected in describe(host, port, allowed_networks=LOOPBACK).problem


def test_a_checked_network_is_kept() -> None:
    assert "camera networks" in describe("127.0.0.1", 80, allowed_networks=networks(["10.0.0.0/8"])).problem


def test_presets() -> None:
    """Listed by name, and gone to by token."""
    with OnvifDevice() as device:
        camera = Device(
            "127.0.0.1",
            device.port,
            username="viewer",
            password="open sesame",
            allowed_networks=LOOPBACK,
            clock=SystemClock(),
        )
        assert camera.presets() == [Preset("1", "Gate"), Preset("2", "2")]
        camera.go_to("1")
        camera.go_to("<x>&")
        assert device.turned_to == ["1", "<x>&"]


def test_a_camera_that_asks_for_a_basic_proof_gets_none() -> None:
    """A password never goes out in the clear."""
    head = 'HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm="x"\nContent-Length: 0'
    with OnvifDevice(Options(instead={"GetDeviceInformation": saying(head)})) as device:
        assert described(device).problem == "wrong user name or password"
        channel = Channel("127.0.0.1", ("127.0.0.1", device.port), username="viewer", password="open sesame")
        assert channel.request("GET", Place(device.port, "/snapshot.jpg"), timeout_s=2).status == 200
    assert device.asked.count("GetDeviceInformation") == 1
