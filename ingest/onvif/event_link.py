"""One thread per camera whose events are wanted: it subscribes, pulls, renews, and comes back by itself."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.address import Network
from ingest.backoff import Backoff
from ingest.failures import LinkFailure
from ingest.onvif.device import Device
from ingest.onvif.pullpoint import RENEW_BEFORE_S, PullPoint
from ingest.onvif.topics import CameraSaid, Reader
from models.camera import LinkState
from models.clock import Clock
from models.errors import BadInput

PULL_WAIT_S = 10.0
PAUSE_S = 0.2
"""Between two pulls, however much a camera has to say."""
EMPTY_PAUSE_S = 1.0
"""After an empty answer that came at once: some cameras know no long poll."""
EVENTS_PER_MINUTE_MAX = 60
UNSUBSCRIBE_WITHIN_S = 1.0
INTERRUPT_EVERY_S = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLinkConfig:
    """What the thread needs to know; compared to see whether it has to begin anew."""

    camera_id: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    allowed_networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class EventLinkStats:
    """``problem`` is empty while events may come."""

    subscribed: bool
    problem: str
    events_total: int
    private_total: int
    ignored_total: int
    flooded_total: int


class EventLink:
    """``on_said`` is called by the thread; what it is given is already free of what must not be kept."""

    def __init__(
        self,
        config: EventLinkConfig,
        on_said: Callable[[CameraSaid], None],
        *,
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        self.config, self._on_said, self._clock = config, on_said, clock
        self._backoff = backoff or Backoff()
        self._reader = Reader()
        self._stopping = threading.Event()
        self._device: Device | None = None
        self._interruptible = False
        self._subscribed = False
        self._problem = ""
        self._events = self._flooded = self._in_minute = 0
        self._minute_s = float("-inf")
        self._thread = threading.Thread(target=self._run, name=f"events {config.camera_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopping.set()
        self._interrupt()

    def join(self, timeout_s: float) -> bool:
        """Tell whether the thread has ended within the time."""
        turns = max(1, round(timeout_s / INTERRUPT_EVERY_S))
        for _ in range(turns):
            self._thread.join(timeout_s / turns)
            if not self._thread.is_alive():
                return True
            if self._stopping.is_set():
                self._interrupt()
        return False

    def stats(self) -> EventLinkStats:
        reader = self._reader
        return EventLinkStats(
            self._subscribed,
            self._problem,
            self._events,
            reader.private_total,
            reader.ignored_total,
            self._flooded,
        )

    def _interrupt(self) -> None:
        device = self._device
        if device is not None and self._interruptible:
            device.channel.interrupt()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began_s = self._clock.monotonic_s()
            slow = False
            try:
                self._follow()
            except LinkFailure as failure:
                slow = failure.state is LinkState.AUTH_FAILED
                self._fail(failure.reason)
            except BadInput as refused:
                slow = True
                self._fail(str(refused))
            except Exception:
                # a camera must not be able to end its own thread by something that nobody thought of
                log.exception("events of camera %s", self.config.camera_id)
                self._fail("internal error")
            self._subscribed = self._interruptible = False
            self._backoff.streamed(self._clock.monotonic_s() - began_s)
            self._stopping.wait(self._backoff.next_s(slow=slow))

    def _fail(self, reason: str) -> None:
        if reason != self._problem and not self._stopping.is_set():
            log.info("events of camera %s: %s", self.config.camera_id, reason)
        self._problem = reason

    def _follow(self) -> None:
        """Subscribe and pull until something fails or we are stopped."""
        config = self.config
        device = self._device = Device(
            config.host,
            config.port,
            username=config.username,
            password=config.password,
            allowed_networks=config.allowed_networks,
            clock=self._clock,
        )
        device.measure_clock()
        point = PullPoint(device)
        point.create()
        try:
            self._subscribed, self._problem = True, ""
            self._pull(device, point)
        finally:
            self._interruptible = False
            self._end(point)  # also after a failure: a camera has room for few subscriptions

    def _pull(self, device: Device, point: PullPoint) -> None:
        renewed_s = self._clock.monotonic_s()
        while not self._stopping.is_set():
            began_s = self._clock.monotonic_s()
            if began_s - renewed_s > max(point.lives_s - RENEW_BEFORE_S, point.lives_s / 2):
                point.renew()
                renewed_s = began_s
            self._interruptible = True
            answer = point.pull(PULL_WAIT_S)
            self._interruptible = False
            some = False
            for said in self._reader.read(answer, self._clock.utc_now(), device.soap.skew):
                some = True
                self._tell(said)
            at_once = self._clock.monotonic_s() - began_s < EMPTY_PAUSE_S
            self._stopping.wait(EMPTY_PAUSE_S if at_once and not some else PAUSE_S)

    def _tell(self, said: CameraSaid) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._minute_s >= 60:
            self._minute_s, self._in_minute = now_s, 0
        self._in_minute += 1
        if self._in_minute > EVENTS_PER_MINUTE_MAX:
            self._flooded += 1
            return
        self._events += 1
        self._on_said(said)

    def _end(self, point: PullPoint) -> None:
        try:
            point.unsubscribe(UNSUBSCRIBE_WITHIN_S)
        except LinkFailure as failure:
            log.debug("the subscription of %s runs out by itself: %s", self.config.camera_id, failure.reason)
