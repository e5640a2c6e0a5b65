"""The camera server, seen by a client that is not ours (ffmpeg) and as a process."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.camera_server import CameraServer, ServerOptions
from ingest.camera_server.faults import Faults
from models.camera import CameraSource, Scheme
from models.errors import BadInput
from tests.ingest.conftest import PASSWORD, dial
from tests.support.rtsp import clip

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None and os.environ.get("ALERTWALL_REQUIRE_ALL") != "1", reason="ffmpeg is missing"
)


def ffmpeg(url: str, *, transport: str = "tcp", frames: int = 15) -> "subprocess.CompletedProcess[str]":
    command = ["ffmpeg", "-v", "warning", "-rtsp_transport", transport, "-i", url]
    command += ["-frames:v", str(frames), "-f", "framecrc", "-"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["h264", "h265", "b_frames"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_plays_it(cameras: CameraServer, name: str, transport: str) -> None:
    """Both transports and both codecs, with digest, decode without a complaint."""
    url = f"rtsp://viewer:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{cameras.port}/{name}"
    played = ffmpeg(url, transport=transport)
    assert played.returncode == 0
    assert "error" not in played.stderr.lower()
    assert len([line for line in played.stdout.splitlines() if not line.startswith("#")]) == 15


@needs_ffmpeg
def test_wrong_password_and_unknown_name(cameras: CameraServer) -> None:
    """401 and 404 as ffmpeg reports them."""
    assert "401" in ffmpeg(f"rtsp://viewer:wrong@127.0.0.1:{cameras.port}/h264").stderr
    url = f"rtsp://viewer:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{cameras.port}/nowhere"
    assert "404" in ffmpeg(url).stderr


def test_as_a_process_it_says_where_it_listens_and_ends_at_once() -> None:
    """One JSON line; the password comes by the environment; SIGTERM ends it with 0, quietly, whoever watches."""
    command = [sys.executable, "-m", "ingest.camera_server", "--file", f"{clip('h264')}:gate"]
    command += ["--user", "viewer", "--password-env", "CAMERA_PASSWORD"]
    environment = os.environ | {"CAMERA_PASSWORD": PASSWORD}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = json.loads(process.stdout.readline())
        assert said["names"] == ["gate"]
        source = CameraSource(scheme=Scheme.RTSP, host="127.0.0.1", port=said["port"], path="/gate", username="viewer")
        client = dial(source)
        client.open(5)
        assert next(client.units()) is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(3) == 0
        assert process.stderr.read() == ""
        client.close()


def test_a_taken_port_is_said_plainly() -> None:
    """The second server on a port ends with the system's reason."""
    with CameraServer({"h264": clip()}) as first:
        second = CameraServer({"h264": clip()}, ServerOptions(port=first.port))
        with pytest.raises(OSError, match="in use"):
            second.start()


def test_files_that_no_client_could_play_are_refused() -> None:
    """MPEG-4 part 2, and what is no video at all."""
    with pytest.raises(BadInput, match=r"H\.264 or H\.265"):
        CameraServer({"x": clip("mpeg4")})
    with pytest.raises(BadInput, match="cannot be read"):
        CameraServer({"x": Path(__file__)})


def test_faults_are_read_leniently() -> None:
    """Unknown names and broken numbers are ignored; a track's name may be glued to the query."""
    assert Faults.from_query("stall=2/track0&loss=x&colour=blue") == Faults(stall=2.0)
