"""Privacy masks: parts of a picture that are painted over before anybody, recorder and analytics included, gets it.

A masked camera's stream is decoded, painted and encoded once, at the door; everything behind it sees a camera like any
other. What cannot be decoded is not let through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from ingest.address import Network
from ingest.clients import Dial, Repeating, StreamClient, Telling
from ingest.door import Door, PictureRefused, open_picture_decoder
from ingest.failures import LinkFailure
from ingest.h26x import Codec, ParameterSets
from ingest.rtsp import AccessUnit
from models.camera import CameraSource
from models.frame import Frame

Polygon: TypeAlias = tuple[tuple[float, float], ...]
"""Corners as (x, y) in 0..1 of the picture."""

GROWN_PX = 4
"""Masks are so much larger all around: edges are rounded outwards, and colour has half the resolution."""
BLACK_Y, BLACK_UV = 16, 128
WRAP = 1 << 32
BROKEN_IN_A_ROW_MAX = 250
_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
_PLANAR = ("yuv420p", "yuvj420p")
# ITU-T H.264 table E-5, which FFmpeg's numbers are
_MATRICES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc"}

Mask = NDArray[np.bool_]
Parts = list[tuple[tuple[slice, slice], Mask]]
"""Where in a plane something is masked, and which of its pixels: looking at all of them would cost twice as much."""


class Painter:
    """Paints polygons black in pictures of any size; used by one thread."""

    def __init__(self, masks: Sequence[Polygon]) -> None:
        self._masks = tuple(masks)
        self._size = (0, 0)
        self._luma: Parts = []
        self._chroma: Parts = []

    def paint(self, picture: VideoFrame) -> VideoFrame:
        """Return a painted copy: the decoder still needs its own picture for the ones that follow."""
        if picture.format.name not in _PLANAR:
            picture = picture.reformat(format="yuv420p")
        size = picture.width, picture.height
        if size != self._size:
            self._luma, self._chroma = (_parts(mask) for mask in covered(self._masks, size))
            self._size = size
        painted = VideoFrame(*size, picture.format.name)
        black = BLACK_Y if picture.format.name == "yuv420p" else 0
        for plane, source, mask, value in zip(
            painted.planes,
            picture.planes,
            (self._luma, self._chroma, self._chroma),
            (black, BLACK_UV, BLACK_UV),
            strict=True,
        ):
            pixels = _pixels(plane)
            np.copyto(pixels, _pixels(source))
            for at, part in mask:
                pixels[at][part] = value
        painted.colorspace, painted.color_range = picture.colorspace, picture.color_range
        painted.pts = picture.pts
        return painted


def covered(masks: Sequence[Polygon], size_px: tuple[int, int]) -> tuple[Mask, Mask]:
    """Return what is masked of the Y plane (height, width) and of a colour plane (half of both, rounded up)."""
    width, height = size_px
    luma = np.zeros((height, width), np.uint8)
    for polygon in masks:
        corners = np.round(np.array(polygon) * (width, height)).astype(np.int32)
        cv2.fillPoly(luma, [corners], 1)
    side = 2 * GROWN_PX + 1
    luma = np.asarray(cv2.dilate(luma, np.ones((side, side), np.uint8)), np.uint8)
    even = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    chroma: Mask = np.asarray(blocks.any(axis=(1, 3)), np.bool_)
    return luma.astype(np.bool_), chroma


def _parts(mask: Mask) -> Parts:
    count, _labels, stats, _centres = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    found: Parts = []
    for left, top, width, height in stats[1:count, :4].tolist():
        at = slice(top, top + height), slice(left, left + width)
        found.append((at, mask[at].copy()))
    return found


def masked(frame: Frame, masks: Sequence[Polygon]) -> Frame:
    """Return ``frame`` with the masks in it."""
    if not masks:
        return frame
    luma, chroma = covered(masks, frame.size_px)
    y, u, v = (
        np.where(mask[: plane.shape[0], : plane.shape[1]], np.uint8(value), plane)
        for plane, mask, value in ((frame.y, luma, BLACK_Y), (frame.u, chroma, BLACK_UV), (frame.v, chroma, BLACK_UV))
    )
    return replace(frame, y=y, u=u, v=v)


def _pixels(plane: VideoPlane) -> NDArray[np.uint8]:
    lines: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


class MaskingClient:
    """A `StreamClient` that gives another one's pictures with the masks in them, as H.264."""

    def __init__(self, inner: StreamClient, masks: Sequence[Polygon]) -> None:
        self._inner = inner
        self._painter = Painter(masks)
        self._door = Door()
        self._matrix = ""
        self._decoder: VideoCodecContext | None = None
        self._sets: ParameterSets | None = None
        self._ticks = 0
        self._started = False
        self._damaged = False
        self._broken_in_a_row = 0
        self.broken_total = 0

    @property
    def peer(self) -> str:
        return self._inner.peer

    @property
    def packets_lost(self) -> int:
        return self._inner.packets_lost

    @property
    def note(self) -> str:
        return self._inner.note if isinstance(self._inner, Telling) else ""

    @property
    def repeats(self) -> bool:
        return isinstance(self._inner, Repeating) and self._inner.repeats

    @property
    def same_since_s(self) -> float | None:
        return self._inner.same_since_s if isinstance(self._inner, Repeating) else None

    def open(self, timeout_s: float) -> None:
        self._inner.open(timeout_s)

    def stop(self) -> None:
        self._inner.stop()

    def close(self) -> None:
        self._inner.close()

    def units(self) -> Iterator[AccessUnit | None]:
        for unit in self._inner.units():
            if unit is None:
                yield None
                continue
            try:
                masked = [self._encode(picture) for picture in self._decode(unit)]
            except PictureRefused as refused:
                raise LinkFailure(self.peer, str(refused)) from None
            told = False
            for one in masked:
                if one is not None:
                    told = True
                    yield one
            if not told:
                yield None

    def _decode(self, unit: AccessUnit) -> list[VideoFrame]:
        self._damaged |= unit.damaged
        if unit.sets is not self._sets:
            self._open(unit)
        if self._decoder is None or not (self._started or unit.key):
            return []
        self._started = True
        self._ticks += _step(self._ticks, unit.ticks)
        packet = av.Packet(unit.data)
        packet.pts = self._ticks
        try:
            pictures = self._decoder.decode(packet)
        except (FFmpegError, ValueError):
            pictures = []
            self.broken_total += 1
            self._broken_in_a_row += 1
            if self._broken_in_a_row >= BROKEN_IN_A_ROW_MAX:
                raise PictureRefused("its pictures cannot be decoded, and unmasked they are not let through") from None
        else:
            self._broken_in_a_row = 0
        return pictures

    def _open(self, unit: AccessUnit) -> None:
        sets = self._sets = unit.sets
        self._decoder, self._started = None, False
        if sets.complete:
            self._decoder = open_picture_decoder(_DECODERS[sets.codec], sets.decoder_record())
            if self._ticks == 0:
                self._ticks = unit.ticks

    def _encode(self, picture: VideoFrame) -> AccessUnit | None:
        matrix = _MATRICES.get(int(picture.colorspace), "")
        if matrix != self._matrix:
            self._matrix = matrix
            self._door = Door(colour=matrix or "undef")
        ticks = picture.pts if picture.pts is not None else self._ticks
        unit = self._door.frame(self._painter.paint(picture), ticks)
        if unit is None:
            return None
        damaged, self._damaged = self._damaged or picture.is_corrupt, False
        return replace(unit, damaged=damaged)


def _step(before: int, ticks: int) -> int:
    """Return how far ``ticks`` (32 bits that wrap) is from ``before``, forwards or, for reordered pictures, back."""
    apart = (ticks - before) % WRAP
    return apart - WRAP if apart >= WRAP // 2 else apart


def masking(dial: Dial, masks: Sequence[Polygon]) -> Dial:
    """Return ``dial`` with the masks in front of whatever it gives; ``dial`` itself where there are none."""
    if not masks:
        return dial

    def dial_masked(source: CameraSource, password: str, allowed_networks: Sequence[Network]) -> StreamClient:
        return MaskingClient(dial(source, password, allowed_networks), masks)

    return dial_masked
