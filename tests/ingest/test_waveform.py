"""Waveform packets: every element type, bit for bit, and nothing else."""

from __future__ import annotations

from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import waveform
from ingest.decoders import WAVEFORM
from records.errors import BadMessage, Reason
from records.times import SECOND
from records.waveforms import Packet

# RFC 8746, table 1: tag, numpy's name of the element, and of what it is kept as.
ELEMENTS = [
    (64, "u1", "f4"), (65, ">u2", "f4"), (66, ">u4", "f8"), (67, ">u8", "f8"), (68, "u1", "f4"),
    (69, "<u2", "f4"), (70, "<u4", "f8"), (71, "<u8", "f8"), (72, "i1", "f4"), (73, ">i2", "f4"),
    (74, ">i4", "f8"), (75, ">i8", "f8"), (77, "<i2", "f4"), (78, "<i4", "f8"), (79, "<i8", "f8"),
    (80, ">f2", "f4"), (81, ">f4", "f4"), (82, ">f8", "f8"), (84, "<f2", "f4"), (85, "<f4", "f4"),
    (86, "<f8", "f8"),
]  # fmt: skip
WHOLE = {"n": "x:acceleration", "u": "Gal", "start": 1_763_900_000.25, "rate": 100}


def message(tag: int, raw: bytes, **changed: Any) -> bytes:
    return cbor2.dumps({"boot": 7, "seq": 3, **WHOLE, "samples": cbor2.CBORTag(tag, raw)} | changed)


def packet(payload: bytes) -> Packet:
    sent = waveform.decode(payload)
    assert WAVEFORM.identity(sent) == (7, 3)
    found = waveform.packet(sent)
    assert np.isfinite(found.samples).all()
    return found


def reason(payload: bytes) -> Reason:
    with pytest.raises(BadMessage) as caught:
        packet(payload)
    caught.value.detail.encode("ascii")
    return caught.value.reason


@pytest.mark.parametrize(("tag", "sent", "kept"), ELEMENTS)
def test_every_element_type_comes_through_bit_for_bit(tag: int, sent: str, kept: str) -> None:
    numbers = np.array([0, 1, 100] if "u" in sent else [0, -1, 100]).astype(sent)
    found = packet(message(tag, numbers.tobytes()))
    assert (found.point, found.quantity, found.unit, found.start_at, found.rate_hz) == (
        "x", "acceleration", "Gal", 1_763_900_000_250_000, 100.0,
    )  # fmt: skip
    assert found.samples.dtype == np.dtype(kept)
    assert found.samples.tolist() == numbers.tolist()


def test_counts_have_a_scale_and_an_offset() -> None:
    found = packet(message(77, np.array([-2, 0, 3], "<i2").tobytes(), scale=0.5, offset=10))
    assert found.samples.dtype == np.float64
    assert found.samples.tolist() == [9.0, 10.0, 11.5]


def test_its_number_is_seen_also_where_it_cannot_be_decoded() -> None:
    whole = message(85, bytes(8))
    assert WAVEFORM.identity(waveform.decode(whole)) == (7, 3)
    assert WAVEFORM.claimed(whole[:-1]) == (7, 3)


ONE = np.ones(1, "<f4").tobytes()
REFUSED: dict[str, tuple[bytes, Reason]] = {
    "float128": (message(83, bytes(16)), Reason.UNDECODABLE),
    "the reserved tag": (message(76, bytes(1)), Reason.UNDECODABLE),
    "a list instead of a typed array": (message(85, ONE, samples=[1.0]), Reason.UNDECODABLE),
    "a typed array in a typed array": (
        message(85, ONE, samples=cbor2.CBORTag(85, cbor2.CBORTag(85, ONE))), Reason.UNDECODABLE),
    "no samples": (message(85, b""), Reason.UNDECODABLE),
    "half a sample": (message(85, bytes(6)), Reason.UNDECODABLE),
    "NaN": (message(85, np.array([1, np.nan], "<f4").tobytes()), Reason.NOT_FINITE),
    "infinity": (message(84, np.array([np.inf], "<f2").tobytes()), Reason.NOT_FINITE),
    "a count that no double holds": (
        message(71, np.array([2**53 + 1], "<u8").tobytes()), Reason.NOT_FINITE),
    "a scale over all bounds": (
        message(70, np.array([2**31], "<u4").tobytes(), scale=1e300), Reason.NOT_FINITE),
    "a scale for floats": (message(85, ONE, scale=2.0), Reason.UNDECODABLE),
    "no rate": (message(85, ONE, rate=0), Reason.UNDECODABLE),
    "a negative rate": (message(85, ONE, rate=-1), Reason.UNDECODABLE),
    "a rate of NaN": (message(85, ONE, rate=float("nan")), Reason.NOT_FINITE),
    "more than a day": (message(85, bytes(8), rate=1e-6), Reason.UNDECODABLE),
    "a start before 1970": (message(85, ONE, start=-1.0), Reason.IMPOSSIBLE_TIME),
    "a start beyond all calendars": (message(85, ONE, start=1e300), Reason.IMPOSSIBLE_TIME),
    "a negative sequence": (message(85, ONE, seq=-1), Reason.BAD_SEQUENCE),
    "an array": (b"\x80", Reason.UNDECODABLE),
    "no bytes": (b"", Reason.UNDECODABLE),
    "something after it": (message(85, ONE) + b"\0", Reason.UNDECODABLE),
    "a million small items": (
        cbor2.dumps({**WHOLE, "x": [[]] * 100_000, "samples": 1}), Reason.UNDECODABLE),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused_with_its_reason(payload: bytes, expected: Reason) -> None:
    assert reason(payload) is expected


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_a_packet_is_what_was_sent(values: list[float]) -> None:
    found = packet(message(81, np.array(values, ">f4").tobytes(), start=1_763_900_000))
    assert found.samples.tolist() == values
    assert found.start_at == 1_763_900_000 * SECOND
