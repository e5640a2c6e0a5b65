"""Candidates in descriptions: what of an offer or answer is taken, and trickled fragments (RFC 8840)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

from ingest.address import Network
from models.errors import BadInput

FRAGMENT_MAX_BYTES = 16 << 10
CANDIDATES_MAX = 64
_UFRAG = re.compile(r"^a=ice-ufrag:(\S{1,256})\s*$", re.MULTILINE)

Allowed = Callable[[str], bool]
"""Tells whether the address of a candidate may be sent something."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a PATCH says; candidates that cannot be dialled are left out."""

    ufrag: str
    candidates: tuple[RTCIceCandidate, ...]
    most: int = CANDIDATES_MAX


def ufrag_of(sdp: str) -> str:
    """Return the first ICE user fragment; empty when there is none."""
    found = _UFRAG.search(sdp)
    return found[1] if found else ""


def _address_of(candidate: str) -> str:
    words = candidate.split()
    return words[4] if len(words) >= 8 else ""


def is_literal(address: str) -> bool:
    """Tell whether this is an address, not a name: a name of mDNS is asked for five seconds, and needs not be."""
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


def inside(allowed_networks: Sequence[Network]) -> Allowed:
    """Return what tells whether an address may be dialled; a name never may, nor one by an interface of ours."""

    def allowed(address: str) -> bool:
        if not is_literal(address) or "%" in address:
            return False
        found = ip_address(address)
        return any(found in network for network in allowed_networks)

    return allowed


def cleaned(sdp: str, allowed: Allowed = is_literal) -> str:
    """Return ``sdp`` with the candidates whose address is ``allowed``, at most `CANDIDATES_MAX`, and open for more.

    A peer whose candidates are all left out still reaches us: its checks tell where it is.
    """
    kept: list[str] = []
    count = 0
    for line in sdp.splitlines():
        if line.startswith("a=candidate:"):
            count += 1
            if count > CANDIDATES_MAX or not allowed(_address_of(line.removeprefix("a=candidate:"))):
                continue
        elif line.startswith("a=end-of-candidates"):
            continue
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def parse_fragment(text: str, allowed: Allowed = is_literal) -> Fragment:
    """Read an ``application/trickle-ice-sdpfrag`` body; `BadInput` when it is none.

    Left out is what is not ``allowed``, as in `cleaned`.
    """
    if len(text) > FRAGMENT_MAX_BYTES:
        raise BadInput("sdpfrag", f"at most {FRAGMENT_MAX_BYTES} bytes")
    candidates: list[RTCIceCandidate] = []
    mid, line_index, seen = "", -1, False
    for line in text.splitlines():
        if line.startswith("m="):
            line_index, mid = line_index + 1, ""
        elif line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:").strip()
        elif line.startswith("a=end-of-candidates"):
            seen = True
        elif line.startswith("a=candidate:"):
            seen = True
            body = line.removeprefix("a=candidate:")
            if not allowed(_address_of(body)) or body.split()[2].lower() != "udp":
                continue
            try:
                candidate = candidate_from_sdp(body)
            except (ValueError, AssertionError, IndexError) as error:
                raise BadInput("sdpfrag", "candidates as RFC 8840 writes them") from error
            candidate.sdpMid = mid or None
            candidate.sdpMLineIndex = max(line_index, 0)
            candidates.append(candidate)
    ufrag = ufrag_of(text)
    if not seen and not ufrag:
        raise BadInput("sdpfrag", "candidates as RFC 8840 writes them")
    return Fragment(ufrag, tuple(candidates))
