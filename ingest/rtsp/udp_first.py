"""RTSP over UDP that falls back to TCP: firewalls and address translation lose datagrams without a word."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ingest.failures import LinkFailure, TransportRefused
from ingest.rtsp.client import RtspClient
from ingest.rtsp.units import AccessUnit
from models.camera import CameraSource, Transport


class UdpFirst:
    """Waits for the first picture over UDP as long as an open may take; without one, this connection is over TCP."""

    def __init__(
        self,
        source: CameraSource,
        password: str,
        address: tuple[str, int],
        *,
        known: str = "",
        learn: Callable[[CameraSource, str], None] = lambda _source, _why: None,
    ) -> None:
        """``known`` is why UDP was given up before; ``learn`` is told when it is given up now."""
        self._source, self._password, self._address = source, password, address
        self.note, self._learn = known, learn
        self._first: AccessUnit | None = None
        self._units: Iterator[AccessUnit | None] = iter(())
        self._stopped = False
        self._client = self._over(Transport.TCP if known else Transport.UDP)
        self.peer = self._client.peer

    def _over(self, transport: Transport) -> RtspClient:
        return RtspClient(replace(self._source, transport=transport), self._password, self._address)

    @property
    def packets_lost(self) -> int:
        return self._client.packets_lost

    def open(self, timeout_s: float) -> None:
        """Connect and wait for a picture; `LinkFailure` says what went wrong, and nothing is left open."""
        if not self.note:
            why = self._open_udp(timeout_s)
            if not why:
                return
            self._client.close()
            self._client = self._over(Transport.TCP)
        if self._stopped:
            raise LinkFailure(self.peer, "stopped")
        self._client.open(timeout_s)
        self._units = self._client.units()
        if not self.note:
            self.note = f"over TCP: {why}"
            self._learn(self._source, self.note)

    def _open_udp(self, timeout_s: float) -> str:
        """Return why it has to be TCP; empty when the first picture is here."""
        try:
            self._client.open(timeout_s)
        except TransportRefused as refused:
            return refused.reason
        deadline_s = time.monotonic() + timeout_s
        self._units = self._client.units()
        try:
            for unit in self._units:
                if unit is not None:
                    self._first = unit
                    return ""
                if time.monotonic() > deadline_s:
                    break
        except LinkFailure:
            self._client.close()
            raise
        return f"no picture came over UDP within {timeout_s:g} s"

    def units(self) -> Iterator[AccessUnit | None]:
        """As `RtspClient.units`."""
        if self._first is not None:
            yield self._first
        yield from self._units

    def stop(self) -> None:
        """Make `open` or `units` end soon; from any thread."""
        self._stopped = True
        self._client.stop()

    def close(self) -> None:
        self._client.close()
