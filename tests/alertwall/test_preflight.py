"""Taken ports and full disks are named before anything starts."""

import socket
from pathlib import Path

import pytest

from alertwall import preflight
from alertwall.state_folder import Refused
from configs import site as sites


def test_a_taken_port_is_named_with_its_key(tmp_path: Path) -> None:
    """Both ports that a site listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        api = sites.parse({"state_dir": ".", "api": {"port": port}, "broker": {"embedded_port": 0}}, folder=tmp_path)
        broker = sites.parse({"state_dir": ".", "api": {"port": 0}, "broker": {"embedded_port": port}}, folder=tmp_path)
        named = sites.parse({"state_dir": ".", "api": {"port": 0}, "broker": {"url": "mqtt://b"}}, folder=tmp_path)
        with pytest.raises(Refused, match=rf"api\.port: port {port} of 127\.0\.0\.1 is taken"):
            preflight.check(api)
        with pytest.raises(Refused, match=rf"broker\.embedded_port: port {port} of 127\.0\.0\.1 is taken"):
            preflight.check(broker)
        preflight.check(named)
    preflight.check(api)


def test_an_address_that_is_not_ours_is_named() -> None:
    """A typing error in the address is not a taken port."""
    with pytest.raises(Refused, match=r"api\.port: 192\.0\.2\.1 port 1234 cannot be listened on"):
        preflight.check_port("api.port", "192.0.2.1", 1234)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a folder that is not there yet."""
    monkeypatch.setattr(preflight, "START_FREE_AT_LEAST_MB", 10**9)
    with pytest.raises(Refused, match=r"state_dir: the disk of .*absent.* is full: \d+ MB free, 1000000000 MB needed"):
        preflight.check_disk("state_dir", tmp_path / "absent")


def test_a_wanted_port_is_kept_while_it_is_free() -> None:
    """The same one at the next start; another one when it is taken."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert preflight.free_port("127.0.0.1", port) != port
    assert preflight.free_port("127.0.0.1", port) == port
