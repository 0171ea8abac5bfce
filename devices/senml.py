"""One sample of a device as SenML JSON (RFC 8428), the way `docs/wire-format.md` says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from records.times import SECOND

_ENCODE = msgspec.json.Encoder().encode


class Value(NamedTuple):
    """A value at a sensing point of the device, in `unit` (UCUM)."""

    quantity: str
    point: str
    unit: str
    value: float


def encode(device: str, boot: int, seq: int, measured_at: int, values: Sequence[Value]) -> bytes:
    """A message of values that were measured at one moment. Raises ValueError without values."""
    if not values:
        raise ValueError("a message needs a value")
    head: dict[str, Any] = {
        "bn": f"{device}/",
        "bt": measured_at // SECOND if measured_at % SECOND == 0 else measured_at / SECOND,
        "boot": boot,
        "seq": seq,
    }
    records = [
        {
            "n": value.quantity if value.point == "main" else f"{value.point}:{value.quantity}",
            "u": value.unit,
            "v": value.value,
        }
        for value in values
    ]
    return _ENCODE([head | records[0], *records[1:]])
