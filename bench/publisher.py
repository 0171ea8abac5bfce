"""A publisher that costs next to nothing: packets made beforehand, one socket, QoS 1.

`python -m bench.publisher HOST PORT MESSAGES READINGS_A_MESSAGE [CHANNEL AGE_S [TROUBLE TURN]]`: on
`readings`, new and without trouble, if it isn't said otherwise; trouble is in half of the turns of
so many messages. Says `ready` when its packets are made, then reads lines: each is the number of
packets that may have been sent by now. So whoever starts it keeps the broker's queue short of its
limit.

Messages of devices whose clocks are right: each is stamped as it is sent. Those of an age are not,
nor are a message's samples: they lie milliseconds apart.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time

DEVICES = 100
POINTS = 10
TROUBLE_EVERY = 100
REPEATS = 10
# Unanswered messages, and packets a write.
WINDOW = 4000
WRITE = 100
# Between two samples of a point. Thousandths of a second are all that a message tells.
STEP_S = 0.001
# Stands where a message's time will.
_UNSTAMPED_S = 1_000_000_000.001
_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05bench"


def device(number: int) -> str:
    return f"rig-{number % DEVICES}"


def payload(number: int, readings: int, at_s: float) -> bytes:
    """Message `number` of all, SenML as a device would write it: no blanks, three decimals.

    at_s  of its first sample (s since 1970)
    """
    seq = number // DEVICES
    records = []
    for n in range(readings):
        step, point = divmod(n, POINTS)
        sample = seq * readings // POINTS + step
        value = round(0.4 + 0.1 * ((sample * 7919 + point * 104729) % 1000) / 1000, 3)
        records.append({"n": f"p{point}:vibration", "t": round(step * STEP_S, 3), "v": value})
    records[0] |= {"bn": f"{device(number)}/", "bt": at_s, "boot": 1, "seq": seq}
    return json.dumps(records, separators=(",", ":")).encode()


def span_s(readings: int) -> float:
    """Between a device's messages at least, so that their samples do not meet."""
    return -(-readings // POINTS) * STEP_S


def sampled_s(number: int, readings: int, start_s: float) -> float:
    """Time of a message's first sample where all follow each other as fast as they can."""
    return round(start_s + number // DEVICES * span_s(readings), 3)


def topic_of(number: int, channel: str = "readings") -> str:
    return f"hoshyar/v1/bench/{device(number)}/{channel}"


def poison(number: int, readings: int, at_s: float) -> tuple[str, bytes]:
    """Topic and payload of what can't become readings, no two alike, of six kinds in turn."""
    body = payload(number, readings, at_s)
    unnumbered = body.replace(b'"boot":1,', b'"x":%d,' % number).replace(b'"seq"', b'"y"')
    kinds = (
        (topic_of(number), b"hello %d" % number),
        (topic_of(number), unnumbered[:-3]),
        (f"hoshyar/v1/bench/nobody-{number}/readings", body),
        (topic_of(number), unnumbered.replace(b":vibration", b":rumour", 1)),
        (topic_of(number), unnumbered.replace(b'"v":0', b'"v":1e999,"w":0', 1)),
        (topic_of(number), unnumbered.replace(b'"bt":', b'"bt":1.0,"z":')),
    )
    return kinds[number // TROUBLE_EVERY % len(kinds)]


def is_troubled(turn: int) -> bool:
    """Without, with, with, without, ...: so nothing that only grows with time is taken for it."""
    return turn % 4 in (1, 2)


def extra(trouble: str, messages: int) -> int:
    """Packets that trouble adds to so many hundreds of messages."""
    return messages // TROUBLE_EVERY * {"": 0, "poison": 1, "repeats": REPEATS - 1}[trouble]


def said(
    number: int, readings: int, at_s: float, channel: str, trouble: str
) -> list[tuple[str, bytes]]:
    """Topic and payload of a message, and of what comes with it.

    `poison`: with one in a hundred comes one that is refused. `repeats`: one device of the hundred
    says each message ten times.
    """
    parts = [(topic_of(number, channel), payload(number, readings, at_s))]
    if trouble == "repeats" and number % DEVICES == 0:
        parts *= REPEATS
    if trouble == "poison" and number % TROUBLE_EVERY == number // TROUBLE_EVERY % TROUBLE_EVERY:
        parts.append(poison(number, readings, at_s))
    return parts


def packet(topic: str, body: bytes, mid: int) -> bytes:
    """A PUBLISH at QoS 1."""
    name = topic.encode()
    content = struct.pack("!H", len(name)) + name + struct.pack("!H", mid) + body
    length, left = b"", len(content)
    while True:
        left, low = divmod(left, 128)
        length += bytes([low | 0x80 if left else low])
        if not left:
            return b"\x32" + length + content


class Stamps:
    """Puts the moment of sending into packets, the same into all of a round of the devices."""

    def __init__(self, readings: int) -> None:
        self._span_ms = round(span_s(readings) * 1000)
        self._round, self._at_ms, self._stamp = -1, 0, b""
        self._mark = str(_UNSTAMPED_S).encode()

    def put(self, packets: list[tuple[int, bytes]]) -> bytes:
        """These packets (with the numbers of their messages) as they go out."""
        now_ms, found = time.time_ns() // 1_000_000, []
        for number, data in packets:
            if number // DEVICES != self._round:
                self._round = number // DEVICES
                self._at_ms = max(now_ms, self._at_ms + self._span_ms)
                self._stamp = b"%d.%03d" % divmod(self._at_ms, 1000)
            found.append(data.replace(self._mark, self._stamp, 1))
        return b"".join(found)


def main() -> None:
    host, port, messages, readings = sys.argv[1], *map(int, sys.argv[2:5])
    channel, age_s = (sys.argv[5], float(sys.argv[6])) if sys.argv[5:] else ("readings", 0.0)
    trouble, turn = (sys.argv[7], int(sys.argv[8])) if sys.argv[7:] else ("", 1)
    start_s = float(int(time.time() - age_s))
    packets: list[tuple[int, bytes]] = []
    for n in range(messages):
        at_s = sampled_s(n, readings, start_s) if age_s else _UNSTAMPED_S
        kind = trouble if is_troubled(n // turn) else ""
        for topic, body in said(n, readings, at_s, channel, kind):
            packets.append((n, packet(topic, body, len(packets) % 65535 + 1)))
    messages = len(packets)
    stamps = Stamps(readings)
    connection = socket.create_connection((host, port))
    connection.sendall(_CONNECT)
    connection.recv(4, socket.MSG_WAITALL)
    print("ready", flush=True)
    credit = sent = answered = 0
    while answered < 4 * messages:
        until = min(credit, sent + WRITE, answered // 4 + WINDOW)
        wait_s = 0 if until > sent else None
        readable, _, _ = select.select([connection, sys.stdin], [], [], wait_s)
        if connection in readable:
            answered += len(connection.recv(65536))
        if sys.stdin in readable:
            lines = os.read(sys.stdin.fileno(), 65536).split()
            credit = min(messages, int(lines[-1])) if lines else messages
        if until > sent:
            connection.sendall(stamps.put(packets[sent:until]))
            sent = until
    connection.sendall(b"\xe0\x00")


if __name__ == "__main__":
    main()
