"""What a camera costs whose JPEG pictures are encoded at the door: decode, range, H.264; ten pictures a second.

The picture is a smooth ground with sensor noise over which a square walks. Beside it stands what libjpeg-turbo needs to
decode the same pictures alone, as any recorder that looks at them must.
"""

import sys
import time

import cv2
import numpy as np

from benchmarks.harness import Report
from ingest.door import DOOR_FPS_MAX, Door
from ingest.packet import TICKS_PER_S

SIZES = ((640, 360), (1280, 720), (1920, 1080))
SECONDS = 8
NOISE = 3.0


def main() -> int:
    """One size after the other."""
    report = Report("bench_door")
    for size in SIZES:
        pictures = made(*size)
        sent_bytes = sum(map(len, pictures))
        began_s = time.process_time()
        door = Door()
        units = [door.jpeg(jpeg, round(n * TICKS_PER_S / DOOR_FPS_MAX)) for n, jpeg in enumerate(pictures)]
        ours_s = time.process_time() - began_s
        began_s = time.process_time()
        for jpeg in pictures:
            cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        decode_s = time.process_time() - began_s
        kept_bytes = sum(len(unit.data) for unit in units if unit is not None)
        name, scale = f"{size[0]}x{size[1]}", f"{len(pictures)} pictures at {DOOR_FPS_MAX:g} a second"
        report.add(f"CPU of {name}", ours_s / SECONDS * 1000, "ms/s", limit=decode_s / SECONDS * 1000, scale=scale)
        share = kept_bytes / sent_bytes
        report.add(f"recorded of what was sent, {name}", share, "share", scale=scale)
    return report.failed and 1


def made(width_px: int, height_px: int) -> list[bytes]:
    """Return the pictures of `SECONDS`."""
    dice = np.random.default_rng(1)
    coarse = dice.integers(0, 255, (height_px // 16, width_px // 16, 3), np.uint8)
    ground = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    side = height_px // 4
    pictures = []
    for index in range(round(SECONDS * DOOR_FPS_MAX)):
        picture = ground + dice.normal(0, NOISE, ground.shape)
        left = index * 12 % (width_px - side)
        picture[side : 2 * side, left : left + side] = (30, 200, 60)
        done, encoded = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])
        assert done
        pictures.append(encoded.tobytes())
    return pictures


if __name__ == "__main__":
    sys.exit(main())
