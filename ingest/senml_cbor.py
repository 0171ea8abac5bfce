"""SenML's CBOR (RFC 8428, section 6): bytes to records by label, item by item.

Arrays and maps are walked here and only what stands in them is left to a CBOR reader, so that
every label is looked at before it is a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import SEEK_CUR, BytesIO
from typing import Any

import cbor2

from records.errors import BadMessage, Reason

# Bounds of one message: what a reader of untrusted bytes may spend in time and memory.
MOST_BYTES = 32_768
MOST_ITEMS = 2_500

Labels = dict[str, Any]

_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip


def _refuse(*_: Any) -> Any:
    raise ValueError("of all tags SenML uses that of decimal fractions alone")


def _decimal_fraction(found: Any, *_: Any) -> float:
    """Tag 4: [exponent of ten, mantissa]. An exponent that says nothing to a double is bounded."""
    if not (isinstance(found, list | tuple) and [type(part) for part in found] == [int, int]):
        raise ValueError("a decimal fraction is two whole numbers")
    exponent, mantissa = found
    return float(f"{mantissa}e{max(-400, min(exponent, 400))}")


# Tags make dates, regular expressions and the like: one of them is SenML's.
_TAGS = dict.fromkeys((*range(6), *range(21, 38), 43000, 55799), _refuse) | dict.fromkeys(
    (100, 101, 256, 258, 260, 261, 1004), _refuse
)
_TAGS[4] = _decimal_fraction


_ARRAY, _MAP = 4, 5
# Behind the short ones, how many bytes say the count.
_COUNT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_ENDLESS = 31


def _items(file: BytesIO, major: int) -> Iterator[None]:
    """Once for each item of the array or map (RFC 8949's major type) that begins here; whoever
    asks for the next has read the one before. Raises ValueError."""
    head = (file.read(1) or b"\0")[0]
    if head >> 5 != major:
        raise ValueError("a record is not a map" if major == _MAP else "no array")
    count = head & 31
    if count == _ENDLESS:
        for _ in range(MOST_ITEMS + 1):
            following = file.read(1)
            if following == b"\xff":
                return
            if not following:
                raise ValueError("it ends before its end")
            file.seek(-1, SEEK_CUR)
            yield
        raise BadMessage(Reason.TOO_LARGE, f"more than {MOST_ITEMS} records or labels")
    if count >= min(_COUNT_BYTES):
        if count not in _COUNT_BYTES:
            raise ValueError("a count in no known form")
        count = int.from_bytes(file.read(_COUNT_BYTES[count]))
    for place in range(count):
        if place == MOST_ITEMS:
            raise BadMessage(Reason.TOO_LARGE, f"more than {MOST_ITEMS} records or labels")
        yield


def _record(file: BytesIO, decoder: cbor2.CBORDecoder) -> Labels:
    """One record, its labels looked at before they are keys: arrays can be made to have one hash
    all, and a map of them costs the square of its size."""
    found: Labels = {}
    for _ in _items(file, _MAP):
        label = decoder.decode()
        if not isinstance(label, int | str):
            raise ValueError("a label is neither a text nor a whole number")
        value = decoder.decode()
        name = label if isinstance(label, str) else _LABELS.get(label)
        if name is not None:
            found[name] = value
    return found


def records(payload: bytes) -> list[Labels]:
    """The records of a message. Raises BadMessage (`undecodable`, `too large`)."""
    if len(payload) > MOST_BYTES:
        raise BadMessage(Reason.TOO_LARGE, f"{len(payload)} bytes of CBOR")
    file = BytesIO(payload)
    try:
        decoder = cbor2.CBORDecoder(
            file, tag_hook=_refuse, semantic_decoders=_TAGS, max_depth=4, read_size=16,
            strict_hashable_types=True,
        )  # fmt: skip
        found = [_record(file, decoder) for _ in _items(file, _ARRAY)]
        if file.tell() < len(payload):
            raise ValueError("bytes after the array")
    except (cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise BadMessage(Reason.UNDECODABLE, ascii(str(error))[1:-1][:200]) from None
    return found
