"""A frame as a JPEG file: the picture as the camera saw it, nothing drawn into it."""

import cv2
import numpy as np

from models.frame import Frame

WIDEST_PX = 1280
QUALITY = 80


def jpeg(frame: Frame) -> bytes:
    """Return the whole frame, at most `WIDEST_PX` wide."""
    width, height = frame.size_px
    wide, high = width // 2 * 2, height // 2 * 2
    planes = [frame.y[:high, :wide], frame.u[: high // 2, : wide // 2], frame.v[: high // 2, : wide // 2]]
    if wide > WIDEST_PX:
        high = round(high * WIDEST_PX / wide / 2) * 2
        wide = WIDEST_PX
        sizes = [(wide, high), (wide // 2, high // 2), (wide // 2, high // 2)]
        planes = [
            np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)
            for plane, size in zip(planes, sizes, strict=True)
        ]
    i420 = np.concatenate([np.ascontiguousarray(plane).reshape(-1) for plane in planes]).reshape(-1, wide)
    good, data = cv2.imencode(".jpg", cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert good, "OpenCV refused to write a JPEG"
    return data.tobytes()
