"""The decode gate: key frames only while nothing moves, every picture while something does."""

import logging
import zlib
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import av
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from ingest.h26x import Codec, ParameterSets
from ingest.packet import TICKS_PER_S, Packet
from models.frame import DecodeMode, Frame, Plane

GOP_MAX_PACKETS = 600
BROKEN_WITHIN_S = 10.0
BROKEN_MIN = 2
BROKEN_SHARE_MAX = 0.05
"""Of the pictures decoded lately: where more of them have wrong bytes, somebody should look at camera and line."""
_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
_PLANAR = ("yuv420p", "yuvj420p")
_FINGERPRINT_STEP_PX = 8

log = logging.getLogger(__name__)


def open_decoder(sets: ParameterSets) -> VideoCodecContext:
    """Return a decoder that has the parameter sets; one thread, because threads per stream cost 3 to 30 % more.

    Between key frames H.264's loop filter is left out: a fifth less CPU; over two seconds the picture drifts by 42 to
    51 dB, and NanoDet's AP50 on vtest stays at .872. H.265 would gain nothing.
    """
    decoder = av.CodecContext.create(_DECODERS[sets.codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = sets.decoder_record()
    decoder.thread_count = 1
    if sets.codec is Codec.H264:
        decoder.options = {"skip_loop_filter": "nokey"}
    return decoder


def _plane(plane: VideoPlane) -> Plane:
    """Look at a plane in place: the decoder pads its lines, slicing leaves the padding out without a copy."""
    lines: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    pixels = lines[: plane.height, : plane.width]
    pixels.flags.writeable = False
    return pixels


class DecodeGate:
    """Turns one stream's packets into `Frame`s; used by the stream's own thread.

    Switching from key frames to every picture needs no wait for the next key frame: what came since the last
    one is kept (undecoded) and decoded then.
    """

    def __init__(self, camera_id: str, *, on_frame: Callable[[Frame], None], mode: Callable[[], DecodeMode]) -> None:
        self._camera_id, self._on_frame, self._mode = camera_id, on_frame, mode
        self.frames_total = 0
        self.errors_total = 0
        self.latest: Frame | None = None
        self.same_since_s: float | None = None
        self._fingerprint = 0
        self._now_s = 0.0
        self._decoded: deque[tuple[float, bool]] = deque()  # when, and whether the decoder found it broken
        self._decoder: VideoCodecContext | None = None
        self._sets: ParameterSets | None = None
        self._gop: list[Packet] = []
        self._running = False

    @property
    def broken(self) -> bool:
        """Whether many of the last pictures came whole but with wrong bytes; from any thread."""
        lately = tuple(self._decoded)
        bad = sum(wrong for _, wrong in lately)
        return bad >= BROKEN_MIN and bad > len(lately) * BROKEN_SHARE_MAX

    def put(self, packet: Packet) -> None:
        self._now_s = packet.monotonic_s
        if packet.key:
            self._gop = []
            if packet.sets is not self._sets:
                self._open(packet.sets)
        elif not self._gop:
            return
        if len(self._gop) < GOP_MAX_PACKETS:
            self._gop.append(packet)
        if self._mode() is DecodeMode.ACTIVE:
            self._put_active(packet)
        else:
            self._running = False
            if packet.key:
                self._emit(self._decode_alone(packet), packet)

    def reset(self) -> None:
        """Forget the stream: a new one does not continue it."""
        self._gop, self._running = [], False
        self.same_since_s = None
        self._decoded.clear()

    def _open(self, sets: ParameterSets) -> None:
        self._sets, self._decoder, self._running = sets, None, False
        try:
            self._decoder = open_decoder(sets) if sets.complete else None
        except (FFmpegError, ValueError) as error:
            log.warning("camera %s: no decoder: %s", self._camera_id, error)

    def _put_active(self, packet: Packet) -> None:
        if self._running:
            for frame in self._decode(packet):
                self._emit(frame, packet)
            return
        if len(self._gop) >= GOP_MAX_PACKETS:
            return  # an endless GOP: wait for its end
        self._flush()
        self._running = True
        last: VideoFrame | None = None
        for earlier in self._gop:
            for frame in self._decode(earlier):
                last = frame
        self._emit(last, packet)

    def _decode_alone(self, packet: Packet) -> VideoFrame | None:
        """Decode a key frame and take it out at once, however many pictures the stream would reorder."""
        self._flush()
        frames = [*self._decode(packet), *self._decode(None)]
        return frames[-1] if frames else None

    def _flush(self) -> None:
        if self._decoder is not None and self._decoder.is_open:
            self._decoder.flush_buffers()

    def _decode(self, packet: Packet | None) -> list[VideoFrame]:
        if self._decoder is None:
            return []
        try:
            if packet is None:
                frames = self._decoder.decode(None)
            else:
                encoded = av.Packet(packet.data)
                encoded.pts, encoded.dts = packet.present_90k, packet.decode_90k
                frames = self._decoder.decode(encoded)
        except (FFmpegError, ValueError):
            self.errors_total += 1
            self._note(wrong=True)
            return []
        for frame in frames:
            self._note(wrong=frame.is_corrupt)
        return frames

    def _note(self, *, wrong: bool) -> None:
        self._decoded.append((self._now_s, wrong))
        while self._decoded[0][0] < self._now_s - BROKEN_WITHIN_S:
            self._decoded.popleft()

    def _emit(self, picture: VideoFrame | None, packet: Packet) -> None:
        if picture is None:
            return
        if picture.format.name not in _PLANAR:
            picture = picture.reformat(format="yuv420p")
        y, u, v = (_plane(plane) for plane in picture.planes)
        present = picture.pts if picture.pts is not None else packet.present_90k
        late_s = (packet.present_90k - present) / TICKS_PER_S
        self.frames_total += 1
        frame = Frame(
            camera_id=self._camera_id,
            seq=self.frames_total,
            captured_at=packet.received_at - timedelta(seconds=late_s),
            monotonic_s=packet.monotonic_s - late_s,
            pts_s=present / TICKS_PER_S,
            y=y,
            u=u,
            v=v,
            key=bool(picture.key_frame),
        )
        self.latest = frame
        if frame.key:
            self._compare(frame)
        self._on_frame(frame)

    def _compare(self, frame: Frame) -> None:
        """A living camera has noise: two key frames that are equal to the bit come from a frozen one."""
        own = zlib.crc32(frame.y[::_FINGERPRINT_STEP_PX, ::_FINGERPRINT_STEP_PX].tobytes())
        if own != self._fingerprint:
            self._fingerprint, self.same_since_s = own, None
        elif self.same_since_s is None:
            self.same_since_s = frame.monotonic_s
