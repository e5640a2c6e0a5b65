"""Taken ports and full disks are named before anything starts."""

import socket
from pathlib import Path

import pytest

from alertwall import preflight
from alertwall.state_folder import Refused
from analytics import sidecar
from configs import site as sites
from models.errors import ConfigError


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


def test_the_ports_of_the_re_stream_are_looked_at(tmp_path: Path) -> None:
    """That of each worker, which is the next one; none when nothing is streamed again."""
    free = {"state_dir": ".", "api": {"port": 0}, "broker": {"embedded_port": 0}}
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for first, workers in ((port, 1), (port - 1, 2)):
            site = sites.parse(free | {"workers": workers, "ingest": {"restream_port": first}}, folder=tmp_path)
            with pytest.raises(Refused, match=rf"ingest\.restream_port: port {port} of 127\.0\.0\.1 is taken"):
                preflight.check_restream(site)
        preflight.check_restream(sites.parse(free | {"workers": 2}, folder=tmp_path))
    with pytest.raises(Refused, match="no port 65536"):
        preflight.check_port("ingest.restream_port", "127.0.0.1", 65_536)


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


def test_a_detector_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """With the key, what there is, and the nearest name; a site's own sidecar counts."""
    said = {"state_dir": ".", "api": {"port": 0}, "broker": {"embedded_port": 0}, "analytics": {"detector": "nanodte"}}
    with pytest.raises(ConfigError, match=r"analytics\.detector: needs one of .*nanodet.*, has 'nanodte'.*'nanodet'"):
        preflight.check(sites.parse(said, folder=tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "own.toml").write_text('name = "nanodte"\nfile = "own.onnx"\n')
    (tmp_path / "weights" / "broken.toml").write_text("name =")
    assert "the weights of nanodte are not in" in preflight.check_detector(sites.parse(said, folder=tmp_path))
    (tmp_path / "weights" / "own.onnx").write_text("")
    assert preflight.check_detector(sites.parse(said, folder=tmp_path)) == ""


def test_what_the_preflight_reads_is_what_analytics_reads(tmp_path: Path) -> None:
    """The shortcut knows the same detectors."""
    for name in sidecar.known(tmp_path):
        said = {"state_dir": ".", "analytics": {"detector": name}}
        assert f"models get {name}" in preflight.check_detector(sites.parse(said, folder=tmp_path))
