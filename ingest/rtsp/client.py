"""One camera stream from DESCRIBE to its last access unit."""

import contextlib
import time
from collections.abc import Callable, Iterator

from ingest.address import request_url
from ingest.failures import LinkFailure
from ingest.rtsp import reports, sdp
from ingest.rtsp.datagrams import PortPair, Reorder
from ingest.rtsp.messages import Head, NotRtsp
from ingest.rtsp.sdp import VideoMedia
from ingest.rtsp.units import AccessUnit, UnitBuilder
from ingest.rtsp.wire import Wire
from models.camera import CameraSource, LinkState, Scheme, Transport

TICK_S = 0.5
"""How often a silent stream gives its reader a chance to look at the clock."""
SESSION_TIMEOUT_DEFAULT_S = 60
DATAGRAMS_PER_TURN = 256


class RtspClient:
    """Plays the video of one address. One thread uses it; `stop` may come from another."""

    def __init__(self, source: CameraSource, password: str, address: tuple[str, int], *, path: str = "") -> None:
        self._source, self._address = source, address
        self.peer = f"{source.host}:{source.port}{(path or source.path).partition('?')[0]}"
        host = f"[{source.host}]" if ":" in source.host else source.host
        self._url = f"{source.scheme}://{host}:{source.port}{path}" if path else request_url(source)
        secure = source.scheme == Scheme.RTSPS
        self._udp = source.transport == Transport.UDP and not secure
        self._wire = Wire(
            self.peer,
            address,
            username=source.username,
            password=password,
            tls=secure,
            server_name=source.host,
        )
        self._ports: PortPair | None = None
        self._builder: UnitBuilder | None = None
        self._push: Callable[[memoryview, int, int], None] = _nowhere
        self._reorder = Reorder()
        self._reports = reports.ReceiverReports()
        self._channel = 0
        self._keepalive_method = "OPTIONS"
        self._keepalive_every_s = SESSION_TIMEOUT_DEFAULT_S / 2
        self._keepalive_s = self._report_s = 0.0
        self._stopped = self._playing = False

    # life

    def open(self, timeout_s: float) -> VideoMedia:
        """Connect, ask for the video and start it; `LinkFailure` says what went wrong, and nothing is left open."""
        deadline_s = time.monotonic() + timeout_s
        try:
            return self._open(deadline_s)
        except NotRtsp as error:
            raise LinkFailure(self.peer, f"does not speak RTSP: {error}") from None
        except sdp.NoVideo as error:
            raise LinkFailure(self.peer, str(error), state=LinkState.NOT_FOUND) from None
        finally:
            if not self._playing:
                self.close()

    def _open(self, deadline_s: float) -> VideoMedia:
        wire = self._wire
        wire.connect(deadline_s)
        if self._stopped:
            raise LinkFailure(self.peer, "stopped")
        head, _ = wire.ask("OPTIONS", self._url, {}, deadline_s)
        if "GET_PARAMETER" in head.get("public"):
            self._keepalive_method = "GET_PARAMETER"
        head, body = wire.ask("DESCRIBE", self._url, {"Accept": "application/sdp"}, deadline_s)
        session_control, media = sdp.parse(body)
        base = head.get("content-base") or head.get("content-location") or self._url
        track = sdp.control_url(base, media.control)
        self._builder = UnitBuilder(media)
        self._push = self._builder.push
        self._setup(track, deadline_s)
        aggregate = sdp.control_url(base, session_control)
        wire.on_packet = self._on_packet
        wire.ask("PLAY", aggregate, {"Range": "npt=0.000-"}, deadline_s)
        self._playing = True
        return media

    def _setup(self, track: str, deadline_s: float) -> None:
        if self._udp:
            self._ports = ports = PortPair.bind(self._wire.local_host())
            transport = f"RTP/AVP;unicast;client_port={ports.port}-{ports.port + 1}"
        else:
            transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        head, _ = self._wire.ask("SETUP", track, {"Transport": transport}, deadline_s)
        name, _, rest = head.get("session").partition(";")
        if not name or not name.isascii() or not name.isprintable() or len(name) > 200:
            raise NotRtsp("no session in the answer to SETUP")
        self._wire.session = name.strip()
        seconds = rest.strip().removeprefix("timeout=")
        session_s = int(seconds) if seconds.isdigit() and len(seconds) < 6 else SESSION_TIMEOUT_DEFAULT_S
        self._keepalive_every_s = max(0.5, session_s / 2)
        self._take_transport(head)

    def _take_transport(self, head: Head) -> None:
        given: dict[str, str] = {}
        for part in head.get("transport").split(";"):
            name, _, value = part.strip().partition("=")
            given[name.lower()] = value
        if self._ports:
            # only the checked address is listened to, whatever ``source=`` or ``destination=`` say
            self._ports.connect(self._address[0], _pair(given.get("server_port", "")))
        else:
            channels = _pair(given.get("interleaved", "0-1"))
            self._channel = channels[0] if channels else 0

    def stop(self) -> None:
        """Make `open` or `units` end within `TICK_S`; from any thread."""
        self._stopped = True
        if not self._playing:
            self._wire.shut()

    def close(self) -> None:
        """Tell the camera goodbye without waiting for an answer, and let go of everything."""
        if self._wire.session:
            with contextlib.suppress(LinkFailure, NotRtsp):  # it may be gone already
                self._wire.tell("TEARDOWN", self._url, {})
        self._wire.close()
        if self._ports:
            self._ports.close()

    # the stream

    @property
    def packets_lost(self) -> int:
        return self._builder.packets_lost if self._builder else 0

    def units(self) -> Iterator[AccessUnit | None]:
        """Yield access units as they come, and None every `TICK_S` without one. Ends only by `LinkFailure`."""
        if self._builder is None:
            raise LinkFailure(self.peer, "not open")
        ready = self._builder.ready
        self._keepalive_s = time.monotonic() + self._keepalive_every_s
        self._report_s = time.monotonic() + reports.EVERY_S
        try:
            while True:
                if self._ports:
                    self._turn_datagrams(self._ports)
                else:
                    self._wire.pump()
                    if not ready:
                        self._wire.fill(TICK_S)
                        self._wire.pump()
                if not ready:
                    yield None
                while ready:
                    yield ready.popleft()
                self._keep_alive()
        except NotRtsp as error:
            raise LinkFailure(self.peer, f"does not speak RTSP: {error}") from None

    def _keep_alive(self) -> None:
        if self._stopped:
            raise LinkFailure(self.peer, "stopped")
        now_s = time.monotonic()
        if now_s >= self._keepalive_s:
            self._keepalive_s = now_s + self._keepalive_every_s
            self._wire.tell(self._keepalive_method, self._url, {})
        if now_s >= self._report_s:
            self._report_s = now_s + reports.EVERY_S
            self._send_report()

    def _on_packet(self, channel: int, view: memoryview, start: int, end: int) -> None:
        if channel == self._channel:
            self._push(view, start, end)
        elif channel == self._channel + 1:
            self._reports.heard(view[start:end])

    def _turn_datagrams(self, ports: PortPair) -> None:
        readable = ports.wait(self._wire.file_number(), TICK_S)
        if self._wire.file_number() in readable:
            self._wire.fill(TICK_S)
            self._wire.pump()
        if ports.rtp.fileno() in readable:
            for datagram in ports.received(ports.rtp, DATAGRAMS_PER_TURN):
                for packet in self._reorder.push(datagram):
                    self._push(memoryview(packet), 0, len(packet))
        if ports.rtcp.fileno() in readable:
            for datagram in ports.received(ports.rtcp, DATAGRAMS_PER_TURN):
                self._reports.heard(datagram)

    def _send_report(self) -> None:
        if self._builder is None or self._builder.ssrc is None:
            return
        report = self._reports.report(self._builder.ssrc, self._builder.highest_seq, self._builder.packets_lost)
        if self._ports:
            try:
                self._ports.rtcp.send(report)
            except OSError:
                return  # no port was named, or it is closed: the RTSP connection tells
        else:
            self._wire.send(b"$" + bytes([self._channel + 1]) + len(report).to_bytes(2, "big") + report)


def _nowhere(_view: memoryview, _start: int, _end: int) -> None:
    """Before SETUP nothing is expected."""


def _pair(text: str) -> tuple[int, int] | None:
    first, _, second = text.partition("-")
    if not first.isdigit() or len(first) > 5:
        return None
    low = int(first)
    high = int(second) if second.isdigit() and len(second) <= 5 else low + 1
    return (low, high) if low <= 65_535 and high <= 65_535 else None
