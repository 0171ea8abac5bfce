"""Waveform packets: one CBOR map with a typed array (RFC 8746) to one `Packet`, or a BadMessage.

docs/wire-format.md says what stands in the map. Whole numbers may be counts of a converter: their
value is count * scale + offset. Samples keep their precision: up to 16 bits wide as float32, wider
as float64, floats of 32 and 64 bits bit for bit.
"""

from __future__ import annotations

from io import BytesIO
from math import isfinite
from typing import Any

import cbor2
import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import senml
from records.errors import BadMessage, Reason
from records.times import from_seconds
from records.waveforms import Packet

VERSION = "waveform-1"
FASTEST_HZ = 1e6
LONGEST_S = 86_400.0
# A double holds every whole number up to here.
_EXACT = 2**53
_LATEST_S = 253_402_300_799

# RFC 8746, section 2: the tag of each element type, its bytes as they are sent.
_UNSIGNED = {64: "u1", 65: ">u2", 66: ">u4", 67: ">u8", 68: "u1", 69: "<u2", 70: "<u4", 71: "<u8"}
_SIGNED = {72: "i1", 73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8"}
_FLOATS = {80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2", 85: "<f4", 86: "<f8"}
ELEMENTS: dict[int, np.dtype[Any]] = {
    tag: np.dtype(name) for tag, name in (_UNSIGNED | _SIGNED | _FLOATS).items()
}


class Message(msgspec.Struct):
    """The map as it is sent; labels that nobody knows are ignored."""

    n: str
    start: float
    rate: float
    samples: Any
    u: str | None = None
    scale: float | None = None
    offset: float | None = None
    boot: Any = None
    seq: Any = None
    received_at: Any = None


def _tagged(tag: cbor2.CBORTag, _: bool) -> cbor2.CBORTag:
    if tag.tag not in ELEMENTS:
        raise ValueError(f"tag {tag.tag} is no array of whole or floating-point numbers")
    return tag


def _refuse(*_: Any) -> Any:
    raise ValueError("no tag but that of a typed array is used in a waveform")


_NO_TAGS = dict.fromkeys((*range(6), *range(21, 38), 43000, 55799), _refuse) | dict.fromkeys(
    (100, 101, 256, 258, 260, 261, 1004), _refuse
)
# What may stand beside the samples, so that nothing but they can be large.
MOST_BESIDE_BYTES = 4096


def is_map(payload: bytes) -> bool:
    """Whether a CBOR map begins it; SenML begins with an array."""
    return b"\xa0" <= payload[:1] <= b"\xbf"


def decode(payload: bytes) -> Message:
    """The packet's map. Raises BadMessage (`undecodable`)."""
    if not is_map(payload):
        raise BadMessage(Reason.UNDECODABLE, "no CBOR map begins it")
    file = BytesIO(payload)
    try:
        decoder = cbor2.CBORDecoder(
            file, tag_hook=_tagged, semantic_decoders=_NO_TAGS, max_depth=4, allow_indefinite=False
        )
        _check_bulk(payload)
        found = decoder.decode()
        if file.tell() < len(payload):
            raise ValueError("bytes after the map")
        labels = {label: value for label, value in found.items() if isinstance(label, str)}
        return msgspec.convert(labels, Message)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise BadMessage(Reason.UNDECODABLE, ascii(str(error))[1:-1][:200]) from None


def _check_bulk(payload: bytes) -> None:
    """Raises ValueError where a large message is anything but one long run of samples.

    A million small items cost a hundred times what their bytes do, so they are not begun.
    """
    if len(payload) <= MOST_BESIDE_BYTES:
        return
    # `samples`, a tag in two bytes, a byte string with its length in two or four bytes.
    place = payload[:MOST_BESIDE_BYTES].find(b"\x67samples\xd8")
    head = place + 10
    width = {0x59: 2, 0x5A: 4}.get(payload[head], 0) if place >= 0 else 0
    size = int.from_bytes(payload[head + 1 : head + 1 + width])
    if not width or len(payload) - size > MOST_BESIDE_BYTES:
        raise ValueError(f"more than {MOST_BESIDE_BYTES} bytes beside the samples")


def identity(message: Message) -> tuple[int, int] | None:
    """(boot, seq), None without them. Raises BadMessage (`bad sequence`)."""
    return senml.numbered(message.boot, message.seq)


def packet(message: Message) -> Packet:
    """The packet. Raises BadMessage (`undecodable`, `not finite`, `impossible time`)."""
    samples = _samples(message)
    if not (isfinite(message.start) and isfinite(message.rate)):
        raise BadMessage(Reason.NOT_FINITE, f"start {message.start}, rate {message.rate}")
    if not 0 < message.rate <= FASTEST_HZ or len(samples) > message.rate * LONGEST_S:
        found = f"{len(samples)} samples at {message.rate} Hz"
        raise BadMessage(Reason.UNDECODABLE, found)
    if not 0 <= message.start <= _LATEST_S:
        raise BadMessage(Reason.IMPOSSIBLE_TIME, f"start {message.start!r} s")
    point, colon, quantity = message.n.rpartition(":")
    start_at = from_seconds(message.start)
    return Packet(point if colon else "main", quantity, message.u, start_at, message.rate, samples)


def _samples(message: Message) -> NDArray[np.float32] | NDArray[np.float64]:
    tagged = message.samples
    if not isinstance(tagged, cbor2.CBORTag) or not isinstance(tagged.value, bytes):
        raise BadMessage(Reason.UNDECODABLE, "samples are no typed array")
    element = ELEMENTS[tagged.tag]
    if not tagged.value or len(tagged.value) % element.itemsize:
        found = f"{len(tagged.value)} bytes of samples of {element.itemsize}"
        raise BadMessage(Reason.UNDECODABLE, found)
    sent = np.frombuffer(tagged.value, element)
    if element.kind == "f":
        return _floats(message, sent)
    return _counts(message, sent)


def _floats(message: Message, sent: NDArray[Any]) -> NDArray[Any]:
    if message.scale is not None or message.offset is not None:
        raise BadMessage(Reason.UNDECODABLE, "scale and offset are for whole numbers")
    samples = sent.astype(np.float32 if sent.itemsize <= 4 else np.float64)
    if not np.isfinite(samples).all():
        raise BadMessage(Reason.NOT_FINITE, f"sample {int(np.isfinite(samples).argmin())}")
    return samples


def _counts(message: Message, sent: NDArray[Any]) -> NDArray[Any]:
    if sent.itemsize == 8 and (int(sent.max()) > _EXACT or int(sent.min()) < -_EXACT):
        raise BadMessage(Reason.NOT_FINITE, "a count over 2^53")
    if message.scale is None and message.offset is None:
        return sent.astype(np.float32 if sent.itemsize <= 2 else np.float64)
    scale = 1.0 if message.scale is None else message.scale
    with np.errstate(over="ignore", invalid="ignore"):
        samples = sent * np.float64(scale) + np.float64(message.offset or 0.0)
    if not np.isfinite(samples).all():
        raise BadMessage(Reason.NOT_FINITE, f"scale {scale}, offset {message.offset}")
    return samples
