"""Just as much of protobuf's wire format as Sparkplug B needs: fields of a message, one by one.

https://protobuf.dev/programming-guides/encoding. Written by hand since a full parser makes an
object of every two bytes that say "an empty message", and so 100 MB of 1 MB. Here each field costs
one step, and the steps are counted.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Of the nine bytes that may follow a number's first: seven bits each.
_SHIFTS = range(7, 70, 7)


class Malformed(ValueError):
    """The bytes are no protobuf message."""


def fields(
    data: bytes, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, number or first byte, end) of each field. Raises Malformed.

    A varint is the number itself; of other types the two last are where the bytes stand.
    """
    place, end = start, len(data) if end is None else end
    while place < end:
        # Most keys and sizes are one byte: a call for each of them was half the cost.
        key = data[place]
        if key < 0x80:
            place += 1
        else:
            key, place = varint(data, place, end)
        number, kind = key >> 3, key & 7
        if not number:
            raise Malformed("a field without a number")
        if kind == VARINT:
            value, place = varint(data, place, end)
            yield number, kind, value, place
            continue
        if kind == BYTES:
            size, place = varint(data, place, end)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise Malformed(f"wire type {kind}")
        if size > end - place:
            raise Malformed("a field is longer than its message")
        yield number, kind, place, place + size
        place += size


def varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """An unsigned number below 2^64 and where it ends. Raises Malformed."""
    if place >= end:
        raise Malformed("the message ends in a number")
    value = data[place]
    place += 1
    if value < 0x80:
        return value, place
    value &= 0x7F
    for shift in _SHIFTS:
        if place >= end:
            raise Malformed("the message ends in a number")
        byte = data[place]
        place += 1
        if byte < 0x80:
            return (value | byte << shift) & 0xFFFF_FFFF_FFFF_FFFF, place
        value |= (byte & 0x7F) << shift
    raise Malformed("a number is too long")


def field(number: int, value: int | bytes) -> bytes:
    """One field, encoded: a number as a varint, bytes with their length."""
    if isinstance(value, int):
        return _written(number << 3 | VARINT) + _written(value)
    return _written(number << 3 | BYTES) + _written(len(value)) + value


def _written(value: int) -> bytes:
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)
