"""Bytes for people's eyes: JSON with indents, CBOR in diagnostic notation, anything else in hex."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import cbor2
import msgspec

_KNOWN_TAGS = (*range(6), *range(21, 38), 100, 101, 258, 260, 261, 1004, 43000, 55799)
_WIDTH = 16
_MOST_BYTES = 65_536


def readable(payload: bytes) -> str:
    """Text of printable lines. Never raises."""
    head = payload[:_MOST_BYTES]
    text = _json(head) or _cbor(head) or _hex(head)
    cut = len(payload) - len(head)
    return f"{text}\n... and {cut} bytes more" if cut else text


def _json(payload: bytes) -> str:
    try:
        msgspec.json.decode(payload)
        text = msgspec.json.format(payload, indent=2).decode()
    except (ValueError, RecursionError):
        return ""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _cbor(payload: bytes) -> str:
    file = BytesIO(payload)
    as_tag = {n: lambda value, _, n=n: cbor2.CBORTag(n, value) for n in _KNOWN_TAGS}
    try:
        found = cbor2.CBORDecoder(
            file, tag_hook=lambda tag, _: tag, semantic_decoders=as_tag, max_depth=32
        ).decode()
    except (cbor2.CBORError, ValueError, TypeError, RecursionError):
        return ""
    # Nearly any byte begins some number: only what has a structure is taken for CBOR.
    is_whole = file.tell() == len(payload) and isinstance(found, list | dict | cbor2.CBORTag)
    return _notation(found) if is_whole else ""


def _notation(value: Any) -> str:
    """RFC 8949, section 8."""
    if isinstance(value, dict):
        pairs = (f"{_notation(key)}: {_notation(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_notation, value)) + "]"
    if isinstance(value, cbor2.CBORTag):
        return f"{value.tag}({_notation(value.value)})"
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, str):
        return msgspec.json.encode(ascii(value)[1:-1]).decode()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return ascii(value)


def _hex(payload: bytes) -> str:
    lines = []
    for begin in range(0, len(payload), _WIDTH):
        piece = payload[begin : begin + _WIDTH]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        lines.append(f"{begin:08x}  {piece.hex(' '):<{3 * _WIDTH}} {shown}")
    return "\n".join(lines)
