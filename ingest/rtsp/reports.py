"""RTCP receiver reports (RFC 3550 6.4.2): without them many cameras hang up after a minute."""

import secrets
import struct

EVERY_S = 5.0
_REPORT = struct.Struct(">BBHIIIIIII")


class ReceiverReports:
    """Writes the reports about one sender."""

    def __init__(self) -> None:
        self._own = secrets.randbits(32)
        self._last_sender_report = 0

    def heard(self, packet: bytes | memoryview) -> None:
        """Remember when the sender says it sent its report; other packets are ignored."""
        if len(packet) >= 28 and packet[0] & 0xC0 == 0x80 and packet[1] == 200:
            self._last_sender_report = int.from_bytes(packet[10:14], "big")

    def report(self, ssrc: int, highest_seq: int, packets_lost: int) -> bytes:
        lost = min(packets_lost, 0x7FFFFF)
        return _REPORT.pack(0x81, 201, 7, self._own, ssrc, lost, highest_seq & 0xFFFF, 0, self._last_sender_report, 0)
