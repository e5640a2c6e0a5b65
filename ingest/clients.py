"""What a stream is read with: one client per way of sending, all with the same four calls."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from ingest.address import Network, check
from ingest.rtsp import AccessUnit, RtspClient
from ingest.whep_client import WhepClient
from models.camera import CameraSource, Scheme


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


Dial = Callable[[CameraSource, str, Sequence[Network]], StreamClient]
"""From an address, its password and the networks that may be dialled to a client; `BadInput` or `LinkFailure`."""


def dial(source: CameraSource, password: str, allowed_networks: Sequence[Network]) -> StreamClient:
    """Return the client of the source's scheme, with an address that has been checked."""
    if source.scheme in (Scheme.WHEP, Scheme.WHEPS):
        return WhepClient(source, password, check(source, allowed_networks), allowed_networks)
    return RtspClient(source, password, check(source, allowed_networks))
