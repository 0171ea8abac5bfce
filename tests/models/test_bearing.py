"""Failing bearings: stated synthetic machines, and one real run to failure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from models.bank import Bank, Outcome
from models.detector import Watched
from models.detectors.bearing import ABOVE_USUAL, DOUBLED, Bearing
from records.levels import Level
from records.times import DAY, HOUR, MINUTE

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
START = 15_000 * DAY


def run(times: Times, vibration: Floats, detector: Bearing | None = None) -> Outcome:
    bank = Bank(detector or Bearing(), [Watched(id="b1", quantity="vibration", unit="[g]")])
    return bank.advance(np.zeros(len(times), np.intp), times, vibration)


def warned(times: Times, outcome: Outcome) -> list[int]:
    on = outcome.level >= Level.ORANGE
    return [int(at) for at in times[on & ~np.r_[False, on[:-1]]]]


def clock(days: float, every: int = 10 * MINUTE) -> Times:
    return START + np.arange(0, round(days * DAY), every, dtype=np.int64)


def sound(times: Times, *, scatter: float = 0.012, memory: float = 0.9, seed: int = 1) -> Floats:
    """Log-normal scatter with some memory around 0.06 g."""
    random = np.random.default_rng(seed)
    log = np.zeros(len(times))
    for i in range(1, len(times)):
        log[i] = memory * log[i - 1] + np.sqrt(1 - memory**2) * random.standard_normal()
    return np.asarray(0.06 * np.exp(scatter * log))


def failing(times: Times, begins_day: float, *, doubling_days: float = 1.5) -> Floats:
    """A fault that doubles what it adds: 2 % at first."""
    days = (times - START) / DAY - begins_day
    return np.where(days > 0, 1 + 0.02 * 2 ** (days / doubling_days), 1.0)


@pytest.mark.parametrize("every", [5 * MINUTE, 10 * MINUTE, 20 * MINUTE])
def test_a_growing_fault_is_seen_while_it_is_small(every: int) -> None:
    times = clock(15, every)
    outcome = run(times, sound(times) * failing(times, 6))
    begins = warned(times, outcome)
    assert len(begins) == 1
    # 6 sigma of 1.2 % is 7.5 %, which the fault adds after 2.9 days.
    assert START + 7 * DAY < begins[0] < START + 10.5 * DAY
    texts = [s.reason.text for _, c, s in outcome.crossings if c.level > c.before]
    assert texts[0] == ABOVE_USUAL
    assert texts[-1] == DOUBLED


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_machine_is_left_alone_for_half_a_year(seed: int) -> None:
    times = clock(180, 20 * MINUTE)
    assert warned(times, run(times, sound(times, scatter=0.02, memory=0.97, seed=seed))) == []


def test_two_wild_readings_are_not_enough_and_three_are() -> None:
    times = clock(4)
    for wild, expected in ((2, 0), (3, 1)):
        vibration = sound(times)
        vibration[400 : 400 + wild] *= 5
        assert len(warned(times, run(times, vibration))) == expected


def test_stops_and_starts_are_not_faults() -> None:
    times = clock(10)
    vibration = sound(times)
    for first, length in ((300, 4), (600, 100), (1100, 1)):
        vibration[first : first + length] = 0.0008
        vibration[first + length : first + length + 4] *= 1.5
    assert warned(times, run(times, vibration)) == []


def test_a_record_that_begins_at_rest_learns_from_the_start_of_the_machine() -> None:
    times = clock(10)
    vibration = sound(times) * failing(times, 5)
    vibration[:90] = 0.001
    (begins,) = warned(times, run(times, vibration))
    assert begins > START + 6 * DAY


def test_a_pause_in_the_record_changes_nothing() -> None:
    times = clock(14)
    vibration = sound(times) * failing(times, 6)
    kept = (times < START + 2 * DAY) | (times > START + 5 * DAY)
    (begins,) = warned(times[kept], run(times[kept], vibration[kept]))
    assert START + 7 * DAY < begins < START + 10.5 * DAY


def test_the_unit_of_vibration_is_no_matter() -> None:
    times = clock(14)
    vibration = sound(times) * failing(times, 6)
    assert warned(times, run(times, vibration)) == warned(times, run(times, vibration * 64))


def test_senseless_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Bearing(sigmas=-1)


@pytest.mark.recordings
def test_the_bearing_that_failed_is_named_72_hours_before(recordings: Path) -> None:
    """n = 1 run to failure; the three others may follow, none may come first."""
    table = pd.read_csv(recordings / "bearing_ims" / "test2.csv", index_col=0, parse_dates=True)
    times = table.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    before_h = {
        name: [(times[-1] - at) / HOUR for at in warned(times, run(times, column.to_numpy()))]
        for name, column in table.items()
    }
    first, *others = (before_h[f"Bearing {n}"] for n in range(1, 5))
    # Six sigma of the first day are passed for three readings 74 h before the end.
    assert 72 <= first[0] <= 80
    assert all(hours < first[0] for other in others for hours in other)
