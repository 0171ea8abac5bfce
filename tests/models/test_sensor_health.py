"""A reading the sensor made is told from what the river did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from models.bank import Bank, Outcome
from models.detector import Watched
from models.detectors.sensor_health import SensorHealth
from records.levels import Level
from records.times import DAY, MINUTE

EVERY = 15 * MINUTE
A_DAY = DAY // EVERY
RIVER = {
    "temp": ("water_temperature", "Cel", 1.0),
    "cond": ("conductivity", "uS/cm", 1.0),
    "ph": ("ph", "[pH]", 1.0),
    "do": ("dissolved_oxygen", "mg/L", 1.0),
    "turb": ("turbidity", "{NTU}", 1.0),
    "stage": ("stage", "m", 0.01),
}


def run(quantity: str, values: NDArray[np.float64]) -> Outcome:
    times = 15_000 * DAY + EVERY * np.arange(len(values), dtype=np.int64)
    bank = Bank(SensorHealth(), [Watched(id="any", quantity=quantity)])
    return bank.advance(np.zeros(len(values), np.intp), times, values)


def called(quantity: str, values: NDArray[np.float64]) -> list[int]:
    """Rows that are not to be used."""
    return np.flatnonzero(run(quantity, values).level >= Level.YELLOW).tolist()


def water(days: int = 20) -> NDArray[np.float64]:
    """Water temperature (Cel) with a daily course, to the hundredth."""
    row = np.arange(days * A_DAY)
    noise = 0.03 * np.random.default_rng(1).standard_normal(len(row))
    return np.round(10 + 2 * np.sin(2 * np.pi * row / A_DAY) + noise, 2)


def test_a_sound_sensor_is_called_nothing() -> None:
    assert called("water_temperature", water()) == []


@pytest.mark.parametrize("value", [-9999.0, 0.0, 25.0, 1e300])
def test_a_value_out_of_nowhere_is_called_and_the_next_is_not(value: float) -> None:
    values = water()
    values[1000] = value
    assert called("water_temperature", values) == [1000]


def test_the_largest_number_there_is_blinds_no_series_of_an_unknown_quantity() -> None:
    values = water()
    values[1000], values[1100] = -1.7e308, 1.7e308
    outcome = run("", values)
    assert np.flatnonzero(outcome.level >= Level.YELLOW).tolist() == [1000, 1100]
    assert not np.isnan(outcome.score).any()


def test_the_very_first_reading_can_be_impossible() -> None:
    values = water()
    values[0] = -9999.0
    assert called("water_temperature", values) == [0]


def test_a_stuck_sensor_is_called_within_three_hours_and_until_it_moves() -> None:
    values = water()
    values[1000:1200] = values[1000]
    found = [row for row in called("water_temperature", values) if row < 1200]
    assert found == list(range(found[0], 1200))
    assert found[0] <= 1012


def test_a_sensor_that_has_never_moved_is_called_nothing() -> None:
    assert called("water_temperature", np.full(3000, 7.0)) == []


def test_dry_hours_are_no_stuck_gauge() -> None:
    rain = np.where(np.random.default_rng(2).random(3000) < 0.02, 1.2, 0.0)
    rain[2000:] = 0.0
    assert called("rain", rain) == []


def test_noise_is_called_while_it_lasts() -> None:
    values = water()
    values[1000:1050] += 3.0 * np.random.default_rng(3).standard_normal(50)
    found = called("water_temperature", values)
    assert len([row for row in found if 1000 <= row < 1050]) >= 25
    assert [row for row in found if not 1000 <= row < 1060] == []


def test_a_flood_is_no_fault_and_the_same_height_at_once_is() -> None:
    """Stage (m): 3 m in six hours after three quiet weeks, or from one reading to the next."""
    noise = 0.002 * np.random.default_rng(4).standard_normal(25 * A_DAY)
    row = np.arange(len(noise), dtype=np.float64) - 21 * A_DAY
    rising = np.clip(row / 24, 0.0, 1.0) * np.exp(-np.maximum(row - 24, 0) / 150)
    assert called("stage", 1.0 + noise + 3.0 * rising) == []
    jumped = 1.0 + noise
    jumped[21 * A_DAY :] += 3.0
    assert called("stage", jumped)[0] == 21 * A_DAY


def test_a_new_level_that_stays_steady_is_taken_for_real() -> None:
    noise = 0.002 * np.random.default_rng(5).standard_normal(25 * A_DAY)
    noise[21 * A_DAY :] += 30.0
    assert called("stage", 1.0 + noise)[-1] <= 22 * A_DAY + 5


def site(path: Path) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Readings called, and readings flagged by the technician, of each variable of a site-year."""
    frame = pd.read_csv(path, na_values=["NULL"], low_memory=False)
    at = pd.to_datetime(frame["datetime"]).to_numpy().astype("datetime64[us]").astype(np.int64)
    called_there, flagged = [], []
    for name, (quantity, unit, factor) in RIVER.items():
        values = frame[name].to_numpy(np.float64) * factor
        known = np.isfinite(values) & (np.diff(at, prepend=0) > 0)
        bank = Bank(SensorHealth(), [Watched(id=name, quantity=quantity, unit=unit)])
        place = np.zeros(int(known.sum()), np.intp)
        called_there.append(bank.advance(place, at[known], values[known]).level >= Level.YELLOW)
        flagged.append(frame[f"{name}_qual"].notna().to_numpy()[known])
    return called_there, flagged


@pytest.mark.recordings
def test_most_of_what_a_technician_flagged_is_called(recordings: Path) -> None:
    """One site-year in which sensors died; the whole river is in the card."""
    one, other = site(recordings / "logan_river" / "Mendon2019.csv.gz")
    ours, flagged = np.concatenate(one), np.concatenate(other)
    right = int((ours & flagged).sum())
    assert right / flagged.sum() > 0.75
    assert right / ours.sum() > 0.65
