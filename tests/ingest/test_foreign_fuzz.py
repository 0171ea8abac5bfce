"""No bytes on a foreign topic raise anything but BadMessage, nor cost much time or memory."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest import metrics, openeew, protobuf
from ingest.flat_json import FlatJson
from ingest.intake import Arrival, Intake
from records.errors import BadMessage
from records.foreign import Feed, Reading
from store.registry import Registry
from tests.ingest.test_foreign import (
    DBIRTH,
    DDATA,
    FEEDS,
    FLAT,
    LIST,
    NBIRTH,
    NDATA,
    NDEATH,
    NETWORK,
    NOW,
    flat,
)

MIB = 1 << 20
LISTED = json.dumps({"id": "L-7", "samples": [{"at": NOW // 1000, "cm": 1.5}]}).encode()
QUAKE = json.dumps(
    {"device_id": "0", "x": [1.5], "y": [2], "z": [-1e3], "device_t": 1.6e9, "sr": 31.25}
).encode()
REAL: dict[str, tuple[str, bytes]] = {
    "NBIRTH": ("spBv1.0/valley/NBIRTH/slope-1", NBIRTH),
    "DBIRTH": ("spBv1.0/valley/DBIRTH/slope-1/probe", DBIRTH),
    "NDATA": ("spBv1.0/valley/NDATA/slope-1", NDATA),
    "DDATA": ("spBv1.0/valley/DDATA/slope-1/probe", DDATA),
    "NDEATH": ("spBv1.0/valley/NDEATH/slope-1", NDEATH),
    "flat": ("farm/gauge-1/up", flat()),
    "list": ("logger/out", LISTED),
    "openeew": ("iot-2/evt/status/fmt/json", QUAKE),
}


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real message, cut, with some of its bytes changed or repeated."""
    topic, payload = draw(st.sampled_from(list(REAL.values())))
    data = bytearray(payload)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                del data[place:]
            case 1:
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=4))
            case 2:
                data[place:place] = data[place : place + draw(st.integers(1, 20))]
            case _:
                del data[place : place + draw(st.integers(1, 8))]
    return topic, bytes(data)


@given(st.lists(damaged(), min_size=1, max_size=6))
def test_damaged_messages_are_rows_or_quarantined(messages: list[tuple[str, bytes]]) -> None:
    worker = Intake(Registry.of(NETWORK, FEEDS))
    arrivals = [Arrival(topic, payload, NOW) for topic, payload in [*REAL.values(), *messages]]
    commit = worker.take(arrivals)
    assert (commit.readings.measured_at <= NOW + 86_400_000_000).all()
    for bad in commit.quarantined:
        bad.detail.encode("ascii")


@given(st.binary(max_size=200))
@example(b"\x0a" + b"\xff" * 9 + b"\x01")
@example(b"\x12\xff\xff\xff\xff\x0f")
def test_any_bytes_are_a_payload_or_a_bad_message(data: bytes) -> None:
    for decode in (metrics.decode, openeew.decode, FlatJson(FLAT).decode, FlatJson(LIST).decode):
        try:
            decode(data)
        except BadMessage:
            continue


def nested(start: bytes, end: bytes) -> bytes:
    return start * 100_000 + end * 100_000


def filled(part: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """A message of the largest size that ingest takes, full of one thing."""
    return before + part * ((MIB - len(before) - len(after)) // len(part)) + after


ANYTHING = Feed(
    name="a", topic="a", format="flat-json", device="gauge-1", ignore=("*",), each="s",
    readings=(Reading(field="cm", quantity="stage"),),
)  # fmt: skip


def flat_outcome(payload: bytes) -> None:
    decoder = FlatJson(ANYTHING).decoder
    decoder.content(decoder.decode(payload), NOW)


def eew_outcome(payload: bytes) -> None:
    openeew.content(openeew.decode(payload), NOW)


HOSTILE: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "empty metrics": (metrics.decode, filled(b"\x12\x00")),
    "metrics with a name": (metrics.decode, filled(b"\x12\x03\x0a\x01a")),
    "one metric of many fields": (
        metrics.decode, protobuf.field(2, filled(b"\x10\x01")[: MIB - 8])),
    "a metric of nulls inside": (metrics.decode, protobuf.field(2, filled(b"\x8a\x01\x00"))),
    "many unknown fields": (metrics.decode, filled(b"\x30\x01")),
    "long numbers": (metrics.decode, filled(b"\x30" + b"\xff" * 9 + b"\x01")),
    "a huge length": (metrics.decode, b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\0" * 1000),
    "a group": (metrics.decode, filled(b"\x0b")),
    "empty objects": (flat_outcome, filled(b"{},", b'{"s":[', b"{}]}")),
    "items of one field": (flat_outcome, filled(b'{"cm":1},', b'{"s":[', b"{}]}")),
    "many fields": (
        flat_outcome, b"{" + b",".join(b'"%d":1' % n for n in range(90_000)) + b"}"),
    "many numbers": (flat_outcome, filled(b"1,", b'{"s":[', b"1]}")),
    "deep arrays": (flat_outcome, nested(b"[", b"]")),
    "deep objects": (flat_outcome, nested(b'{"a":', b"}")),
    "deep but few": (flat_outcome, b'{"a":' + b"[" * 9_000 + b"]" * 9_000 + b"}"),
    "a long number": (flat_outcome, filled(b"9", b'{"cm":', b"}")),
    "a long name": (flat_outcome, filled(b"a", b'{"', b'":1}')),
    "many samples": (eew_outcome, filled(b"1,", b'{"device_id":"a","x":[', b"1]}")),
    "deep samples": (eew_outcome, nested(b"[", b"]")),
}  # fmt: skip


@pytest.mark.promise("R3")
@pytest.mark.parametrize(("decode", "payload"), HOSTILE.values(), ids=HOSTILE)
def test_the_worst_messages_cost_little(decode: Callable[[bytes], object], payload: bytes) -> None:
    def outcome() -> None:
        try:
            decode(payload)
        except BadMessage:
            return

    outcome()
    # Processor time of this thread, best of three: a busy machine can't make it longer.
    best_s = min(spent_s(outcome) for _ in range(3))
    tracemalloc.start()
    outcome()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert best_s < 0.05
    assert peak_bytes < 50_000_000


def spent_s(work: Callable[[], None]) -> float:
    start_s = time.thread_time()
    work()
    return time.thread_time() - start_s
