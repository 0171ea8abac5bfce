"""A replay decides in order of arrival, and what stood is known by station."""

from __future__ import annotations

import numpy as np

from models.evaluation.arrivals import replayed, stood
from models.evaluation.spans import Span
from records.levels import Flag
from records.network import DetectorChoice, Device, Lab, Network, Series, Station, Thresholds
from records.readings import ReadingBatch, concatenate
from records.times import MINUTE
from store.directory import Registry

NETWORK = Network(
    lab=(Lab(id="lab"),),
    station=(Station(id="bridge", lab="lab", lat=36, lon=74),),
    device=(Device(id="gauge", station="bridge"),),
    series=(
        Series(
            id="bridge-stage", station="bridge", device="gauge", quantity="stage", unit="m",
            interval_s=60, late_after_s=600, thresholds=Thresholds(orange=2.0),
        ),
    ),
    detector=(DetectorChoice(name="stage-limit"),),
)  # fmt: skip


def rows(
    values: list[float], first: int = 0, delay: int = 0, *, late: bool = False
) -> ReadingBatch:
    count = len(values)
    measured_at = (first + np.arange(count)) * MINUTE
    return ReadingBatch(
        np.ones(count, np.int32),
        measured_at,
        measured_at + delay,
        np.array(values),
        np.full(count, Flag.GOOD, np.uint8),
        np.zeros(count, np.uint16),
        np.full(count, late, np.bool_),
    )


def test_a_warning_stands_from_the_arrival_that_decided_it() -> None:
    registry = Registry.of(NETWORK)
    given = rows([1.0, 3.0, 3.0] + [1.0] * 120, delay=5 * MINUTE)
    (found,) = stood(replayed(registry, given), 200 * MINUTE)
    # It begins with the second reading above the limit and is held for a while below it.
    assert found.begins_at == 7 * MINUTE
    assert 8 * MINUTE < found.ends_at < 125 * MINUTE
    (open_still,) = stood(replayed(registry, given.take(slice(5))), 200 * MINUTE)
    assert open_still == Span("bridge", 7 * MINUTE, 200 * MINUTE)


def test_late_rows_announce_nothing() -> None:
    registry = Registry.of(NETWORK)
    given = concatenate([rows([1] * 10), rows([3] * 5, first=2, delay=60 * MINUTE, late=True)])
    assert stood(replayed(registry, given), 200 * MINUTE) == []
    assert replayed(registry, given.take(slice(0))) == []
