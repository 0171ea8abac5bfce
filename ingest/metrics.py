"""Payloads of Sparkplug B: bytes to metrics. Field numbers and data types are the specification's.

Eclipse Sparkplug 3.0, section 6.4. Data sets, templates, arrays, bytes and properties are passed
over unread; a metric of such a type has no number.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ingest import protobuf
from ingest.protobuf import BYTES, FIXED32, FIXED64, VARINT, Malformed
from records.errors import BadMessage, Reason

MOST_METRICS = 2_500
_MOST_STEPS = 12_500
_LONGEST_NAME = 1_000
BOOLEAN = 11
# Sizes in bit of the signed types; they stand as two's complement in 32 or 64 bit.
_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED = {5: 8, 6: 16, 7: 32, 8: 64, 13: 64}
_INT, _LONG, _FLOAT, _DOUBLE, _BOOLEAN = 10, 11, 12, 13, 14
# Which wire type each known field has; the oneof of values is 10 to 19.
_WIRE = {
    1: BYTES, 2: VARINT, 3: VARINT, 4: VARINT, 5: VARINT, 6: VARINT, 7: VARINT,
    _INT: VARINT, _LONG: VARINT, _FLOAT: FIXED32, _DOUBLE: FIXED64, _BOOLEAN: VARINT,
    15: BYTES, 16: BYTES, 17: BYTES, 18: BYTES, 19: BYTES,
}  # fmt: skip


@dataclass(slots=True)
class Metric:
    """One metric as it is written. `raw` is the number of the field `kind`; 0: no value.

    timestamp  milliseconds since 1970, None where the payload's holds
    """

    name: str = ""
    alias: int | None = None
    timestamp: int | None = None
    datatype: int = 0
    is_null: bool = False
    kind: int = 0
    raw: float = 0


@dataclass(slots=True)
class Payload:
    """`timestamp` in milliseconds since 1970; `seq` 0 to 255."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = field(default_factory=list)


def decode(data: bytes) -> Payload:
    """Raises BadMessage (`undecodable`, `too large`)."""
    payload, steps = Payload(), 0
    try:
        for number, kind, value, end in protobuf.fields(data):
            steps += 1
            if number == 2 and kind == BYTES:
                metric, more = _metric(data, value, end, _MOST_STEPS - steps)
                payload.metrics.append(metric)
                steps += more
            elif number in (1, 3):
                if kind != VARINT:
                    raise Malformed(f"field {number} has wire type {kind}")
                if number == 1:
                    payload.timestamp = value
                else:
                    payload.seq = value
            if steps > _MOST_STEPS or len(payload.metrics) > MOST_METRICS:
                raise BadMessage(Reason.TOO_LARGE, f"more than {MOST_METRICS} metrics")
    except (Malformed, UnicodeDecodeError) as error:
        raise BadMessage(Reason.UNDECODABLE, ascii(str(error))[1:-1][:200]) from None
    if payload.seq is not None and payload.seq > 255:
        raise BadMessage(Reason.BAD_SEQUENCE, f"seq is {payload.seq}")
    return payload


def _metric(data: bytes, start: int, end: int, most: int) -> tuple[Metric, int]:
    metric, steps = Metric(), 0
    for number, kind, value, stop in protobuf.fields(data, start, end):
        steps += 1
        if steps > most:
            raise BadMessage(Reason.TOO_LARGE, "a metric of too many fields")
        if kind != _WIRE.get(number, kind):
            raise Malformed(f"field {number} of a metric has wire type {kind}")
        if number == 1:
            if stop - value > _LONGEST_NAME:
                raise Malformed(f"a name of {stop - value} bytes")
            metric.name = data[value:stop].decode()
        elif number == 2:
            metric.alias = value
        elif number == 3:
            metric.timestamp = value
        elif number == 4:
            metric.datatype = value
        elif number == 7:
            metric.is_null = bool(value)
        elif 10 <= number <= 19:
            metric.kind, metric.raw = number, _raw(data, kind, value, stop)
    return metric, steps


def _raw(data: bytes, kind: int, value: int, stop: int) -> float:
    if kind == FIXED32:
        return float(struct.unpack("<f", data[value:stop])[0])
    if kind == FIXED64:
        return float(struct.unpack("<d", data[value:stop])[0])
    return value if kind == VARINT else 0


def value(metric: Metric, datatype: int) -> float | None:
    """Its number, None for null. Raises BadMessage where it is none or doesn't fit its type."""
    if metric.is_null:
        return None
    if metric.kind in (_FLOAT, _DOUBLE) and datatype in (9, 10):
        return metric.raw
    if metric.kind in (_INT, _LONG) and (bits := _SIGNED.get(datatype)):
        whole = int(metric.raw)
        wide = 32 if metric.kind == _INT else 64
        whole &= (1 << wide) - 1
        signed = whole - (1 << wide) if whole >> (wide - 1) else whole
        if -(1 << bits - 1) <= signed < 1 << bits - 1:
            return float(signed)
    elif (
        metric.kind in (_INT, _LONG)
        and (bits := _UNSIGNED.get(datatype))
        and metric.raw < 1 << bits
    ):
        return float(metric.raw)
    found = f"metric {ascii(metric.name)[:120]}: no number of data type {datatype}"
    raise BadMessage(Reason.UNDECODABLE, found)
