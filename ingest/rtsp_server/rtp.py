"""Access units to RTP packets (RFC 3550, RFC 6184, RFC 7798), and how SDP describes them."""

import base64
import secrets
import struct
import time
from collections.abc import Iterator, Sequence

from ingest.h26x import Codec, nal_type

PAYLOAD_TYPE = 96
PAYLOAD_MAX_BYTES = 1400
SENDER_REPORT_EVERY_S = 5.0
_NTP_EPOCH_S = 2_208_988_800
_HEADER = struct.Struct(">BBHII")
_SENDER_REPORT = struct.Struct(">BBHIIIIII")
_H264_FU_A, _H265_FU = 28, 49


def payloads(nal: bytes, codec: Codec) -> Iterator[bytes]:
    """Cut a NAL unit into a single payload or fragmentation units."""
    if len(nal) <= PAYLOAD_MAX_BYTES:
        yield nal
        return
    kind = nal_type(codec, nal[0])
    if codec is Codec.H264:
        indicator, body = bytes([(nal[0] & 0xE0) | _H264_FU_A]), nal[1:]
    else:
        indicator, body = bytes([(nal[0] & 0x81) | (_H265_FU << 1), nal[1]]), nal[2:]
    step = PAYLOAD_MAX_BYTES - len(indicator) - 1
    for at in range(0, len(body), step):
        start = 0x80 if at == 0 else 0
        end = 0x40 if at + step >= len(body) else 0
        yield indicator + bytes([start | end | kind]) + body[at : at + step]


class RtpStamper:
    """Puts RTP headers (RFC 3550 5.1) before payloads and counts them for sender reports (6.4.1)."""

    def __init__(self) -> None:
        self.ssrc = secrets.randbits(32)
        self.seq = secrets.randbits(16)
        self.origin = secrets.randbits(30)
        self._last_ticks = self.origin
        self._packets = self._octets = 0

    def packets(self, payloads: Sequence[bytes], ticks: int) -> list[bytes]:
        """Return the packets of one access unit; the last has the marker bit."""
        stamp = self._last_ticks = (self.origin + ticks) & 0xFFFFFFFF
        seq, ssrc, last = self.seq, self.ssrc, len(payloads) - 1
        out = []
        for index, payload in enumerate(payloads):
            seq = (seq + 1) & 0xFFFF
            marker = 0x80 if index == last else 0
            out.append(_HEADER.pack(0x80, marker | PAYLOAD_TYPE, seq, stamp, ssrc) + payload)
            self._octets += len(payload)
        self.seq = seq
        self._packets += len(payloads)
        return out

    def sender_report(self) -> bytes:
        now = time.time() + _NTP_EPOCH_S
        fraction = int(now % 1 * 2**32)
        counts = self._packets & 0xFFFFFFFF, self._octets & 0xFFFFFFFF
        return _SENDER_REPORT.pack(0x80, 200, 6, self.ssrc, int(now), fraction, self._last_ticks, *counts)


def interleave(packets: Sequence[bytes], channel: int) -> bytes:
    """Frame packets for the RTSP connection (RFC 2326 10.12)."""
    prefix = b"$" + bytes([channel])
    return b"".join(part for packet in packets for part in (prefix, len(packet).to_bytes(2, "big"), packet))


def format_parameters(codec: Codec, sets: Sequence[bytes]) -> str:
    """Return what ``a=fmtp`` says of these parameter sets."""
    text = [base64.b64encode(nal).decode() for nal in sets]
    if codec is Codec.H265:
        names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
        return ";".join(f"{names[nal_type(codec, nal[0])]}={b64}" for nal, b64 in zip(sets, text, strict=True))
    profile = next(nal for nal in sets if nal_type(codec, nal[0]) == 7)[1:4].hex().upper()
    return f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={','.join(text)}"


def description(codec: Codec, parameters: str, *, host: str, session: int, name: str) -> str:
    """Return the SDP of one live video stream (RFC 4566) whose track is ``track0``."""
    family, anywhere = ("IP6", "::") if ":" in host else ("IP4", "0.0.0.0")  # noqa: S104 - SDP text
    return (
        f"v=0\r\no=- {session} 1 IN {family} {host}\r\ns={name}\r\nc=IN {family} {anywhere}\r\n"
        f"t=0 0\r\na=control:*\r\na=range:npt=now-\r\n"
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} {codec.name}/90000\r\n"
        f"a=fmtp:{PAYLOAD_TYPE} {parameters}\r\na=control:track0\r\n"
    )
