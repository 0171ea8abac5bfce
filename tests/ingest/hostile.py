"""Bytes that mean harm, and every way by which bytes get into ingest.

The ways are found, not listed: each channel of a device, each format of a foreign feed, each kind
of Sparkplug message. A new one has no example here, and `ways` says so.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator

import cbor2
import msgspec
from hypothesis import strategies as st

from ingest import protobuf, senml_cbor
from ingest.arrivals import Arrival
from ingest.intake import Intake
from ingest.sparkplug import _DEVICE_TYPES, _NODE_TYPES
from records import topics
from records.foreign import FORMATS, Feed, Reading, matched
from records.network import Device
from store.registry import Registry
from tests.ingest.feeds import (
    DBIRTH,
    DDATA,
    DEVICE,
    FEEDS,
    NBIRTH,
    NDATA,
    NDEATH,
    NETWORK,
    NODE,
    flat,
    series,
)  # fmt: skip

NOW = 1_763_900_000_000_000
MOST_BYTES = 1_048_576

# A feed that lets as much through as a feed can, with a bait for its patterns.
ANYTHING = Feed(
    name="any", topic="any", format="flat-json", device="gauge-1", each="s",
    ignore=("*a*a*a*b", "*"), readings=(Reading(field="cm", quantity="stage"),),
)  # fmt: skip
SHAKER = Feed(name="shaker", topic="shaker", format="openeew", device="shaker")
ALL_FEEDS = (*FEEDS, ANYTHING, SHAKER)
REGISTRY = Registry.of(
    msgspec.structs.replace(
        NETWORK,
        device=(*NETWORK.device, Device(id="shaker", station="bank")),
        series=(*NETWORK.series, *(
            series(6 + n, "shaker", "acceleration", "Gal", axis) for n, axis in enumerate("xyz")
        )),
    ),
    ALL_FEEDS,
)  # fmt: skip
FOREIGN_TOPICS = {
    "slope": [
        (NODE if kind[0] == "N" else DEVICE).format(kind) for kind in _NODE_TYPES | _DEVICE_TYPES
    ],
    "farm": ["farm/gauge-1/up"],
    "logger": ["logger/out"],
    "eew": ["iot-2/evt/status/fmt/json"],
    "any": ["any"],
    "shaker": ["shaker"],
}


def ways() -> list[str]:
    """Topics that lead to every decoder. AssertionError for a format without an example."""
    assert {feed.format for feed in ALL_FEEDS} == set(FORMATS)
    found = [
        topics.device_topic("north", "shaker" if channel == "waveform" else "gauge-1", channel)
        for channel in sorted(topics.FROM_DEVICE)
    ]
    for feed in ALL_FEEDS:
        for topic in sorted(FOREIGN_TOPICS[feed.name]):
            assert matched(feed, topic.split("/")) is not None
            found.append(topic)
    return found


BIRTHS = ((NODE.format("NBIRTH"), NBIRTH), (DEVICE.format("DBIRTH"), DBIRTH))


def worker() -> Intake:
    """An ingest that has seen the Sparkplug node's births."""
    intake = Intake(REGISTRY)
    intake.take([Arrival(topic, payload, NOW) for topic, payload in BIRTHS])
    return intake


SENML = {"bn": "gauge-1/", "bt": 1.7e9, "n": "stage", "u": "m", "v": 2.5, "boot": 1, "seq": 2}
PACKET = {"boot": 1, "seq": 2, "n": "x:acceleration", "start": 1.7e9, "rate": 100,
          "samples": cbor2.CBORTag(85, bytes(64))}  # fmt: skip
OPEN_EEW = {"device_id": "shaker", "x": [0.1, 0.2], "y": [0.1, 0.2], "z": [0.1, 0.2],
            "sr": 31.25, "device_t": 1.7e9, "cloud_t": 1.7e9}  # fmt: skip
STATUS = {"state": "online", "boot": 1, "firmware": "f", "battery_v": 3.6, "lat": 35, "lon": 74,
          "gone": [[1, 4, 7]]}  # fmt: skip
LISTED = {"id": "L-7", "samples": [{"at": NOW // 1000, "cm": 1.5}]}
# At least one message that each way takes for good.
GOOD = (
    json.dumps([SENML, {"n": "stage", "t": 1, "v": 2}]).encode(),
    cbor2.dumps([SENML]),
    cbor2.dumps(PACKET),
    json.dumps(OPEN_EEW).encode(),
    json.dumps(STATUS).encode(),
    json.dumps(LISTED).encode(),
    json.dumps({"cm": 1.5}).encode(),
    json.dumps({"s": [{"cm": 1.5}]}).encode(),
    flat(),
    NBIRTH,
    DBIRTH,
    NDATA,
    DDATA,
    NDEATH,
)


def filled(begin: bytes, piece: bytes, end: bytes = b"", most: int = MOST_BYTES) -> bytes:
    """Pieces up to the largest payload."""
    return begin + piece * ((most - len(begin) - len(end)) // len(piece)) + end


def counted(begin: bytes, pieces: Iterator[bytes], end: bytes, most: int = MOST_BYTES) -> bytes:
    """As `filled`, of pieces that differ."""
    size, found = most - len(begin) - len(end), bytearray()
    for piece in pieces:
        if len(found) + len(piece) > size:
            break
        found += piece
    return bytes(begin + found + end)


def worst() -> Iterator[tuple[str, bytes]]:
    """Payloads up to a mebibyte, each meant to cost more than its size."""
    yield from _worst_json()
    yield from _worst_status()
    yield from _worst_cbor()
    yield from _worst_collisions()
    yield from _worst_protobuf()
    yield "zeros", bytes(MOST_BYTES)
    yield "0xff", b"\xff" * MOST_BYTES


def _worst_json() -> Iterator[tuple[str, bytes]]:
    yield "records", filled(b"[", b'{"n":"stage","v":1},', b"{}]")
    yield "all records that may be", filled(b"[", b'{"n":"stage","v":1},', b"{}]", 99_990)
    yield "empty records", filled(b"[", b"{},", b"{}]")
    yield "numbers", filled(b"[", b"1,", b"1]")
    yield "numbers that no double holds", filled(b"[", b"1e999,", b"1]")
    yield "numbers of many digits", filled(b"[", b"9" * 300 + b",", b"1]")
    yield "fractions of many digits", filled(b'[{"n":"stage","v":0.', b"1234567890", b"}]")
    yield "fractions just short of a tie", filled(b'[{"v":9007199254740993.', b"0", b"1}]", 500_000)
    yield "many long fractions", filled(b"[", b'{"v":0.' + b"3" * 700 + b"},", b"{}]")
    yield "small exponents", filled(b"[", b'{"v":' + b"1" * 700 + b"e-999},", b"{}]")
    yield "numbers next to nothing", filled(b"[", b"1e-310,", b"1]")
    yield (
        "records next to nothing",
        filled(b"[", b'{"v":1e-310,"t":1e-310,"s":1e-310},', b"{}]", 185_000),
    )
    yield "samples next to nothing", json.dumps({**OPEN_EEW, "x": [1e-310] * 40_000}).encode()
    yield "numbers between two doubles", filled(b'{"s":[', b"1.2345678901234567727e+300,", b"1]}")
    yield "one endless number", filled(b'[{"n":"stage","v":', b"9", b"}]")
    yield "one endless exponent", filled(b'[{"n":"stage","v":1e', b"9", b"}]")
    yield "a sequence of many digits", filled(b'[{"boot":1,"seq":', b"9", b',"v":1}]', 4_000)
    yield "numbers like addresses", filled(b'[{"n":', b"1.1.")
    yield "minus signs", filled(b"[", b"-")
    yield "quotes", filled(b"[", b'"')
    yield "escaped quotes", filled(b'[{"n":"', b'\\"')
    yield "escapes", filled(b'[{"n":"', b"\\u0041", b'"}]')
    yield "blanks", filled(b"", b" ")
    yield "blanks before a colon", filled(b'[{"a_"', b" ", b":1}]")
    yield "underscores and blanks", filled(b"[", b'_"    ')
    yield "NaN", filled(b"[", b"NaN,", b"NaN]")
    yield "labels that must be understood", filled(b"[{", b'"a_":1,', b'"b":1}]')
    yield "labels that nobody knows", filled(b"[{", b'"aaaa":1,', b'"v":1}]')
    yield "claims", filled(b"[", b'"boot": 1')
    yield "claims and blanks", filled(b'["boot"', b" ")
    yield "arrays in arrays", filled(b"", b"[")
    yield "closed arrays in arrays", b"[" * 100_000 + b"]" * 100_000
    yield "objects in objects", filled(b"", b'{"a":')
    yield "closed objects in objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "deep but few", b'{"a":' + b"[" * 9_000 + b"]" * 9_000 + b"}"
    yield "a chain of names", b'{"a":' * 900 + b"1" + b"}" * 900
    yield "a lone object with many labels", filled(b"{", b'"a":1,', b'"b":1}')
    yield "a lone object with a long array", filled(b'{"x":[', b"1,", b"1]}")
    many = (b'"%d":1,' % n for n in itertools.count())
    yield "a lone object with many fields", counted(b"{", many, b'"b":1}')
    few = (b'"%d":1,' % n for n in range(9_990))
    yield "all fields that may be", counted(b"{", few, b'"b":1}')
    bait = (b'"%s%d":1,' % (b"a" * 40, n) for n in range(9_990))
    yield "fields that nearly match", counted(b"{", bait, b'"b":1}')
    yield "a field that nearly matches", filled(b'{"', b"a", b'":1}')
    yield "items of nothing", filled(b'{"s":[', b"{},", b"{}]}")
    yield "items of one field", filled(b'{"s":[', b'{"cm":1},', b"{}]}")
    yield "all items that may be", filled(b'{"s":[', b'{"cm":1},', b"{}]}", 45_000)
    yield (
        "all samples that may be",
        json.dumps(
            {**OPEN_EEW, **dict.fromkeys("xyz", [0.123456] * 20_000)}, separators=(",", ":")
        ).encode(),
    )
    for name, piece in {"quotes": b'"', "numbers": b"1,", "brackets": b"["}.items():
        yield f"NaN and {name}", b"[NaN," + piece * (130_000 // len(piece))


def _worst_status() -> Iterator[tuple[str, bytes]]:
    begin = b'{"state":"online","gone":['
    yield "gone, again and again", filled(begin, b"[1,1,1],", b"[1,1,1]]}")
    numbers = (b"[%d,%d,%d]," % (n, n, n) for n in itertools.count())
    yield "gone in many boots", counted(begin, numbers, b"[1,1,1]]}")
    holes = (b"[1,%d,%d]," % (2 * n, 2 * n) for n in itertools.count())
    yield "gone with many holes", counted(begin, holes, b"[1,1,1]]}")
    back = (b"[1,%d,%d]," % (n, n) for n in range(2_000_000, 0, -2))
    yield "gone from behind", counted(begin, back, b"[1,1,1]]}")
    yield "all of it gone", begin + b"[1,0,4611686018427387904]]}"
    yield "a long firmware", filled(b'{"state":"online","firmware":"', b"a", b'"}')


def _worst_cbor() -> Iterator[tuple[str, bytes]]:
    short = senml_cbor.MOST_BYTES
    for name, piece in {
        "maps": b"\xa0", "arrays": b"\x80", "small numbers": b"\x01", "strings": b"\x61a",
        "halves": b"\xf9\x3c\x00", "tags": b"\xc4\x82\x01\x01", "nested": b"\x81",
        "bytes": b"\x41a", "unknown tags": b"\xd8\x55\x40", "records": b"\xa2\x00\x61a\x02\x01",
        "large decimals": b"\xc4\x82\x3b" + b"\xff" * 8 + b"\x01", "text in pieces": b"\x7f\xff",
        "string references": b"\xd9\x01\x00\x80", "empty records": b"\xbf\xff",
    }.items():  # fmt: skip
        yield f"short CBOR of {name}", filled(b"\x9f", piece, b"\xff", short)
        deep = filled(b"\x81\xa1\x61a\x9f", piece, b"\xff", short)
        yield f"short CBOR with a label of {name}", deep
        yield f"a short CBOR map of {name}", filled(b"\x81\xbf", piece, b"\xff", short)
        yield f"a vast CBOR array of {name}", filled(b"\x9b" + b"\xff" * 8, piece, b"", short)
        if name not in ("maps", "records", "strings"):
            continue
        yield f"CBOR of {name}", filled(b"\x9f", piece, b"\xff")
        yield f"a definite CBOR map of {name}", filled(b"\xa1\x61a\x9f", piece, b"\xff")
        yield f"a huge CBOR array of {name}", filled(b"\x9a\x7f\xff\xff\xff", piece)
    whole = {**PACKET, "samples": cbor2.CBORTag(64, bytes(MOST_BYTES - 120))}
    yield "a packet of bytes", cbor2.dumps(whole)
    yield "a packet of scaled bytes", cbor2.dumps({**whole, "scale": 0.5})
    doubles = struct.pack("<d", 0.1) * 131_000
    yield "a packet of doubles", cbor2.dumps({**PACKET, "samples": cbor2.CBORTag(86, doubles)})


def _worst_collisions() -> Iterator[tuple[str, bytes]]:
    """Maps whose keys Python hashes alike: each look-up passes all that came before.

    -1 and -2 have one hash, and so have arrays of them; doubles repeat theirs every 61 binary
    places; the low bits of a whole number are its place.
    """
    pairs = (bytes([0x8C, *bits, 1]) for bits in itertools.product((0x20, 0x21), repeat=12))
    deep = (bytes([0x81, 0x8B, *bits, 1]) for bits in itertools.product((0x20, 0x21), repeat=11))
    doubles = (
        b"\xfb" + struct.pack(">d", sign * first * 2.0**place) + b"\x01"
        for first in range(1, 2000, 2) for place in range(-976, 976, 61) for sign in (1, -1)
    )  # fmt: skip
    shifted = (b"\x1b" + (n << 44).to_bytes(8) + b"\x01" for n in range(1 << 20))
    modulo = (b"\x1b" + (n * (2**61 - 1)).to_bytes(8) + b"\x01" for n in range(8))
    texts = (b"\x64%04d\x01" % n for n in range(10_000))
    for name, keys in {
        "arrays": list(pairs), "nested arrays": list(deep), "doubles": list(doubles),
        "shifted numbers": list(shifted)[:8000], "numbers modulo 2^61 - 1": list(modulo) * 700,
        "texts": list(texts),
    }.items():  # fmt: skip
        for where, begin, end in (
            ("a record", b"\x81\xbf", b"\xff"),
            ("a label", b"\x81\xa1\x61a\xbf", b"\xff"),
            ("a value", b"\x81\xa1\x02\xbf", b"\xff"),
            ("a packet", b"\xbf", b"\xff"),
        ):
            most = 4_096 if where == "a packet" else senml_cbor.MOST_BYTES
            yield f"{where} of colliding {name}", counted(begin, iter(keys), end, most)


# A metric with a name, an alias, a type and a double.
METRIC = b"\x0a\x05stage\x10\x01\x18\x80\xd0\x95\xff\xbc\x31\x20\x0a\x69" + bytes(8)


def _worst_protobuf() -> Iterator[tuple[str, bytes]]:
    yield "protobuf of empty metrics", filled(b"", b"\x12\x00")
    yield "protobuf of metrics", filled(b"", b"\x12" + bytes([len(METRIC)]) + METRIC)
    names = (
        protobuf.field(2, protobuf.field(1, b"%05d" % n + b"a" * 195) + protobuf.field(2, n))
        for n in range(2_499)
    )
    yield "protobuf of all metrics that may be", counted(b"\x18\x00", names, b"")
    yield (
        "protobuf of one metric of many fields",
        protobuf.field(2, filled(b"", b"\x10\x01", most=MOST_BYTES - 8)),
    )
    yield (
        "protobuf of nulls inside",
        protobuf.field(2, filled(b"", b"\x8a\x01\x00", most=MOST_BYTES - 8)),
    )
    yield (
        "protobuf of names on names",
        protobuf.field(2, filled(b"", protobuf.field(1, b"a" * 1_000), most=MOST_BYTES - 8)),
    )
    yield "protobuf of unknown numbers", filled(b"", b"\x78\x01")
    yield "protobuf of endless numbers", filled(b"\x08", b"\xff")
    yield "protobuf of long numbers", filled(b"", b"\x30" + b"\xff" * 9 + b"\x01")
    yield "protobuf of huge lengths", filled(b"", b"\x12" + b"\xff" * 9 + b"\x7f")
    yield "protobuf of groups", filled(b"", b"\x0b")
    yield "protobuf in protobuf", filled(b"", b"\x12\x7f")


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
