"""Evenly sampled channels as packets: one start, one rate, many samples; never a row a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.times import SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """A stretch of one sensing point's one quantity, as a device sent it.

    point     sensing point of the device, `main` where it has one only
    quantity  name of the quantity (`records.quantities`)
    unit      UCUM unit of the samples, None for the series' own
    start_at  device time of the first sample, microseconds since 1970 UTC
    rate_hz   samples a second, finite and above 0
    samples   n values in `unit`, float32 or float64, in order of time; at least one
    """

    point: str
    quantity: str
    unit: str | None
    start_at: int
    rate_hz: float
    samples: NDArray[np.float32] | NDArray[np.float64]


def moments(
    start_at: int | NDArray[np.int64], rate_hz: float | NDArray[np.float64], place: NDArray[np.intp]
) -> NDArray[np.int64]:
    """When samples were taken (microseconds): `start_at` + place / `rate_hz`, to the nearest one.

    place  which sample of its packet each is, from 0
    """
    since: NDArray[np.int64] = np.rint(place / rate_hz * SECOND).astype(np.int64)
    return start_at + since
