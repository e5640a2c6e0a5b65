"""Files as cameras: inside the site's folders alone, in a loop, in real time."""

import itertools
import os
import shutil
import time
from pathlib import Path

import pytest

from ingest.clients import Dialer, dial
from ingest.failures import LinkFailure
from ingest.h26x import Codec
from ingest.probe import probe
from ingest.rtsp import AccessUnit
from models.camera import CameraSource, LinkState, Scheme
from models.errors import BadInput
from tests.support.rtsp import clip, make_clip


def film(path: str) -> CameraSource:
    return CameraSource(scheme=Scheme.FILE, host="localhost", port=1, path=path)


def watch(folder: Path, path: str, seconds: float) -> list[tuple[float, AccessUnit]]:
    """Play for so long; return each picture with when it came."""
    client = Dialer(replay_folders=[folder])(film(path), "", ())
    came = []
    try:
        client.open(2)
        began_s = time.monotonic()
        for unit in client.units():
            now_s = time.monotonic() - began_s
            if unit is not None:
                came.append((now_s, unit))
            if now_s > seconds:
                return came
    finally:
        client.close()
    raise AssertionError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    return tmp_path / "films"


@pytest.mark.parametrize(("name", "suffix"), [("h264", ".mp4"), ("h265", ".mp4"), ("b_frames", ".mp4")])
def test_passes_what_it_can_in_a_loop(folder: Path, name: str, suffix: str) -> None:
    """H.264 and H.265 as they are; the second round follows without a step in its time."""
    make_clip(
        folder / f"a{suffix}",
        seconds=0.96,
        codec="libx265" if name == "h265" else "libx264",
        b_frames=2 if name == "b_frames" else 0,
    )
    came = watch(folder, str(folder / f"a{suffix}"), 2.2)
    assert 50 <= len(came) <= 60, "25 pictures a second"
    units = [unit for _, unit in came]
    assert units[0].key
    assert units[0].sets.complete
    assert units[0].sets.codec is (Codec.H265 if name == "h265" else Codec.H264)
    assert len({id(unit.sets) for unit in units if unit.key}) == 1
    times = sorted((unit.ticks - units[0].ticks + (1 << 31)) & 0xFFFFFFFF for unit in units)
    assert max(after - before for before, after in itertools.pairwise(times)) <= 3 * 3600


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_other_containers(folder: Path, suffix: str) -> None:
    """Matroska and AVI."""
    make_clip(folder / f"a{suffix}", seconds=0.96)
    came = watch(folder, str(folder / f"a{suffix}"), 0.6)
    assert 12 <= len(came) <= 17
    assert came[0][1].key


def test_a_folder_is_played_file_by_file_and_the_rest_is_encoded_once(folder: Path) -> None:
    """MPEG-4 part 2 goes through the door at ten pictures a second; names with spaces and percent-escapes."""
    inner = folder / "a film"
    inner.mkdir()
    make_clip(inner / "1.mp4", seconds=0.48)
    shutil.copy(clip("mpeg4"), inner / "2.mp4")
    (inner / "notes.txt").write_text("no film")
    came = watch(folder, str(folder) + "/a%20film", 1.5)
    sizes = [unit.sets.picture.width_px for _, unit in came]
    assert set(sizes) == {320}
    assert all(unit.sets.codec is Codec.H264 for _, unit in came)
    late = [at_s for at_s, _ in came if at_s > 0.6]
    assert 7 <= len(late) <= 11


def test_what_lies_outside_is_refused_alike(folder: Path, tmp_path: Path) -> None:
    """By .., by symbolic link, by another folder, by a prefix; whether it is there or not."""
    shutil.copy(clip(), tmp_path / "secret.mp4")
    (tmp_path / "films-too").mkdir()
    shutil.copy(clip(), tmp_path / "films-too" / "x.mp4")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "way").symlink_to(tmp_path)
    inside = f"{folder}"
    said = set()
    for path in (
        "/etc/passwd",
        "/etc/absent",
        f"{tmp_path}/secret.mp4",
        f"{inside}/../secret.mp4",
        f"{inside}/%2e%2e/secret.mp4",
        f"{inside}/..%2fsecret.mp4",
        f"{inside}/link.mp4",
        f"{inside}/way/secret.mp4",
        f"{inside}-too/x.mp4",
        "/proc/self/environ",
        "/",
    ):
        with pytest.raises(BadInput) as refused:
            Dialer(replay_folders=[folder])(film(path), "", ())
        assert refused.value.field == "path"
        said.add(str(refused.value))
    assert len(said) == 1
    with pytest.raises(BadInput):
        dial(film(f"{inside}/a.mp4"), "", ())  # no folder is named
    assert "replay_folders" in probe(film("/etc/passwd"), "", allowed_networks=()).problem


def test_a_link_among_the_files_of_a_folder_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    """A folder may hold one that was put there by somebody else."""
    shutil.copy(clip(), tmp_path / "secret.mp4")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    with pytest.raises(LinkFailure, match="out of the site's replay folders"):
        watch(folder, str(folder), 0.2)


def test_what_cannot_be_played_is_told(folder: Path) -> None:
    """Absent, empty, no film, a playlist in a film's clothes, a pipe, only sound."""
    (folder / "empty").mkdir()
    (folder / "text.txt").write_text("x")
    (folder / "broken.mp4").write_bytes(b"x" * 10_000)
    (folder / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    (folder / "concat.mkv").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    (folder / "zero.avi").write_bytes(b"")
    os.mkfifo(folder / "pipe.mp4")
    for name, reason in (
        ("absent.mp4", "no such file"),
        ("empty", "nothing to play"),
        ("text.txt", "not a film"),
        ("broken.mp4", "cannot be read"),
        ("list.mp4", "cannot be read"),
        ("concat.mkv", "cannot be read"),
        ("zero.avi", "cannot be read"),
        ("pipe.mp4", "no such file"),
    ):
        with pytest.raises(LinkFailure, match=reason) as refused:
            watch(folder, str(folder / name), 0.2)
        assert refused.value.state is LinkState.NOT_FOUND


def test_probe_and_stop(folder: Path) -> None:
    """As any camera."""
    shutil.copy(clip(), folder / "a.mp4")
    dialer = Dialer(replay_folders=[folder])
    told = probe(film(str(folder / "a.mp4")), "", allowed_networks=(), dial=dialer, timeout_s=4)
    assert told.ok, told.problem
    assert (told.codec, told.width_px) == ("h264", 320)
    client = dialer(film(str(folder / "a.mp4")), "", ())
    client.open(1)
    units = client.units()
    next(units)
    client.stop()
    with pytest.raises(LinkFailure, match="stopped"):
        next(units)
    client.close()
    client.close()
