"""One camera: its main stream (recorded and shown), its sub-stream (analysed), and what is to be said about them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingest.address import Network, check_source
from ingest.backoff import Backoff
from ingest.clients import Dial, dial
from ingest.gate import DecodeGate
from ingest.h26x import Codec
from ingest.live import LiveFanout
from ingest.masking import Polygon, masking
from ingest.packet import Packet
from ingest.recorder import Recorder
from ingest.ring import PacketRing
from ingest.stream import OpenLimiter, Status, StreamConfig, StreamLink
from ingest.trigger import TriggeredRecorder
from models.camera import UP_STATES, CameraSource, CameraState, LinkState
from models.clock import Clock
from models.frame import DecodeMode, Frame

FROZEN_AFTER_S = 8.0
STALE_AFTER_S = 900.0
"""Of a camera that is asked for single pictures: public ones make a new one every minute, some every ten."""
TRYING = frozenset({LinkState.CONNECTING, LinkState.PROBING})


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """All that a link needs to know; two equal configurations need no new link."""

    camera_id: str
    worker_id: str
    source: CameraSource
    password: str = field(default="", repr=False)
    sub_path: str | None = None
    allowed_networks: tuple[Network, ...] = ()
    open_timeout_s: float = 5.0
    read_timeout_s: float = 5.0
    ring_s: float = 10.0
    ring_bytes: int = 24 << 20
    backoff_first_s: float = 1.0
    backoff_slow_s: float = 30.0
    masks: tuple[Polygon, ...] = ()
    """Painted black in both streams before anything else gets them."""


class CameraLink:
    """Runs one thread per stream. Callbacks come from those threads and must not block.

    ``on_state`` is called when the camera's state or its reason changes; counters are read with `state`.
    ``triggered`` stands before the recorder of a camera that is not recorded all the time;
    ``follows`` is the last packet of the link that this one takes the place of.
    """

    def __init__(
        self,
        config: LinkConfig,
        *,
        clock: Clock,
        on_state: Callable[[CameraState], None],
        on_frame: Callable[[Frame], None],
        mode: Callable[[], DecodeMode],
        recorder: Recorder | None,
        live: LiveFanout,
        opens: OpenLimiter,
        triggered: TriggeredRecorder | None = None,
        follows: Packet | None = None,
        dial: Dial = dial,
        live_sub: LiveFanout | None = None,
    ) -> None:
        """``live_sub`` gets the sub-stream while the main stream is H.265, which browsers do not play."""
        check_source(config.source, sub_path=config.sub_path)
        self.config = config
        self.recorder, self.triggered = recorder, triggered
        self.live, self.live_sub = live, live_sub
        self._clock, self._on_state, self._dial = clock, on_state, masking(dial, config.masks)
        self.ring = PacketRing(config.ring_s, config.ring_bytes)
        self.gate = DecodeGate(config.camera_id, on_frame=on_frame, mode=mode)
        self.started_s = clock.monotonic_s()
        self._told: tuple[LinkState, str] | None = None
        self._since = clock.utc_now()
        self._lock = threading.Lock()
        takers: list[Callable[[Packet], None]] = [self.ring.add, live.put]
        if recorder is not None:
            takers.append((triggered or recorder).put)
        if config.sub_path is None:
            takers.append(self.gate.put)
        self.main = self._stream("main", config.source, takers, self._main_ended, opens, follows=follows)
        self.sub: StreamLink | None = None
        if config.sub_path is not None:
            source = replace(config.source, path=config.sub_path)
            self.sub = self._stream("sub", source, [self.gate.put, self._put_sub], self._sub_ended, opens)

    def _stream(
        self,
        name: str,
        source: CameraSource,
        takers: list[Callable[[Packet], None]],
        on_end: Callable[[], None],
        opens: OpenLimiter,
        *,
        follows: Packet | None = None,
    ) -> StreamLink:
        config = self.config
        return StreamLink(
            f"{config.camera_id}/{name}",
            StreamConfig(
                source=source,
                password=config.password,
                allowed_networks=config.allowed_networks,
                open_timeout_s=config.open_timeout_s,
                read_timeout_s=config.read_timeout_s,
            ),
            clock=self._clock,
            takers=takers,
            on_status=self._status_changed,
            on_end=on_end,
            opens=opens,
            backoff=Backoff(first_s=config.backoff_first_s, slow_first_s=config.backoff_slow_s),
            follows=follows,
            dial=self._dial,
        )

    # life

    def start(self) -> None:
        self.main.start()
        if self.sub is not None:
            self.sub.start()

    def stop(self) -> None:
        """Ask both streams to end; does not wait."""
        self.main.stop()
        if self.sub is not None:
            self.sub.stop()

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads; False when one does not return (it is abandoned)."""
        ended = self.main.join(timeout_s)
        return (self.sub is None or self.sub.join(timeout_s)) and ended

    def _main_ended(self) -> None:
        if self.recorder is not None:
            (self.triggered or self.recorder).end()
        self.live.interrupt()
        if self.sub is None:
            self.gate.reset()

    def _put_sub(self, packet: Packet) -> None:
        if self.live_sub is None:
            return
        if self.sends_h265:
            self.live_sub.put(packet)
        else:
            self.live_sub.interrupt()

    def _sub_ended(self) -> None:
        self.gate.reset()
        if self.live_sub is not None:
            self.live_sub.interrupt()

    @property
    def sends_h265(self) -> bool:
        """Whether the main stream is one that browsers do not play."""
        packet = self.main.last_packet
        return packet is not None and packet.sets.codec is Codec.H265

    @property
    def for_browsers(self) -> LiveFanout:
        """The main stream; where that is H.265, the sub-stream while it brings H.264."""
        if self.live_sub is None or self.sub is None or not self.sends_h265:
            return self.live
        packet = self.sub.last_packet
        playable = packet is not None and packet.sets.codec is Codec.H264 and self.sub.status.state in UP_STATES
        return self.live_sub if playable else self.live

    # what is to be said

    def _status_changed(self, _status: Status) -> None:
        self.look()

    def look(self) -> None:
        """Tell `on_state` when the state is another one than was told last."""
        with self._lock:
            state, reason = self._judge()
            if (state, reason) == self._told:
                return
            if self._told is None or self._told[0] is not state:
                self._since = self._clock.utc_now()
            self._told = state, reason
        self._on_state(self.state())

    def _judge(self) -> tuple[LinkState, str]:
        status = self.main.status
        if self.main.failed is not None and status.state in TRYING:  # or every attempt would be news on every wall
            return self.main.failed, status.reason
        if status.state is not LinkState.STREAMING:
            return status.state, status.reason
        if self._frozen():
            return LinkState.DEGRADED, "the picture is frozen"
        if self.gate.broken:
            return LinkState.DEGRADED, "pictures come with wrong bytes"
        sub = self.sub.status if self.sub is not None else status
        if sub.state is LinkState.DEGRADED or (sub.state not in UP_STATES and sub.reason):
            return LinkState.DEGRADED, f"sub-stream: {sub.reason}"
        return status.state, status.reason

    def _frozen(self) -> bool:
        """Whether the pictures that are decoded stand still in a way that a living camera's do not."""
        repeating = (self.sub or self.main).repeating
        since_s = self.gate.same_since_s if repeating is None else repeating.same_since_s
        after_s = FROZEN_AFTER_S if repeating is None else STALE_AFTER_S
        return since_s is not None and self._clock.monotonic_s() - since_s > after_s

    @property
    def last_packet_s(self) -> float | None:
        """When the main stream last gave a picture, on the monotonic clock."""
        packet = self.main.last_packet
        return packet.monotonic_s if packet else None

    @property
    def last_packet_at(self) -> datetime | None:
        packet = self.main.last_packet
        return packet.received_at if packet else None

    def state(self) -> CameraState:
        """Return the state with its figures."""
        state, reason = self._told or self._judge()
        now_s = self._clock.monotonic_s()
        packet = self.main.last_packet
        up = state in UP_STATES
        reading = self.main.meter.reading(now_s) if up else None
        picture = packet.sets.picture if packet and up else None
        lost = self.main.damaged_total + (self.recorder.packets_dropped if self.recorder else 0)
        return CameraState(
            camera_id=self.config.camera_id,
            worker_id=self.config.worker_id,
            state=state,
            reason=reason,
            since=self._since,
            updated_at=self._clock.utc_now(),
            last_frame_at=self.last_packet_at,
            fps=round(reading.fps, 1) if reading else None,
            bitrate_kbps=round(reading.bitrate_kbps) if reading else None,
            width_px=picture.width_px if picture else None,
            height_px=picture.height_px if picture else None,
            codec=packet.sets.codec if packet and up else None,
            frames_total=self.main.meter.pictures_total,
            frames_lost_total=lost,
            recording=bool(self.recorder and self.recorder.recording and up),
        )
