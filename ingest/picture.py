"""Decoded pictures as JPEG, for snapshots."""

import cv2
import numpy as np

from models.frame import Frame

JPEG_QUALITY = 85


def jpeg(frame: Frame, *, width_max_px: int | None = None) -> bytes:
    """Encode a frame; BT.601 limited range, which is what nearly all cameras send."""
    y, u, v = frame.y, frame.u, frame.v
    height, width = (size // 2 * 2 for size in y.shape)
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = y[:height, :width]
    half = height // 2, width // 2
    chroma = np.concatenate([u[: half[0], : half[1]].reshape(-1), v[: half[0], : half[1]].reshape(-1)])
    planes[height:] = chroma.reshape(height // 2, width)
    colour = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    if width_max_px is not None and width > width_max_px:
        size = width_max_px, max(1, round(height * width_max_px / width))
        colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    done, encoded = cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError("the picture could not be encoded")
    return encoded.tobytes()
