"""MQTT 3.1.1 on the wire, as far as a proxy must understand it to do harm with care."""

from __future__ import annotations

import struct
from typing import NamedTuple

CONNECT, PUBLISH, PUBACK = 0x10, 0x30, 0x40


class Publish(NamedTuple):
    """A PUBLISH; `mid` is 0 at QoS 0."""

    topic: str
    payload: bytes
    mid: int
    retain: bool


class Cutter:
    """Cuts a stream of bytes into whole packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        self._rest += data
        packets = []
        while (size := _size(self._rest)) is not None and len(self._rest) >= size:
            packets.append(self._rest[:size])
            self._rest = self._rest[size:]
        return packets


def _size(data: bytes) -> int | None:
    """Bytes of the packet that begins here, its header included; None while unknown."""
    length = 0
    for n, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            return 2 + n + length
    return None


def kind(packet: bytes) -> int:
    return packet[0] & 0xF0


def _body(packet: bytes) -> bytes:
    start = 1
    while packet[start] & 0x80:
        start += 1
    return packet[start + 1 :]


def publish_of(packet: bytes) -> Publish:
    body = _body(packet)
    end = 2 + int.from_bytes(body[:2])
    mid, start = (int.from_bytes(body[end : end + 2]), end + 2) if packet[0] & 0x06 else (0, end)
    return Publish(body[2:end].decode(), body[start:], mid, bool(packet[0] & 1))


def mid_of(packet: bytes) -> int:
    """The packet id of a PUBACK."""
    return int.from_bytes(packet[2:4])


def client_of(packet: bytes) -> str:
    """The client id of a CONNECT."""
    body = _body(packet)
    start = 2 + int.from_bytes(body[:2]) + 4
    size = int.from_bytes(body[start : start + 2])
    return body[start + 2 : start + 2 + size].decode()


def puback(mid: int) -> bytes:
    return struct.pack(">BBH", PUBACK, 2, mid)


def publish(said: Publish, mid: int) -> bytes:
    """The same message under another packet id; 0: at QoS 0."""
    topic = said.topic.encode()
    number = mid.to_bytes(2) if mid else b""
    body = len(topic).to_bytes(2) + topic + number + said.payload
    size, length = b"", len(body)
    while True:
        length, low = length >> 7, length & 0x7F
        size += bytes([low | 0x80 if length else low])
        if not length:
            return bytes([PUBLISH | (0x02 if mid else 0) | said.retain]) + size + body
