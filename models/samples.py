"""Synthetic readings that the check suite shows to a detector."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.detector import Detector, Floats, Watched
from records.network import Thresholds
from records.quantities import QUANTITIES
from records.times import DAY, SECOND


@dataclass(frozen=True, slots=True)
class Sample:
    """Synthetic readings of several series, in order of time."""

    watched: tuple[Watched, ...]
    place: NDArray[np.intp]
    measured_at: NDArray[np.int64]
    value: Floats

    def take(self, rows: NDArray[np.intp]) -> Sample:
        return replace(
            self, place=self.place[rows], measured_at=self.measured_at[rows], value=self.value[rows]
        )

    def __len__(self) -> int:
        return len(self.place)


# Quantity -> (usual value, size of something large), canonical unit.
_SIZES = {
    "": (0.0, 1.0),
    "stage": (2.0, 2.0),
    "discharge": (20.0, 40.0),
    "lake_level": (3000.0, 2.0),
    "sea_level": (1.0, 1.0),
    "water_column_height": (3000.0, 0.5),
    "rain": (0.1, 1.0),
    "vibration": (0.1, 2.0),
    "vibration_velocity": (1.0, 10.0),
    "case_temperature": (50.0, 50.0),
}
EVENT_FROM = 5 / 6


def sample(detector: Detector, *, rows: int = 300, seed: int = 1) -> Sample:
    """Two series of each quantity that the detector takes: noise, then something large.

    One of the two is even, the other has uneven intervals and a gap. A lake falls again after it
    rose; everything else stays high.
    """
    random = np.random.default_rng(seed)
    watched = series_of(detector)
    columns = []
    for index, one in enumerate(watched):
        steps = np.full(rows, one.interval_s)
        if index % 2:
            steps = np.rint(steps * random.uniform(0.5, 1.5, rows))
            steps[rows // 2] *= 100
        usual, large = size_of(one.quantity)
        noise = 0.01 * random.standard_normal(rows)
        columns.append(
            (np.cumsum(steps) * SECOND, usual + large * (noise + _event(one.quantity, rows)))
        )
    place = np.repeat(np.arange(len(watched)), rows)
    measured_at = np.concatenate([at for at, _ in columns]).astype(np.int64) + 20_000 * DAY
    value = np.concatenate([values for _, values in columns])
    order = np.lexsort((place, measured_at))
    return Sample(watched, place[order], measured_at[order], value[order])


def series_of(detector: Detector) -> tuple[Watched, ...]:
    """Two series of each quantity that the detector takes, one called even and one uneven."""
    found = []
    for index, name in enumerate(sorted(detector.quantities) or [""]):
        usual, large = size_of(name)
        limits = [usual + large * share for share in (0.5, 1.0, 1.5)]
        one = Watched(
            id=f"{name}-even",
            quantity=name,
            unit=QUANTITIES[name].unit if name else "",
            interval_s=900.0 if index % 2 else 60.0,
            thresholds=Thresholds(yellow=limits[0], orange=limits[1], red=limits[2]),
        )
        found += [one, msgspec.structs.replace(one, id=f"{name}-uneven")]
    return tuple(one for one in found if detector.takes(one))


def size_of(name: str) -> tuple[float, float]:
    """A usual value of a quantity and the size of something large, in its canonical unit."""
    if name in _SIZES:
        return _SIZES[name]
    quantity = QUANTITIES[name]
    span = quantity.high - quantity.low
    return quantity.low + 0.3 * span, 0.1 * span


def _event(quantity: str, rows: int) -> Floats:
    """0, then a ramp to 2 within a twelfth of the rows; a lake's level falls back to 0, and a slope
    moves faster and faster."""
    first, length = int(rows * EVENT_FROM), rows // 12
    if quantity in {"displacement", "tilt"}:
        left = 1.0 - np.clip((np.arange(rows) - first) / (rows - first), 0.0, 1.0)
        moved: Floats = -2.0 * np.log(left) / np.log(rows - first)
        return moved
    ramp = np.clip((np.arange(rows) - first) / length, 0.0, 1.0)
    back = np.clip((np.arange(rows) - first - length) / length, 0.0, 1.0)
    return 2.0 * (ramp - back if quantity == "lake_level" else ramp)
