"""SenML (RFC 8428) in JSON or CBOR: bytes to columns, or one BadMessage that says why not.

The first byte tells the two apart. Three labels of ours stand in the first record: `boot`, `seq`
and, in replays, `received_at` (docs/wire-format.md). Only numbers are taken as values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

import cbor2
import msgspec
from msgspec.structs import astuple

from records.errors import BadMessage, Reason

VERSION = "senml-1"
# RFC 8428: a lower time is relative to now.
RELATIVE_BELOW_S = 2.0**28
LARGEST_SEQUENCE = 2**62
_NEWEST_SENML = 10


class Entry(msgspec.Struct, gc=False):
    """One SenML record as it is written. Labels that nobody knows are ignored, as the RFC says."""

    n: str = ""
    u: str | None = None
    v: float | None = None
    t: float = 0.0
    bn: str | None = None
    bt: float | None = None
    bu: str | None = None
    bv: float | None = None
    bver: float | None = None
    bs: Any = None
    s: Any = None
    vs: Any = None
    vb: Any = None
    vd: Any = None
    boot: Any = None
    seq: Any = None
    received_at: Any = None


class Columns(NamedTuple):
    """The values of one message, n each.

    base     `bn` and `bu` that hold for every key
    keys     (name, unit) of each value; the whole name is the base's and then this one
    values   numbers as sent, finite or not
    seconds  time of each, seconds since 1970 or relative to arrival
    """

    base: tuple[str, str | None]
    keys: Sequence[tuple[str, str | None]]
    values: Sequence[float]
    seconds: Sequence[float]


_JSON = msgspec.json.Decoder(list[Entry])
_SPACE = b" \t\r\n"
_MUST_UNDERSTAND = re.compile(rb'_"\s*:')
# Both are possessive and begin at a token's start only, so hostile bytes cost linear time.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NUMBER = re.compile(rb"(?<![\w.+-])-?(?:(?:NaN|Infinity|nan|inf)\b|\d[\d.]*+(?:[eE][+-]?\d++)?)")
_LONGEST_NUMBER = 400
_CLAIM = {
    label: re.compile(rb'"%s"\s*:\s*(\d{1,19})\s*[,}]' % label.encode())
    for label in ("boot", "seq")
}
_CBOR_CLAIM = {
    label: re.compile(
        b"%c%s" % (0x60 + len(label), label.encode())
        + rb"(?:([\x00-\x17])|\x18(.)|\x19(..)|\x1a(.{4})|\x1b(.{8}))",
        re.DOTALL,
    )
    for label in ("boot", "seq")
}
_CLAIM_BYTES = 4096


def decode(payload: bytes) -> list[Entry]:
    """All records of a message, at least one.

    Raises BadMessage: `empty payload`, `not finite` (NaN, Infinity, 1e400) or `undecodable`.
    """
    if not payload:
        raise BadMessage(Reason.EMPTY_PAYLOAD)
    if _is_cbor(payload):
        entries = _from_cbor(payload)
    elif payload[0] == 0x5B or payload.lstrip(_SPACE)[:1] == b"[":
        entries = _from_json(payload)
    else:
        raise BadMessage(Reason.UNDECODABLE, "neither JSON nor CBOR SenML: no array begins it")
    if not entries:
        raise BadMessage(Reason.UNDECODABLE, "an array without records")
    return entries


def _is_cbor(payload: bytes) -> bool:
    return b"\x80" <= payload[:1] <= b"\x9f"


def _from_json(payload: bytes) -> list[Entry]:
    if b'_"' in payload and _MUST_UNDERSTAND.search(payload):
        raise BadMessage(Reason.UNDECODABLE, "a label ending in _ that must be understood")
    try:
        return _JSON.decode(payload)
    except RecursionError:
        raise BadMessage(Reason.UNDECODABLE, "nested too deeply") from None
    except ValueError as error:  # msgspec's errors and those of UTF-8 are ValueErrors
        if _decodes_when_finite(payload):
            raise BadMessage(Reason.NOT_FINITE, _one_line(error)) from None
        raise BadMessage(Reason.UNDECODABLE, _one_line(error)) from None


def _decodes_when_finite(payload: bytes) -> bool:
    """True when only numbers that no double holds keep the message from being SenML."""
    found = 0

    def zero(match: re.Match[bytes]) -> bytes:
        nonlocal found
        if _is_finite(match[0]):
            return match[0]
        found += 1
        return b"0"

    pieces, end = [], 0
    for text in _STRING.finditer(payload):
        pieces += [_NUMBER.sub(zero, payload[end : text.start()]), text[0]]
        end = text.end()
    pieces.append(_NUMBER.sub(zero, payload[end:]))
    if not found:
        return False
    try:
        return bool(_JSON.decode(b"".join(pieces)))
    except (ValueError, RecursionError):
        return False


def _is_finite(number: bytes) -> bool:
    try:
        return len(number) <= _LONGEST_NUMBER and math.isfinite(float(number))
    except ValueError:
        return True  # no number at all: another mistake than this one


_CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip


def _refuse(*_: Any) -> Any:
    raise ValueError("tags are not used in SenML")


# Tags make dates, fractions with huge exponents, regular expressions and the like: none is needed.
_NO_TAGS = dict.fromkeys((*range(6), *range(21, 38), 43000, 55799), _refuse) | dict.fromkeys(
    (100, 101, 258, 260, 261, 1004), _refuse
)


def _from_cbor(payload: bytes) -> list[Entry]:
    file = BytesIO(payload)
    try:
        decoder = cbor2.CBORDecoder(file, tag_hook=_refuse, semantic_decoders=_NO_TAGS, max_depth=4)
        records = [_labelled(record) for record in decoder.decode()]
        if file.tell() < len(payload):
            raise ValueError("bytes after the array")
        return msgspec.convert(records, list[Entry])
    except (cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise BadMessage(Reason.UNDECODABLE, _one_line(error)) from None


def _labelled(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError("a record is not a map")
    labels = {_CBOR_LABELS.get(key, key): value for key, value in record.items()}
    for label in labels:
        if isinstance(label, str) and label.endswith("_"):
            raise ValueError("a label ending in _ that must be understood")
    return {label: value for label, value in labels.items() if isinstance(label, str)}


def _one_line(error: Exception) -> str:
    return ascii(str(error))[1:-1][:200]


def identity(first: Entry) -> tuple[int, int] | None:
    """(boot, seq) of a message, None without them. Raises BadMessage (`bad sequence`)."""
    boot, seq = first.boot, first.seq
    if boot is None and seq is None:
        return None
    for label, value in (("boot", boot), ("seq", seq)):
        if type(value) is not int or not 0 <= value <= LARGEST_SEQUENCE:
            raise BadMessage(Reason.BAD_SEQUENCE, f"{label} is {ascii(value)[:80]}")
    return boot, seq


def claimed(payload: bytes) -> tuple[int, int] | None:
    """(boot, seq) that stand in bytes which can't be decoded, if both are plain to see.

    A message that will never be readable must settle, or its device would send it for ever.
    """
    head = payload[:_CLAIM_BYTES]
    is_cbor = _is_cbor(head)
    texts = _CBOR_CLAIM if is_cbor else _CLAIM
    found = [match for label in ("boot", "seq") if (match := texts[label].search(head))]
    if len(found) < 2:
        return None
    digits = (match[match.lastindex or 0] for match in found)
    boot, seq = (int.from_bytes(text) if is_cbor else int(text) for text in digits)
    return (boot, seq) if max(boot, seq) <= LARGEST_SEQUENCE else None


def columns(entries: list[Entry]) -> Columns:
    """Base values resolved. Raises BadMessage (`undecodable`) where a record has no number."""
    names, units, values, times, bn, bt, bu, bv, bver, bs, s, vs, vb, vd, *_ = zip(
        *map(astuple, entries), strict=True
    )
    # Nearly every message: one base, in its first record, and a number in each.
    n = len(entries)
    plain = (
        (bv + bver + bs + s + vs + vb + vd).count(None) == 7 * n
        and (n == 1 or (bn[1:] + bt[1:] + bu[1:]).count(None) == 3 * (n - 1))
        and None not in values
    )
    if not plain:
        return _resolved(entries)
    base = bt[0]
    seconds = times if not base else [base + t for t in times]
    return Columns((bn[0] or "", bu[0]), list(zip(names, units, strict=True)), values, seconds)


def _resolved(entries: list[Entry]) -> Columns:
    name, time, unit, value = "", 0.0, None, 0.0
    keys: list[tuple[str, str | None]] = []
    values: list[float] = []
    seconds: list[float] = []
    for place, entry in enumerate(entries):
        name = name if entry.bn is None else entry.bn
        time = time if entry.bt is None else entry.bt
        unit = unit if entry.bu is None else entry.bu
        value = value if entry.bv is None else entry.bv
        if _has_value(entry, place):
            keys.append((name + entry.n, unit if entry.u is None else entry.u))
            values.append(value + (entry.v or 0.0))
            seconds.append(time + entry.t)
    if not keys:
        raise BadMessage(Reason.UNDECODABLE, "no record has a value")
    return Columns(("", None), keys, values, seconds)


def _has_value(entry: Entry, place: int) -> bool:
    """True for a number, False for a record of base values only; raises BadMessage else."""
    where = f"record {place}"
    if entry.bver is not None and not 0 < entry.bver <= _NEWEST_SENML:
        raise BadMessage(Reason.UNDECODABLE, f"{where}: SenML version {entry.bver:g}")
    for label in ("bs", "s", "vs", "vb", "vd"):
        if getattr(entry, label) is not None:
            raise BadMessage(Reason.UNDECODABLE, f"{where}: only numbers are taken, not {label}")
    if entry.v is None and (entry.n or entry.u is not None):
        raise BadMessage(Reason.UNDECODABLE, f"{where}: no value")
    return entry.v is not None
