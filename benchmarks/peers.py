"""What stands beside our ingest: the same streams in other programs, and a decoder alone."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

STOP_WITHIN_S = 5
MOTION = """
daemon off
setup_mode off
webcontrol_port 0
stream_port 0
picture_output off
movie_output off
log_level 3
"""


@contextmanager
def running(command: Sequence[str], *, stdout: int = subprocess.DEVNULL) -> Iterator["subprocess.Popen[str]"]:
    """Run a program quietly; it ends at exit."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=stdout, stderr=quiet, text=True) as one:
        try:
            yield one
        finally:
            one.terminate()
            try:
                one.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                one.kill()


@contextmanager
def served(files: Mapping[str, Path]) -> Iterator[int]:
    """Serve files as RTSP cameras by a process of its own; yield its port."""
    command = [sys.executable, "-m", "ingest.camera_server"]
    for name, path in files.items():
        command += ["--file", f"{path}:{name}"]
    with running(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield int(json.loads(server.stdout.readline())["port"])


def cpu_s(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> float:
    """Return the CPU seconds that a running process has used, all its threads together."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _window(processes: Sequence["subprocess.Popen[str]"], *, streams: int, warm_s: float, window_s: float) -> float:
    """Return the CPU ms per stream and second."""
    time.sleep(warm_s)
    before, began_s = sum(map(cpu_s, processes)), time.monotonic()
    time.sleep(window_s)
    spent = sum(map(cpu_s, processes)) - before
    return spent * 1000 / (time.monotonic() - began_s) / streams


def motion_ms(urls: Sequence[str], size_px: tuple[int, int], folder: Path, *, warm_s: float, window_s: float) -> float:
    """Return what `motion` takes to watch these streams at their own size, writing nothing."""
    cameras = []
    for number, url in enumerate(urls, 1):
        path = folder / f"camera-{number}.conf"
        path.write_text(
            f"camera_id {number}\nnetcam_url {url}\nnetcam_params rtsp_transport=tcp\n"
            f"width {size_px[0]}\nheight {size_px[1]}\n"
        )
        cameras.append(f"camera {path}")
    config = folder / "motion.conf"
    config.write_text("\n".join([MOTION, f"target_dir {folder}", f"log_file {folder / 'motion.log'}", *cameras, ""]))
    with running(["motion", "-n", "-c", str(config)]) as motion:
        return _window([motion], streams=len(urls), warm_s=warm_s, window_s=window_s)


def copy_ms(urls: Sequence[str], folder: Path, *, warm_s: float, window_s: float) -> float:
    """Return what `ffmpeg -c copy` takes to record these streams in segments of 6 s."""
    with ExitStack() as stack:
        processes = []
        for number, url in enumerate(urls):
            command = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url, "-c", "copy"]
            command += ["-f", "segment", "-segment_time", "6", "-segment_format_options"]
            command += ["movflags=frag_keyframe+empty_moov+default_base_moof", str(folder / f"{number}-%03d.mp4")]
            processes.append(stack.enter_context(running(command)))
        return _window(processes, streams=len(urls), warm_s=warm_s, window_s=window_s)


def decode_ms(path: Path, *, loops: int, seconds: float) -> float:
    """Return what one thread of ffmpeg takes to decode a file of this length and no more; the physical limit."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-stream_loop", str(loops - 1), "-i", str(path)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, "-f", "null", "-"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent * 1000 / (loops * seconds)
