"""One stream of one camera: a thread that connects, reads, and connects again."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingest.address import Network
from ingest.backoff import Backoff
from ingest.clients import Dial, Repeating, StreamClient, Telling, dial
from ingest.failures import LinkFailure
from ingest.meter import Meter
from ingest.packet import Packet
from ingest.rtsp import AccessUnit
from ingest.timeline import DecodeOrder, Timeline
from models.camera import CameraSource, LinkState
from models.clock import Clock
from models.errors import BadInput

PICTURE_WITHIN_S = 10.0
"""Bytes without one whole picture for this long are a failure, whatever the connection says."""
OPEN_WAIT_S = 1.0
"""A camera that does not answer holds its slot for as long as an open may take: one that does must not wait for it."""
DAMAGED_SHARE_MAX = 0.05
FPS_SHARE_MIN = 0.5
HOLE_S = 2.0
"""A shorter time between two pictures is not worth telling."""
HOLES_KEPT = 64

log = logging.getLogger(__name__)


class OpenLimiter:
    """Spreads the opens of a worker that starts with many cameras; dead cameras that hold every slot delay nobody."""

    def __init__(self, most: int, *, wait_s: float = OPEN_WAIT_S) -> None:
        self._slots = threading.BoundedSemaphore(most)
        self._wait_s = wait_s

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot, or go on without one after a while."""
        taken = self._slots.acquire(timeout=self._wait_s)
        try:
            yield
        finally:
            if taken:
                self._slots.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfig:
    """How one stream is reached and how patient its reader is."""

    source: CameraSource
    password: str = field(default="", repr=False)
    allowed_networks: tuple[Network, ...]
    open_timeout_s: float = 5.0
    read_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Status:
    """Where a stream stands. ``reason`` is for people and mostly empty while all is well."""

    state: LinkState
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Hole:
    """Two pictures that followed each other late: when the one before came, and when the one after."""

    before: datetime
    after: datetime


class StreamLink:
    """Owns its thread. ``takers`` get each packet in that thread and must not block.

    ``on_end`` is called there whenever a connection that was up has ended.
    """

    def __init__(
        self,
        name: str,
        config: StreamConfig,
        *,
        clock: Clock,
        takers: Sequence[Callable[[Packet], None]],
        on_status: Callable[[Status], None],
        on_end: Callable[[], None],
        opens: OpenLimiter,
        backoff: Backoff | None = None,
        follows: Packet | None = None,
        dial: Dial = dial,
    ) -> None:
        """``follows`` is the last packet of the link that this one takes the place of."""
        self.name = name
        self._dial = dial
        self._config, self._clock, self._takers = config, clock, takers
        self._on_status, self._on_end, self._opens = on_status, on_end, opens
        self._backoff = backoff or Backoff()
        self.meter = Meter()
        self.status = Status(LinkState.IDLE, "", clock.utc_now())
        self.last_packet: Packet | None = None
        self.failed: LinkState | None = None
        """What the last attempt came to, until there is a picture again."""
        self._before = follows
        self._holes: deque[Hole] = deque(maxlen=HOLES_KEPT)
        self.damaged_total = 0
        self.packets_lost_total = 0
        self._best_fps = 0.0
        self._seq = 0
        self._note = ""
        self._client: StreamClient | None = None
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    # life

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopping.set()
        self._awake.set()
        client = self._client
        if client is not None:
            client.stop()

    def join(self, timeout_s: float) -> bool:
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def retry_now(self) -> None:
        """Forget earlier failures and try at once: what was wrong may have been put right."""
        self._backoff.attempts = 0
        self._awake.set()

    @property
    def repeating(self) -> Repeating | None:
        """What reads a source of which equal pictures prove nothing; from any thread."""
        client: object = self._client
        return client if isinstance(client, Repeating) and client.repeats else None

    def take_holes(self) -> list[Hole]:
        """Return the holes since the last call; from any thread."""
        taken: list[Hole] = []
        while self._holes:
            taken.append(self._holes.popleft())
        return taken

    def run(self) -> None:
        """Connect again until stopped."""
        while not self._stopping.is_set():
            state = LinkState.BACKOFF
            try:
                self.run_once()
            except LinkFailure as failure:
                state, reason = failure.state, failure.reason
            except BadInput as refused:
                state, reason = LinkState.NOT_FOUND, f"refused: {refused}"
            except Exception as error:
                log.exception("stream %s", self.name)
                reason = f"internal error: {type(error).__name__}"
            if self._stopping.is_set():
                break
            known = (self.failed, self.status.reason) == (state, reason)
            self.failed = state
            self._set(state, reason)
            wait_s = self._backoff.next_s(slow=state is not LinkState.BACKOFF)
            log.log(logging.DEBUG if known else logging.INFO, "stream %s: %s; tried again", self.name, reason)
            self._awake.wait(wait_s)
            self._awake.clear()
        self._set(LinkState.IDLE, "stopped")

    def run_once(self) -> None:
        """Connect and read until something fails; always ends with an exception."""
        config = self._config
        self._set(LinkState.CONNECTING, self.status.reason)  # what went wrong last stays readable
        client = None
        began_s: float | None = None
        try:
            client = self._client = self._dial(config.source, config.password, config.allowed_networks)
            with self._opens.slot():
                if self._stopping.is_set():
                    raise LinkFailure(client.peer, "stopped")
                client.open(config.open_timeout_s)
            self._set(LinkState.PROBING, self.status.reason)
            began_s = self._clock.monotonic_s()
            self._read(client, began_s)
        finally:
            if client is not None:
                self.packets_lost_total += client.packets_lost
                client.close()
            self._client = None
            if began_s is not None:
                self._backoff.streamed(self._clock.monotonic_s() - began_s)
                self.meter.clear()
                self._on_end()

    def _read(self, client: StreamClient, began_s: float) -> None:
        timeline, order = Timeline(), DecodeOrder()
        picture_s = began_s
        started = False
        patience_s = max(self._config.read_timeout_s, PICTURE_WITHIN_S)
        for unit in client.units():
            now_s = self._clock.monotonic_s()
            if unit is None or (not started and not (unit.key and unit.sets.complete)):
                limit_s = self._config.read_timeout_s if started else patience_s
                if now_s - picture_s > limit_s:
                    raise LinkFailure(client.peer, f"no picture for {limit_s:.0f} s")
                continue
            picture_s = now_s
            packet = self._packet(unit, timeline, order, now_s)
            if not started:
                started = True
                self.failed = None
                self._note = client.note if isinstance(client, Telling) else ""
                self._set(LinkState.STREAMING, self._note)
            for take in self._takers:
                take(packet)
            before = self._before
            if before is not None and now_s - before.monotonic_s > HOLE_S:
                self._holes.append(Hole(before.received_at, packet.received_at))
            self._before = self.last_packet = packet
            self.meter.count(now_s, len(packet.data), damaged=packet.damaged)
            self.damaged_total += packet.damaged
            if packet.key:
                self._judge(now_s)

    def _packet(self, unit: AccessUnit, timeline: Timeline, order: DecodeOrder, now_s: float) -> Packet:
        self._seq += 1
        present = timeline.present_90k(unit.ticks, now_s)
        return Packet(
            seq=self._seq,
            present_90k=present,
            decode_90k=order.decode_90k(present),
            received_at=self._clock.utc_now(),
            monotonic_s=now_s,
            key=unit.key,
            data=unit.data,
            sets=unit.sets,
            damaged=unit.damaged,
        )

    def _judge(self, now_s: float) -> None:
        """Tell a good stream from a poor one, once per GOP."""
        reading = self.meter.reading(now_s)
        if reading is None:
            return
        self._best_fps = max(self._best_fps * 0.999, reading.fps)
        if reading.damaged_share > DAMAGED_SHARE_MAX:
            self._set(LinkState.DEGRADED, f"{reading.damaged_share:.0%} of pictures damaged")
        elif reading.fps < self._best_fps * FPS_SHARE_MIN:
            self._set(LinkState.DEGRADED, f"{reading.fps:.0f} of {self._best_fps:.0f} pictures a second")
        else:
            self._set(LinkState.STREAMING, self._note)

    def _set(self, state: LinkState, reason: str) -> None:
        if (state, reason) == (self.status.state, self.status.reason):
            return
        same = state is self.status.state
        now = self.status.since if same else self._clock.utc_now()
        self.status = replace(self.status, state=state, reason=reason, since=now)
        self._on_status(self.status)
