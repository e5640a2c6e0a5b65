"""The guard in front of every dial: what a camera record may say, and where it may lead."""

from ipaddress import ip_network

import pytest

from ingest.address import check, check_path, networks, request_url
from ingest.failures import LinkFailure
from models.camera import CameraSource, Scheme
from models.errors import BadInput, ConfigError

LOOPBACK = (ip_network("127.0.0.0/8"),)
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))
FINE = {"scheme": "rtsp", "host": "127.0.0.1", "port": 554, "path": "/stream1", "username": "admin"}

HOSTILE: dict[str, list[object]] = {
    "scheme": [
        "exec", "echo", "expr", "ffmpeg", "pipe", "concat", "data", "subfile", "gopher", "tcp",
        "udp", "srt", "rtmp", "ftp", "crypto", "-i", "", "rtsp:", "rtsp://x", "RTSP", "rtsp\r\n", "rtsp ", "unix",
    ],
    "host": [
        "", " ", "-i", "-oProxyCommand=x", "a b", "a\r\nX: y", "a\nb", "a\0b", "user@127.0.0.1", "u:p@h",
        "127.0.0.1:80", "127.0.0.1/", "127.0.0.1#", "127.0.0.1?x", "127.1", "0", "2130706433", "0x7f000001",
        "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "１２７.0.0.1", "①②⑦.0.0.1", "lоcalhost", "xn--.-",
        "a..b", ".a", "a.", "[::1]",
        "::1%eth0", "fe80::1%1", "exec:rm", "$(id)", "`id`", "a;b", "a|b", "a&b", "%31%32%37.0.0.1", "a" * 64,
        "a." * 130, "localhost\\@x", "1.2.3.4.5", "999.1.1.1",
    ],
    "port": [0, -1, 65536, "554", 1.5, None],
    "path": [
        "", "stream", "-i", " /a", "/a b", "/a\r\nHost: x", "/a\n", "/a\0", "/a\t", "/\x7f", "/%0d%0aX:%20y", "/%00",
        "/%7f", "/%zz", "/a%", "/a#b", "/ä", "/\\x", '/"', "/<x>", "/`id`", "/{x}", "/^", "http://x/", "/" + "a" * 1100,
    ],
    "username": ["a:b", 'a"b', "a\r\nb", "a\\b", "a\0", "a" * 200],
}  # fmt: skip
CASES = [(field, value) for field, values in HOSTILE.items() for value in values]


def source(**changes: object) -> CameraSource:
    return CameraSource(**{**FINE, **changes})  # type: ignore[arg-type]


def never(_host: str, _port: int) -> list[str]:
    raise AssertionError("a hostile record reached the resolver")


@pytest.mark.parametrize(("field", "value"), CASES)
def test_hostile_records_are_refused_by_field(field: str, value: object) -> None:
    """Each is refused before a resolver or a socket is asked, and the error names the field."""
    with pytest.raises(BadInput) as refused:
        check(source(**{field: value}), EVERYTHING, resolver=never)
    assert refused.value.field == field


def test_there_are_enough_hostile_records() -> None:
    """The promise is at least 60, none accepted."""
    assert len(CASES) >= 60


def test_files_are_never_dialled() -> None:
    """They have a host of their own, and no address."""
    with pytest.raises(BadInput, match="localhost"):
        check(source(scheme="file"), EVERYTHING, resolver=never)
    with pytest.raises(BadInput, match="dialled"):
        check(source(scheme="file", host="localhost"), EVERYTHING, resolver=never)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "camera-1", "gate.site.example", "a1.b2"])
def test_plain_hosts_pass(host: str) -> None:
    """Addresses and names in their usual form are dialled as resolved."""
    answers = ["127.0.0.1"] if host[0].isalpha() else []
    ip, port = check(source(host=host), EVERYTHING, resolver=lambda _h, _p: answers)
    assert ip in (host, "127.0.0.1")
    assert port == 554


@pytest.mark.parametrize(
    "path", ["/", "/a", "/Streaming/Channels/101?transportmode=unicast", "/cam@2?x=1&y=%20z", "/a=b;c,d"]
)
def test_paths_that_cameras_use_pass(path: str) -> None:
    """Makers put queries, commas and escapes into paths."""
    check_path(path)


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["10.0.0.5", "127.0.0.1"], ["10.0.0.5", "169.254.169.254"], ["::ffff:127.0.0.1"], ["fd00::1"]],
)
def test_every_answer_must_lie_in_the_camera_networks(answers: list[str]) -> None:
    """A name that also leads elsewhere is refused, so that no later answer can be picked."""
    with pytest.raises(BadInput, match="camera networks"):
        check(source(host="gate"), (ip_network("10.0.0.0/8"),), resolver=lambda _h, _p: answers)


def test_the_checked_address_is_what_is_dialled() -> None:
    """A resolver is asked once; its second answer (rebinding) plays no part."""
    asked = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.5"] if len(asked) == 1 else ["127.0.0.1"]

    assert check(source(host="gate"), (ip_network("10.0.0.0/8"),), resolver=rebinding) == ("10.0.0.5", 554)
    assert asked == ["gate"]


def test_mapped_addresses_count_as_what_they_reach() -> None:
    """::ffff:10.0.0.5 reaches 10.0.0.5."""
    ip, _ = check(source(host="::ffff:10.0.0.5"), (ip_network("10.0.0.0/8"),))
    assert ip == "10.0.0.5"


def test_unknown_name_is_a_failure_of_the_link() -> None:
    """It may exist later: no BadInput."""

    def unknown(_host: str, _port: int) -> list[str]:
        raise OSError

    with pytest.raises(LinkFailure, match="host name not found"):
        check(source(host="gate"), EVERYTHING, resolver=unknown)


def test_request_url_holds_no_secret_and_keeps_the_host() -> None:
    """The camera sees the name it is registered under; user and password go in a header."""
    assert request_url(source(host="gate", scheme=Scheme.RTSPS)) == "rtsps://gate:554/stream1"
    assert request_url(source(host="::1")) == "rtsp://[::1]:554/stream1"


def test_networks_are_read_and_refused_by_key() -> None:
    """A site's mistake is named by its key."""
    assert networks(["10.0.0.0/8", "::1/128"])[0] == ip_network("10.0.0.0/8")
    with pytest.raises(ConfigError, match=r"ingest\.allowed_networks\[1\]"):
        networks(["10.0.0.0/8", "everywhere"])
    assert LOOPBACK[0].version == 4
