"""A stretch of samples as a CBOR packet, the way `docs/wire-format.md` says it."""

from __future__ import annotations

from typing import NamedTuple

import cbor2

from devices.noise import Floats
from records.times import SECOND

# RFC 8746: floats of 32 bits, little-endian.
_FLOAT32 = 85


class Stretch(NamedTuple):
    """Evenly spaced samples of a quantity at a sensing point; `start_at` in microseconds."""

    quantity: str
    point: str
    unit: str
    start_at: int
    rate_hz: float
    samples: Floats


def encode(boot: int, seq: int, stretch: Stretch) -> bytes:
    """A packet; its samples keep the precision of a float32."""
    return cbor2.dumps(
        {
            "boot": boot,
            "seq": seq,
            "n": f"{stretch.point}:{stretch.quantity}",
            "u": stretch.unit,
            "start": stretch.start_at / SECOND,
            "rate": stretch.rate_hz,
            "samples": cbor2.CBORTag(_FLOAT32, stretch.samples.astype("<f4").tobytes()),
        }
    )


def is_packet(payload: bytes) -> bool:
    """Whether this is a packet (a CBOR map) and no SenML."""
    return payload[:1] >= b"\xa0"
