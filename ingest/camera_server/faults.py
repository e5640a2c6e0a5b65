"""Faults that a client can order by URL query, so that the other end can be tested: ``?stall=2&loss=0.01``.

``stall=S``    after S seconds nothing more is sent, the connection stays open
``die=S``      after S seconds the connection is reset
``freeze=S``   after S seconds the last key frame is sent over and over
``corrupt=P``  this share of packets has wrong bytes
``loss=P``     this share of packets is not sent
``udp_lost=1`` nothing arrives over UDP, as behind many a firewall
``no_udp=1``   UDP is refused
"""

import random
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl

_HEADER_BYTES = 12
_BYTE_STAYS = 0.98


@dataclass(frozen=True, slots=True)
class Faults:
    stall: float | None = None
    die: float | None = None
    freeze: float | None = None
    corrupt: float = 0.0
    loss: float = 0.0
    udp_lost: float = 0.0
    no_udp: float = 0.0

    @classmethod
    def from_query(cls, query: str) -> "Faults":
        """Read what is known and a number; all else is ignored."""
        names = {field.name for field in fields(cls)}
        values: dict[str, float] = {}
        for name, text in parse_qsl(query):
            try:
                value = float(text.split("/")[0])  # some clients append the track's name to the query
            except ValueError:
                continue
            if name in names:
                values[name] = value
        return cls(**values)

    @property
    def per_packet(self) -> bool:
        return self.corrupt > 0 or self.loss > 0

    def damaged(self, packets: list[bytes], dice: random.Random) -> list[bytes]:
        """Return the packets after loss and corruption."""
        kept = [packet for packet in packets if dice.random() >= self.loss]
        return [self._scratched(packet, dice) if dice.random() < self.corrupt else packet for packet in kept]

    @staticmethod
    def _scratched(packet: bytes, dice: random.Random) -> bytes:
        body = bytes(byte if dice.random() < _BYTE_STAYS else dice.randrange(256) for byte in packet[_HEADER_BYTES:])
        return packet[:_HEADER_BYTES] + body
