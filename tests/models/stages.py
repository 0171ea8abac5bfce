"""Stations with a stage each, their readings as they arrive, and the engine that follows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.engine import Engine
from records.levels import Flag
from records.network import Area, DetectorChoice, Device, Lab, Network, Series, Station, Thresholds
from records.readings import ReadingBatch
from records.times import SECOND
from store.directory import Registry

START = 1_700_000_000 * SECOND
LIMITS = Thresholds(yellow=1.0, orange=2.0, red=3.0)


def network(*stages: str, detector: tuple[DetectorChoice, ...] = (), **series: Any) -> Network:
    """Stations a, b, ... with one stage each, real; `sim` is simulated."""
    names = stages or ("a", "b")
    described = {"interval_s": 60.0, "late_after_s": 120.0, "thresholds": LIMITS, **series}
    return Network(
        lab=(Lab(id="lab"),),
        area=(Area(id="valley", lab="lab"),),
        station=tuple(
            Station(id=n, lab="lab", lat=36, lon=74, area="valley" if n == "a" else "")
            for n in names
        ),
        device=tuple(Device(id=f"{n}-gauge", station=n, simulated=n == "sim") for n in names),
        series=tuple(
            Series(
                id=f"{n}-stage",
                station=n,
                device=f"{n}-gauge",
                quantity="stage",
                unit="m",
                **described,
            )
            for n in names
        ),
        detector=detector or (DetectorChoice(name="stage-limit"),),
    )


def rows(
    registry: Registry,
    series: str,
    values: list[float],
    *,
    first_s: float = 60.0,
    step_s: float = 60.0,
    delay_s: float = 1.0,
    flag: Flag = Flag.GOOD,
    late: bool = False,
) -> ReadingBatch:
    """Even readings of one series, each received a moment after it was measured."""
    count = len(values)
    measured_at = START + ((first_s + step_s * np.arange(count)) * SECOND).astype(np.int64)
    return ReadingBatch(
        series=np.full(count, registry.series_number[series], np.int32),
        measured_at=measured_at,
        received_at=measured_at + round(delay_s * SECOND),
        value=np.array(values, np.float64),
        flag=np.full(count, flag, np.uint8),
        checks=np.zeros(count, np.uint16),
        late=np.full(count, late, np.bool_),
    )


def engine(described: Network | None = None) -> tuple[Registry, Engine]:
    registry = Registry.of(described or network())
    return registry, Engine(registry, started_at=START)


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)
