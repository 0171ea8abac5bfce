"""Limits of the live checks, as data: wide enough for an outburst, a tsunami or an earthquake.

A flag that doubts a real disaster costs more than one that misses a small fault, so these are the
limits of physics and instruments, not of a site. `VERSION` stands with every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from records.network import Series
from records.quantities import QUANTITIES, conversion
from store.registry import Registry

VERSION = "qartod-1"


class Limit(NamedTuple):
    """In the quantity's own unit; None: the check does not apply.

    spike    largest believable distance from the median of the three values before
    rate     largest believable change a second
    repeats  that many equal values in a row are no coincidence
    """

    spike: float | None = None
    rate: float | None = None
    repeats: int | None = None


# No repeats for what can truly stand still (a river at low flow, dry weather, ice water at 0.0).
LIMITS: dict[str, Limit] = {
    "stage": Limit(8, 2),
    "lake_level": Limit(10, 1),
    "headpond_level": Limit(10, 1),
    "gross_head": Limit(50, 20),
    "net_head": Limit(50, 20),
    "head_loss": Limit(50, 20),
    "sea_level": Limit(5, 2, 120),
    "water_column_height": Limit(5, 2, 120),
    "significant_wave_height": Limit(10, 1, 120),
    "wave_period": Limit(30, 10),
    "rain": Limit(200),
    "air_temperature": Limit(20, 1, 120),
    "water_temperature": Limit(15, 1),
    "case_temperature": Limit(100, 20),
    "conductivity": Limit(50_000, 20_000),
    "ph": Limit(5, 2),
    "dissolved_oxygen": Limit(20, 5),
    "air_pressure": Limit(20, 2, 120),
    "wind_speed": Limit(60, 40),
    "tilt": Limit(45, 20),
    "soil_moisture": Limit(60, 20),
    "vibration": Limit(repeats=30),
    "vibration_velocity": Limit(repeats=30),
    "acceleration": Limit(repeats=30),
}
NO_LIMIT = Limit()
# How many rows of a series say everything that the checks remember of it.
MOST_REPEATS = max(limit.repeats or 0 for limit in LIMITS.values())


@dataclass(frozen=True, slots=True, eq=False)
class LimitTable:
    """Arrays by series number, in each series' unit; infinite or 0 where a check does not apply."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    spike: NDArray[np.float64]
    rate: NDArray[np.float64]
    repeats: NDArray[np.int64]

    @classmethod
    def of(cls, numbered: Sequence[tuple[int, Series]]) -> LimitTable:
        """The table of these (number, series)."""
        size = 1 + max((number for number, _ in numbered), default=0)
        infinite = np.full(size, np.inf)
        table = cls(-infinite, infinite.copy(), infinite.copy(), infinite, np.zeros(size, np.int64))
        for number, series in numbered:
            quantity = QUANTITIES[series.quantity]
            limit = LIMITS.get(series.quantity, NO_LIMIT)
            factor, offset = conversion(quantity.unit, series.unit)
            bounds = sorted((quantity.low * factor + offset, quantity.high * factor + offset))
            table.low[number], table.high[number] = bounds
            if limit.spike is not None:
                table.spike[number] = limit.spike * abs(factor)
            if limit.rate is not None:
                table.rate[number] = limit.rate * abs(factor)
            table.repeats[number] = limit.repeats or 0
        return table


def table(registry: Registry) -> LimitTable:
    """The limits of every series of a registry."""
    return LimitTable.of([(registry.series_number[s.id], s) for s in registry.network.series])
