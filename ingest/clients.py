"""What a stream is read with: one client per way of sending, all with the same four calls."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from ingest.address import Network, check, check_source
from ingest.replay import ReplayClient
from ingest.rtsp import AccessUnit, RtspClient
from ingest.rtsp.udp_first import UdpFirst
from ingest.web import WebClient
from ingest.whep_client import WhepClient
from models.camera import CameraSource, Scheme, Transport


class StreamClient(Protocol):
    """One connection to one camera. One thread uses it; `stop` may come from another."""

    @property
    def peer(self) -> str:
        """The other side, for people: never with a password in it."""
        ...

    @property
    def packets_lost(self) -> int:
        """How many packets were lost on the way so far."""
        ...

    def open(self, timeout_s: float) -> object:
        """Connect and ask for the pictures; `LinkFailure` says what went wrong, and nothing is left open."""
        ...

    def units(self) -> Iterator[AccessUnit | None]:
        """Yield access units as they come, and None at least twice a second without one. Ends only by `LinkFailure`."""
        ...

    def stop(self) -> None:
        """Make `open` or `units` end within a second; from any thread."""
        ...

    def close(self) -> None:
        """Let go of everything; may be called again."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A client that has something to say although all is well."""

    @property
    def note(self) -> str:
        """What people should know; empty when there is nothing."""
        ...


@runtime_checkable
class Repeating(Protocol):
    """A client whose camera may rightly send the same picture again and again."""

    @property
    def repeats(self) -> bool:
        """Whether equal pictures are no sign that the camera hangs."""
        ...

    @property
    def same_since_s(self) -> float | None:
        """Since when, on the monotonic clock, the source itself calls its picture the same; None where it tells not."""
        ...


Dial = Callable[[CameraSource, str, Sequence[Network]], StreamClient]
"""From an address, its password and the networks that may be dialled to a client; `BadInput` or `LinkFailure`."""

REMEMBERED_MAX = 4096


class Dialer:
    """A `Dial`: the client of the source's scheme, with an address that has been checked.

    One for a worker: it remembers which cameras gave no picture over UDP, until it is made anew.
    """

    def __init__(self, *, replay_folders: Sequence[Path] = ()) -> None:
        """Files are played as cameras inside ``replay_folders`` alone."""
        self._replay_folders = tuple(replay_folders)
        self._no_udp: dict[CameraSource, str] = {}

    def __call__(self, source: CameraSource, password: str, allowed_networks: Sequence[Network]) -> StreamClient:
        check_source(source)
        if source.scheme == Scheme.FILE:
            return ReplayClient(source, self._replay_folders)
        address = check(source, allowed_networks)
        if source.scheme in (Scheme.HTTP, Scheme.HTTPS):
            return WebClient(source, password, address, allowed_networks)
        if source.scheme in (Scheme.WHEP, Scheme.WHEPS):
            return WhepClient(source, password, address, allowed_networks)
        if source.scheme == Scheme.RTSP and source.transport == Transport.UDP:
            return UdpFirst(source, password, address, known=self._no_udp.get(source, ""), learn=self._learn)
        return RtspClient(source, password, address)

    def _learn(self, source: CameraSource, why: str) -> None:
        if len(self._no_udp) >= REMEMBERED_MAX:
            self._no_udp.clear()
        self._no_udp[source] = why


def dial(source: CameraSource, password: str, allowed_networks: Sequence[Network]) -> StreamClient:
    """Return the client of the source's scheme; no file is played, and nothing is remembered."""
    return Dialer()(source, password, allowed_networks)
