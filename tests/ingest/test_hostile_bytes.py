"""Every decoder under hostile bytes: BadMessage or a message, quickly, in little memory.

The decoders are those that ingest uses, so a new one is under test by being there.
"""

from __future__ import annotations

import inspect
import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import decoders, senml
from ingest.decoders import Content, Decoder
from records.errors import BadMessage

NOW = 1_763_900_000_000_000
MOST_BYTES = 1_048_576
# The promise, and what a machine that does other things beside may take for it.
MOST_S, MOST_MEMORY = 0.05, 50_000_000
DECODERS = {
    name: value for name, value in inspect.getmembers(decoders) if isinstance(value, Decoder)
}


def outcome(decoder: Decoder, payload: bytes) -> object:
    """As ingest asks a decoder; anything but a BadMessage is an error."""
    try:
        message = decoder.decode(payload)
        decoder.identity(message)
        decoder.label(message)
        if decoder.device is not None:
            decoder.device(message)
        return decoder.content(message, NOW)
    except BadMessage as refused:
        fault = refused
    claim = decoder.claimed(payload)
    assert claim is None or all(0 <= number <= 2**62 for number in claim)
    fault.detail.encode("ascii")
    assert len(fault.detail) <= 400
    return fault


SENML = {"bn": "a/", "bt": 1.7e9, "n": "stage", "u": "m", "v": 2.5, "boot": 1, "seq": 2}
PACKET = {"boot": 1, "seq": 2, "n": "x:acceleration", "start": 1.7e9, "rate": 100,
          "samples": cbor2.CBORTag(85, bytes(64))}  # fmt: skip
OPEN_EEW = {"device_id": "a1", "x": [0.1, 0.2], "y": [0.1, 0.2], "z": [0.1, 0.2], "sr": 31.25,
            "device_t": 1.7e9, "cloud_t": 1.7e9}  # fmt: skip
# Sparkplug's protobuf: a timestamp, a metric with a name, an alias, a type and a double.
METRIC = b"\x0a\x05stage\x10\x01\x18\x80\xd0\x95\xff\xbc\x31\x20\x0a\x69" + bytes(8)
SPARKPLUG = b"\x08\x80\xd0\x95\xff\xbc\x31\x12" + bytes([len(METRIC)]) + METRIC + b"\x18\x05"
GOOD = (
    json.dumps([SENML, {"n": "stage", "t": 1, "v": 2}]).encode(),
    cbor2.dumps([SENML]),
    cbor2.dumps(PACKET),
    json.dumps(OPEN_EEW).encode(),
    json.dumps({"time": "2026-03-01T00:00:00Z", "stage": 2.5}).encode(),
    SPARKPLUG,
)


def filled(begin: bytes, piece: bytes, end: bytes = b"", most: int = MOST_BYTES) -> bytes:
    """Pieces up to the largest payload."""
    return begin + piece * ((most - len(begin) - len(end)) // len(piece)) + end


def worst() -> Iterator[tuple[str, bytes]]:
    """Payloads of a mebibyte, each meant to cost more than its size."""
    record = b'{"n":"stage","v":1},'
    yield "records", filled(b"[", record, b"{}]")
    yield "empty records", filled(b"[", b"{},", b"{}]")
    yield "numbers", filled(b"[", b"1,", b"1]")
    yield "numbers that no double holds", filled(b"[", b"1e999,", b"1]")
    yield "one endless number", filled(b'[{"n":"stage","v":', b"9", b"}]")
    yield "one endless exponent", filled(b'[{"n":"stage","v":1e', b"9", b"}]")
    yield "numbers like addresses", filled(b'[{"n":', b"1.1.")
    yield "minus signs", filled(b"[", b"-")
    yield "quotes", filled(b"[", b'"')
    yield "escaped quotes", filled(b'[{"n":"', b'\\"')
    yield "escapes", filled(b'[{"n":"', b"\\u0041", b'"}]')
    yield "blanks", filled(b"", b" ")
    yield "NaN", filled(b"[", b"NaN,", b"NaN]")
    yield "labels that must be understood", filled(b"[{", b'"a_":1,', b'"b":1}]')
    yield "labels that nobody knows", filled(b"[{", b'"aaaa":1,', b'"v":1}]')
    yield "claims", filled(b"[", b'"boot": 1')
    yield "arrays in arrays", filled(b"", b"[")
    yield "objects in objects", filled(b"", b'{"a":')
    yield "a lone object with many labels", filled(b"{", b'"a":1,', b'"b":1}')
    yield "a lone object with a long array", filled(b'{"x":[', b"1,", b"1]}")
    for name, piece in {
        "maps": b"\xa0", "arrays": b"\x80", "small numbers": b"\x01", "strings": b"\x61a",
        "halves": b"\xf9\x3c\x00", "tags": b"\xc4\x82\x01\x01", "nested": b"\x81",
        "bytes": b"\x41a", "unknown tags": b"\xd8\x55\x40", "records": b"\xa2\x00\x61a\x02\x01",
    }.items():  # fmt: skip
        yield f"CBOR of {name}", filled(b"\x9f", piece, b"\xff")
        yield f"short CBOR of {name}", filled(b"\x9f", piece, b"\xff", senml.MOST_CBOR_BYTES)
        deep = filled(b"\x81\xa1\x61a\x9f", piece, b"\xff", senml.MOST_CBOR_BYTES)
        yield f"short CBOR with a label of {name}", deep
        yield f"a CBOR map of {name}", filled(b"\xbf\x61a\x9f", piece, b"\xff\xff")
        yield f"a definite CBOR map of {name}", filled(b"\xa1\x61a\x9f", piece, b"\xff")
        yield f"a huge CBOR array of {name}", filled(b"\x9a\x7f\xff\xff\xff", piece)
    for name, piece in {"quotes": b'"', "numbers": b"1,", "brackets": b"["}.items():
        yield f"NaN and {name}", b"[NaN," + piece * (250_000 // len(piece))
    whole = {**PACKET, "samples": cbor2.CBORTag(64, bytes(MOST_BYTES - 120))}
    yield "a packet of bytes", cbor2.dumps(whole)
    yield "a packet of scaled bytes", cbor2.dumps({**whole, "scale": 0.5})
    yield "protobuf of empty metrics", filled(b"", b"\x12\x00")
    yield "protobuf of metrics", filled(b"", b"\x12" + bytes([len(METRIC)]) + METRIC)
    yield "protobuf of unknown numbers", filled(b"", b"\x78\x01")
    yield "protobuf of endless numbers", filled(b"\x08", b"\xff")
    yield "protobuf of groups", filled(b"", b"\x0b")
    yield "zeros", bytes(MOST_BYTES)
    yield "0xff", b"\xff" * MOST_BYTES


WORST = dict(worst())


def test_every_decoder_is_found() -> None:
    used = {id(decoder) for decoder in decoders.CHANNELS.values()}
    assert used <= {id(decoder) for decoder in DECODERS.values()}
    assert len(DECODERS) >= 2


def cpu_s(decoder: Decoder, payload: bytes) -> float:
    """The least of some: what else the machine does is no fault of a decoder."""
    spent = []
    for _ in range(10):
        began_s = time.process_time()
        outcome(decoder, payload)
        spent.append(time.process_time() - began_s)
        if spent[-1] < MOST_S:
            break
    return min(spent)


@pytest.mark.promise("R3")
@pytest.mark.parametrize("name", DECODERS)
def test_no_bytes_take_long(name: str) -> None:
    slow = {
        kind: round(spent * 1000)
        for kind, payload in WORST.items()
        if (spent := cpu_s(DECODERS[name], payload)) > MOST_S
    }
    assert slow == {}


@pytest.mark.promise("R3")
@pytest.mark.parametrize("name", DECODERS)
def test_no_bytes_take_much_memory(name: str) -> None:
    large = {}
    tracemalloc.start()
    try:
        for kind, payload in WORST.items():
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            outcome(DECODERS[name], payload)
            peak = tracemalloc.get_traced_memory()[1] - before
            if peak > MOST_MEMORY:
                large[kind] = peak
    finally:
        tracemalloc.stop()
    assert large == {}


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A good message with bytes flipped, cut out, put in, repeated, or mixed with another."""
    payload = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(payload)))
        length = draw(st.integers(0, 12))
        kind = draw(st.sampled_from(("flip", "cut", "put", "splice", "repeat", "length")))
        rest = payload[place + length :]
        if kind == "flip" and place < len(payload):
            changed = payload[place] ^ (1 << draw(st.integers(0, 7)))
            payload = payload[:place] + bytes([changed]) + payload[place + 1 :]
        elif kind == "cut":
            payload = payload[:place] + rest
        elif kind == "put":
            payload = payload[:place] + draw(st.binary(max_size=8)) + payload[place:]
        elif kind == "splice":
            other = draw(st.sampled_from(GOOD))
            payload = payload[:place] + other[draw(st.integers(0, len(other))) :]
        elif kind == "repeat":
            payload = payload[:place] + payload[place : place + length] * 50 + rest
        else:
            huge = draw(st.sampled_from((b"\x9b", b"\xbb", b"\x5b", b"\x7b", b"\x12", b"\x3b")))
            payload = payload[:place] + huge + b"\x7f\xff\xff\xff\xff\xff\xff\xff" + rest
    return payload


@pytest.mark.promise("R3")
@settings(max_examples=300, deadline=None)
@given(payload=mutilated() | st.binary(max_size=120))
def test_any_bytes_are_a_message_or_a_bad_message(payload: bytes) -> None:
    for decoder in DECODERS.values():
        found = outcome(decoder, payload)
        if isinstance(found, Content):
            for packet in found.packets:
                assert np.isfinite(packet.samples).all()
                assert len(packet.samples) > 0


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*SENML, *PACKET, *OPEN_EEW, "metrics"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@pytest.mark.promise("R3")
@settings(max_examples=200, deadline=None)
@given(value=VALUES)
def test_any_json_and_cbor_is_a_message_or_a_bad_message(value: Any) -> None:
    payloads = [json.dumps(value).encode()]
    with suppress(cbor2.CBOREncodeError, UnicodeEncodeError):
        payloads.append(cbor2.dumps(value))
    for payload in payloads:
        for decoder in DECODERS.values():
            outcome(decoder, payload)
