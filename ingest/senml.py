"""SenML (RFC 8428) in JSON or CBOR: bytes to columns, or one BadMessage that says why not.

The first byte tells the two apart. Three labels of ours stand in the first record: `boot`, `seq`
and, in replays, `received_at` (docs/wire-format.md). Numbers are taken as values, and sums (the
integral over time of what has the name) under a name of their own. A message's size is bounded, so
that the worst bytes cost milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from ingest import extremes, senml_cbor
from records.errors import BadMessage, Reason

VERSION = "senml-1"
# RFC 8428: a lower time is relative to now.
RELATIVE_BELOW_S = 2.0**28
LARGEST_SEQUENCE = 2**62
# The default version too; every record of a message must have the same.
_NEWEST_SENML = 10
# Bounds of one message: what a reader of untrusted bytes may spend in time and memory.
MOST_RECORDS = 5_000
# Behind the name of a record: its sum. No SenML name has a blank.
SUM = " sum"


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
    bver: int | None = None
    bs: float | None = None
    s: float | None = None
    vs: str | None = None
    vb: bool | None = None
    vd: Any = None
    boot: Any = None
    seq: Any = None
    received_at: Any = None


class Columns(NamedTuple):
    """The values of one message, n each.

    base     `bn` and `bu` that hold for every key
    keys     (name, unit) of each value; the whole name is the base's and then this one; a sum has
             `SUM` behind its name, and the unit of what is summed
    values   numbers as sent, finite or not
    seconds  time of each, seconds since 1970 or relative to arrival
    """

    base: tuple[str, str | None]
    keys: Sequence[tuple[str, str | None]]
    values: Sequence[float]
    seconds: Sequence[float]


_JSON = msgspec.json.Decoder(list[Entry])
_RAW = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_SPACE = b" \t\r\n"
# An underscore before a closing quote and a colon, also where it is written as an escape.
_MUST_UNDERSTAND = re.compile(rb'(?:_|\\u005[fF])"\s*:')
# Texts, and numbers that no double holds. Possessive, each from a token's start only, so hostile
# bytes cost linear time. A number of 309 digits or an exponent of 309 is over the largest double.
_NOT_FINITE = re.compile(
    rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
    rb"|(?<![\w.+-])-?(?:(NaN|Infinity|nan|inf)\b"
    rb"|(\d{309,}+(?:\.\d*+)?(?:[eE][+-]?\d++)?|\d++(?:\.\d*+)?[eE]\+?0*+\d{3,}+))",
    re.DOTALL,
)
_MAYBE_NOT_FINITE = re.compile(rb"NaN|Infinity|nan|inf|\d{309}|[eE]\+?\d{3}")
_MOST_PLACES = 2_000
# In longer bytes that can't be decoded nobody looks for the number that is to blame.
_MOST_LOOKED_AT_BYTES = 131_072
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
    # Braces may also stand in a text or below an unknown label; nobody writes so many there.
    if payload.count(b"{") > MOST_RECORDS:
        raise BadMessage(Reason.TOO_LARGE, f"more than {MOST_RECORDS} records")
    extremes.check(payload)
    try:
        # To search for either end of it first is many times faster.
        if (b'_"' in payload or b"\\u005" in payload) and _MUST_UNDERSTAND.search(payload):
            _understand(label for record in _RAW.decode(payload) for label in record)
        return _JSON.decode(payload)
    except RecursionError:
        raise BadMessage(Reason.UNDECODABLE, "nested too deeply") from None
    except ValueError as error:  # msgspec's errors and those of UTF-8 are ValueErrors
        if _decodes_when_finite(payload):
            raise BadMessage(Reason.NOT_FINITE, _one_line(error)) from None
        raise BadMessage(Reason.UNDECODABLE, _one_line(error)) from None


def _decodes_when_finite(payload: bytes) -> bool:
    """True when only numbers that no double holds keep the message from being SenML."""
    if len(payload) > _MOST_LOOKED_AT_BYTES or not _MAYBE_NOT_FINITE.search(payload):
        return False
    pieces: list[bytes] = []
    end = 0
    for match in _NOT_FINITE.finditer(payload):
        if match[1] or (match[2] and not isfinite(float(match[2]))):
            pieces += [payload[end : match.start()], b"0"]
            end = match.end()
            if len(pieces) > 2 * _MOST_PLACES:
                return False
    try:
        return bool(pieces and _JSON.decode(b"".join([*pieces, payload[end:]])))
    except (ValueError, RecursionError):
        return False


def _understand(labels: Iterable[str]) -> None:
    """Raises BadMessage for a label that may not be ignored: of those none is known here."""
    for label in labels:
        if label.endswith("_"):
            found = f"{ascii(label)[:80]} must be understood"
            raise BadMessage(Reason.UNDECODABLE, found)


def _from_cbor(payload: bytes) -> list[Entry]:
    records = senml_cbor.records(payload)
    for record in records:
        _understand(record)
    try:
        return msgspec.convert(records, list[Entry])
    except ValueError as error:
        raise BadMessage(Reason.UNDECODABLE, _one_line(error)) from None


def _one_line(error: Exception) -> str:
    return ascii(str(error))[1:-1][:200]


def identity(first: Entry) -> tuple[int, int] | None:
    """(boot, seq) of a message, None without them. Raises BadMessage (`bad sequence`)."""
    return numbered(first.boot, first.seq)


def numbered(boot: object, seq: object) -> tuple[int, int] | None:
    """The two labels as a message's number, None without them. Raises as `identity`."""
    if boot is None and seq is None:
        return None
    return _whole("boot", boot), _whole("seq", seq)


def _whole(label: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_SEQUENCE:
        raise BadMessage(Reason.BAD_SEQUENCE, f"{label} is {ascii(value)[:80]}")
    return value


def claimed(payload: bytes) -> tuple[int, int] | None:
    """(boot, seq) that stand in bytes which can't be decoded, if both are plain to see.

    A message that will never be readable must settle, or its device would send it for ever.
    """
    head = payload[:_CLAIM_BYTES]
    is_cbor = b"\x80" <= head[:1] <= b"\xbf"  # an array or, in a waveform, a map
    texts = _CBOR_CLAIM if is_cbor else _CLAIM
    found = [match for label in ("boot", "seq") if (match := texts[label].search(head))]
    if len(found) < 2:
        return None
    digits = (match[match.lastindex or 0] for match in found)
    boot, seq = (int.from_bytes(text) if is_cbor else int(text) for text in digits)
    return (boot, seq) if max(boot, seq) <= LARGEST_SEQUENCE else None


def columns(entries: list[Entry]) -> Columns:
    """Base values resolved. Raises BadMessage where a record has no number (`undecodable`, or
    `not numeric` for a text, a boolean or data)."""
    if not _is_plain(entries):
        return _resolved(entries)
    first = entries[0]
    base = first.bt or 0.0
    return Columns(
        (first.bn or "", first.bu),
        [(entry.n, entry.u) for entry in entries],
        tuple([entry.v for entry in entries if entry.v is not None]),
        [base + entry.t for entry in entries],
    )


def _is_plain(entries: Sequence[Any]) -> bool:
    """One base, in the first record, and a number and nothing else in each."""
    first = entries[0]
    for e in entries:
        others = not (e.bv is e.bver is e.bs is e.s is e.vs is e.vb is e.vd is None)
        if others or e.v is None or not (e.bn is e.bt is e.bu is None or e is first):
            return False
    return True


def _resolved(entries: list[Entry]) -> Columns:
    """As section 4.5.4 of the RFC has it: a record that a base sum applies to has a sum, with or
    without one of its own. A value it has only where it says one (4.3)."""
    _check_version(entries)
    name, time, unit, value, total = "", 0.0, None, 0.0, None
    keys: list[tuple[str, str | None]] = []
    values: list[float] = []
    seconds: list[float] = []
    for place, entry in enumerate(entries):
        name = name if entry.bn is None else entry.bn
        time = time if entry.bt is None else entry.bt
        unit = unit if entry.bu is None else entry.bu
        value = value if entry.bv is None else entry.bv
        total = total if entry.bs is None else entry.bs
        _check_value(entry, place, total)
        if _is_base_alone(entry):
            continue
        found = [] if entry.v is None else [("", value + entry.v)]
        if total is not None or entry.s is not None:
            found.append((SUM, (total or 0.0) + (entry.s or 0.0)))
        for suffix, number in found:
            keys.append((name + entry.n + suffix, unit if entry.u is None else entry.u))
            values.append(number)
            seconds.append(time + entry.t)
    if not keys:
        raise BadMessage(Reason.UNDECODABLE, "no record has a value")
    return Columns(("", None), keys, values, seconds)


def _check_version(entries: list[Entry]) -> None:
    """All records have one version, 10 where none is said; a newer one may mean anything."""
    newest = version = entries[0].bver or _NEWEST_SENML
    for place, entry in enumerate(entries):
        version = version if entry.bver is None else entry.bver
        if not 0 < version <= _NEWEST_SENML or version != newest:
            found = f"record {place}: SenML version {version} among {newest}"
            raise BadMessage(Reason.UNDECODABLE, found[:200])


def _is_base_alone(entry: Entry) -> bool:
    """Nothing but base fields: not a measurement by the RFC, but plain enough."""
    return not (entry.n or entry.t or entry.u is not None) and entry.v is entry.s is None


def _check_value(entry: Entry, place: int, total: float | None) -> None:
    """Raises BadMessage unless it has numbers, or nothing but base fields."""
    where = f"record {place}"
    others = [label for label in ("vs", "vb", "vd") if getattr(entry, label) is not None]
    if (others and entry.v is not None) or len(others) > 1:
        raise BadMessage(Reason.UNDECODABLE, f"{where}: more than one value")
    if others:
        raise BadMessage(Reason.NOT_NUMERIC, f"{where}: {others[0]} where a number is needed")
    if entry.v is entry.s is total is None and not _is_base_alone(entry):
        raise BadMessage(Reason.UNDECODABLE, f"{where}: no value")
