"""Recording without re-encoding: key-aligned fMP4 segments, each fragment whole on disk within about a second.

``kill -9`` loses at most the fragment that was being gathered. A full or slow disk stops the recording of this
camera, says so, and is tried again.
"""

import errno
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ingest.disk import DiskWriter
from ingest.fmp4 import DEFAULT_DURATION, Sample, fragment, init_segment
from ingest.packet import TICKS_PER_S, Packet
from models.clock import Clock
from models.timeline import GapCause, Segment

FRAGMENT_TICKS = TICKS_PER_S
JUMP_TICKS = 2 * TICKS_PER_S
"""A hole this long in one camera's stream starts a new segment, so that files tell the truth about time."""
CLOCK_SLACK = timedelta(seconds=0.5)
RETRY_S = 1.0
"""With the next key frame after it, a camera is recorded again within 5 s of there being room."""
OVERLOAD_RETRY_S = 10.0
"""A disk that is too slow is given time to write what waits."""
FOLDER = "recordings"

log = logging.getLogger(__name__)

OnSegment = Callable[[Segment], None]
OnTrouble = Callable[[GapCause | None, str, datetime], None]
"""Called with the cause when recording stops, and with None when it goes on."""


def segment_path(camera_id: str, started_at: datetime) -> str:
    """Return where a segment lies below the media folder."""
    return f"{FOLDER}/{camera_id}/{started_at:%Y%m%d}/{round(started_at.timestamp() * 1000)}.mp4"


def packet_sample(packet: Packet, next_decode_90k: int) -> Sample:
    """Return the packet as it stands in a file when the next one is decoded at ``next_decode_90k``."""
    duration = next_decode_90k - packet.decode_90k
    return Sample(packet.decode_90k, packet.present_90k, duration, packet.key, len(packet.data), packet.data)


@dataclass(slots=True)
class _Open:
    """The segment that is being written; the file itself belongs to the disk thread."""

    path: str
    started_at: datetime
    first_decode_90k: int
    first: Packet
    file: int = -1
    written_bytes: int = 0
    end_90k: int = 0
    fragments: int = 0
    again: bool = False
    """Begun while there was trouble, which its first fragment ends."""


class Recorder:
    """Takes one camera's packets in its link's thread; all disk work happens in the `DiskWriter`."""

    def __init__(
        self,
        camera_id: str,
        media_dir: Path,
        disk: DiskWriter,
        *,
        clock: Clock,
        on_segment: OnSegment,
        on_trouble: OnTrouble,
        segment_s: float = 6.0,
        min_free_bytes: int = 2 << 30,
    ) -> None:
        self.camera_id = camera_id
        self._media_dir, self._disk, self._clock = media_dir, disk, clock
        self._on_segment, self._on_trouble = on_segment, on_trouble
        self._segment_ticks = round(segment_s * TICKS_PER_S)
        self._min_free_bytes = min_free_bytes
        self.packets_dropped = 0
        self.written_s: float | None = None
        """When the disk last took something, on the monotonic clock."""
        self._open: _Open | None = None
        self._pending: list[Packet] = []
        self._trouble: GapCause | None = None
        self._retry_at_s = 0.0
        self._lock = threading.Lock()

    @property
    def recording(self) -> bool:
        return self._open is not None and self._trouble is None

    @property
    def trouble(self) -> GapCause | None:
        """Why nothing is written, until it is again."""
        return self._trouble

    # the link's thread

    def put(self, packet: Packet) -> None:
        with self._lock:
            if self._trouble is not None and self._clock.monotonic_s() < self._retry_at_s:
                self.packets_dropped += 1
                return
            started_at = packet.received_at
            if self._open is not None and self._must_start_anew(self._open, packet):
                started_at = self._continues_at(self._open, packet)
                self._finish(next_decode_90k=packet.decode_90k)
            if self._open is None:
                if not packet.key or not packet.sets.complete:
                    return
                self._start(packet, started_at)
            elif packet.key or packet.decode_90k - self._pending[0].decode_90k >= FRAGMENT_TICKS:
                self._flush(packet.decode_90k)
            self._pending.append(packet)

    def end(self) -> None:
        """Close the open segment: the stream ended, or the camera is no longer recorded."""
        with self._lock:
            self._finish(next_decode_90k=None)

    def flush(self) -> None:
        """Hand what has been gathered to the disk now; for a clip that ends at this moment."""
        with self._lock:
            if self._open is not None and len(self._pending) > 1:
                last = self._pending.pop()
                self._flush(last.decode_90k)
                self._pending.append(last)

    def _must_start_anew(self, current: _Open, packet: Packet) -> bool:
        last = self._pending[-1] if self._pending else current.first
        jump = packet.decode_90k - last.decode_90k
        if not 0 < jump <= JUMP_TICKS:
            return True
        if not packet.key:
            return False
        return packet.sets is not last.sets or packet.decode_90k - current.first_decode_90k >= self._segment_ticks

    def _continues_at(self, last: _Open, packet: Packet) -> datetime:
        """Return where the next segment starts: where the last one ends, unless the two clocks went apart."""
        ticks = packet.decode_90k - last.first_decode_90k
        continued = last.started_at + timedelta(seconds=ticks / TICKS_PER_S)
        return continued if abs(continued - packet.received_at) < CLOCK_SLACK else packet.received_at

    def _start(self, packet: Packet, started_at: datetime) -> None:
        current = _Open(segment_path(self.camera_id, started_at), started_at, packet.decode_90k, packet)
        current.again = self._trouble is not None
        self._open = current
        self._pending = []
        self._submit(lambda: self._create(current), 1)

    def _flush(self, next_decode_90k: int | None) -> None:
        current, packets = self._open, self._pending
        if current is None or not packets:
            return
        self._pending = []
        ends = [packet.decode_90k for packet in packets[1:]]
        gap = ends[-1] - packets[-2].decode_90k if ends else DEFAULT_DURATION
        ends.append(next_decode_90k if next_decode_90k is not None else packets[-1].decode_90k + gap)
        samples = [
            Sample(
                packet.decode_90k,
                packet.present_90k,
                end - packet.decode_90k,
                packet.key,
                len(packet.data),
                packet.data,
            )
            for packet, end in zip(packets, ends, strict=True)
        ]
        current.fragments += 1
        data = fragment(current.fragments, samples, origin_90k=current.first_decode_90k)
        end_90k = ends[-1]
        self._submit(lambda: self._append(current, data, end_90k), len(data))

    def _finish(self, *, next_decode_90k: int | None) -> None:
        current = self._open
        if current is None:
            return
        if next_decode_90k is not None and self._pending:
            jump = next_decode_90k - self._pending[-1].decode_90k
            next_decode_90k = next_decode_90k if 0 < jump <= JUMP_TICKS else None
        self._flush(next_decode_90k)
        self._open, self._pending = None, []
        self._disk.submit(lambda: self._close(current))

    def _submit(self, job: Callable[[], None], size_bytes: int) -> None:
        if not self._disk.submit(job, size_bytes):
            self._fail(GapCause.OVERLOAD, "the disk is too slow")

    def _fail(self, cause: GapCause, detail: str) -> None:
        """Stop until the next try; called with the lock held."""
        current, self._open, self._pending = self._open, None, []
        self._retry_at_s = self._clock.monotonic_s() + (OVERLOAD_RETRY_S if cause is GapCause.OVERLOAD else RETRY_S)
        if current is not None:
            current.again = False
            self._disk.submit(lambda: self._close(current))
        if self._trouble is not cause:
            self._trouble = cause
            log.warning("camera %s is not recorded: %s", self.camera_id, detail)
            self._on_trouble(cause, detail, self._clock.utc_now())

    # the disk thread

    def _create(self, current: _Open) -> None:
        try:
            self._disk.check_free(self._min_free_bytes)
            path = self._media_dir / current.path
            path.parent.mkdir(parents=True, exist_ok=True)
            current.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
            self._write(current, init_segment(current.first.sets))
        except (OSError, ValueError) as error:
            self._disk_failed(current, error)

    def _append(self, current: _Open, data: bytes, end_90k: int) -> None:
        if current.file < 0:
            return
        try:
            self._write(current, data)
        except OSError as error:
            self._disk_failed(current, error)
            return
        current.end_90k = end_90k
        with self._lock:
            if current.again and self._trouble is not None:  # a file's first bytes find room on a full disk too
                self._trouble = None
                self._on_trouble(None, "", current.started_at)
        self.written_s = self._clock.monotonic_s()

    def _write(self, current: _Open, data: bytes) -> None:
        written = os.write(current.file, data)
        if written != len(data):  # the disk filled up half-way: readers stop at the last whole fragment
            raise OSError(errno.ENOSPC, "disk full")
        current.written_bytes += written

    def _close(self, current: _Open) -> None:
        if current.file < 0:
            return
        os.close(current.file)
        current.file = -1
        if not current.end_90k:
            (self._media_dir / current.path).unlink(missing_ok=True)
            return
        seconds = (current.end_90k - current.first_decode_90k) / TICKS_PER_S
        self._on_segment(
            Segment(
                camera_id=self.camera_id,
                started_at=current.started_at,
                ended_at=current.started_at + timedelta(seconds=seconds),
                path=current.path,
                size_bytes=current.written_bytes,
                codec=current.first.sets.codec,
            )
        )

    def _disk_failed(self, current: _Open, error: OSError | ValueError) -> None:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        with self._lock:
            if self._open is current:
                self._fail(GapCause.DISK_FULL if full else GapCause.INGEST_ERROR, str(error))
