"""WS-Discovery: what answers is believed only as far as its address goes."""

import pytest

from ingest.address import Network, networks
from ingest.onvif import Discovery, discover
from ingest.onvif.discovery import ANSWER_MAX_BYTES, ANSWERS_MAX, read
from models.errors import BadInput
from tests.ingest.conftest import LOOPBACK
from tests.support.onvif_device import DiscoveryResponder
from tests.support.onvif_words import match

EVERYWHERE = networks(["0.0.0.0/0"])
ELSEWHERE = networks(["10.0.0.0/8"])
GROUP = "239.255.255.250"


def asked(responder: DiscoveryResponder, allowed: tuple[Network, ...] = LOOPBACK) -> Discovery:
    return discover(allowed, hosts=["127.0.0.1"], port=responder.port, within_s=0.4)


def test_one_host_is_asked() -> None:
    """Its name comes from its scopes, its address from the packet."""
    with DiscoveryResponder() as responder:
        found = asked(responder)
    [camera] = found.found
    assert (camera.name, camera.host, camera.port) == ("Gate North", "127.0.0.1", 8000)
    assert camera.scopes == ("onvif://www.onvif.org/name/Gate%20North", "onvif://x/y")
    assert (found.outside, found.ignored) == (0, 0)


def test_a_group_is_asked() -> None:
    """By multicast, on every interface; the same camera is one, however often it answers."""
    with DiscoveryResponder(group=GROUP) as responder:
        found = discover(EVERYWHERE, group=(GROUP, responder.port), within_s=0.6)
    if not found.found:
        pytest.skip("multicast on loopback: this machine has none")
    assert [camera.port for camera in found.found] == [8000]
    assert found.ignored == 0


def test_a_foreign_host_in_an_answer_is_never_used() -> None:
    """Only the sender's own address counts; where it names itself among others, that one's port is taken."""

    def answers(question: str) -> list[bytes]:
        return [match(question, "http://203.0.113.5:81/x http://127.0.0.1:82/y")]

    with DiscoveryResponder(answers) as responder:
        [camera] = asked(responder).found
    assert (camera.host, camera.port) == ("127.0.0.1", 82)
    [camera] = filter(None, [read(match("q", "http://203.0.113.5:81/x"), "q", "10.1.1.1")])
    assert (camera.host, camera.port) == ("10.1.1.1", 81)


def test_answers_from_outside_are_counted_not_listed() -> None:
    with DiscoveryResponder(group=None) as responder:
        found = discover(ELSEWHERE, group=("127.0.0.1", responder.port), within_s=0.4)
    assert found.found == ()
    assert found.outside >= 1


def test_a_host_outside_is_not_asked() -> None:
    with pytest.raises(BadInput, match="camera networks"):
        discover(LOOPBACK, hosts=["169.254.169.254"], within_s=0.1)


def test_bad_answers_are_counted() -> None:
    """Malformed, a bomb, too large, to another question, with nothing to dial."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><x>&b;</x>'

    def answers(question: str) -> list[bytes]:
        url = "http://127.0.0.1:80/x"
        return [
            *(b"", b"x", bomb, match("urn:uuid:other", url), match(question, "ftp://127.0.0.1/"), match(question, "")),
            match(question, url, scopes="s" * (ANSWER_MAX_BYTES + 10)),
            match(question, "http://[::1/x http://127.0.0.1:0/ http://127.0.0.1:999999/"),
        ]

    with DiscoveryResponder(answers) as responder:
        found = asked(responder)
    assert (found.found, found.ignored) == ((), 8)


def test_a_flood_of_answers_is_bounded() -> None:
    def answers(question: str) -> list[bytes]:
        return [match(question, f"http://127.0.0.1:{port}/x") for port in range(1, ANSWERS_MAX + 45)]

    with DiscoveryResponder(answers) as responder:
        found = asked(responder)
    assert len(found.found) <= ANSWERS_MAX
    assert len(found.found) + found.ignored <= ANSWERS_MAX + 44


def test_scopes_are_bounded_and_printable() -> None:
    many = " ".join(f"onvif://x/{number}" for number in range(100)) + " onvif://www.onvif.org/name/%0Ax"
    camera = read(match("q", "http://10.1.1.1/x", many), "q", "10.1.1.1")
    assert camera is not None
    assert (camera.name, len(camera.scopes), camera.port) == ("10.1.1.1", 32, 80)
