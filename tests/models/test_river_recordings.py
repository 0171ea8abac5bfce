"""Real rivers: a year of hourly stage with three floods, and years of 15-minute stage without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.bank import Bank, Outcome
from models.detector import Detector, Watched
from models.detectors.rate_of_rise import RateOfRise
from models.detectors.stage_limit import StageLimit
from records.levels import Level
from records.times import HOUR

pytestmark = pytest.mark.recordings
FOOT_M = 0.3048
FLOOD_M = 2.0


def column(frame: pd.DataFrame, name: str, factor: float) -> pd.Series:
    """Values by microseconds since 1970, in order of time, each time once."""
    at = pd.to_datetime(frame["datetime"]).to_numpy().astype("datetime64[us]").astype(np.int64)
    values = pd.Series(frame[name].to_numpy(np.float64) * factor, index=at).dropna().sort_index()
    return values[~values.index.duplicated()]


@pytest.fixture(scope="module")
def flooded(recordings: Path) -> pd.Series:
    """Stage (m), hourly, 2014 to 2016 with a gap of seven months."""
    frame = pd.read_csv(recordings / "river_usgs" / "usgs_01037000_hourly.csv.gz", low_memory=False)
    return column(frame, "65565_00065", FOOT_M)


def run(detector: Detector, rivers: list[pd.Series]) -> tuple[pd.DataFrame, Outcome]:
    watched = [Watched(id=str(i), quantity="stage", unit="m") for i in range(len(rivers))]
    frame = pd.concat(
        pd.DataFrame({"place": i, "at": r.index, "value": r.to_numpy()})
        for i, r in enumerate(rivers)
    ).sort_values(["at", "place"], ignore_index=True)
    outcome = Bank(detector, watched).advance(
        frame["place"].to_numpy(np.intp),
        frame["at"].to_numpy(np.int64),
        frame["value"].to_numpy(np.float64),
    )
    return frame, outcome


def begins(frame: pd.DataFrame, outcome: Outcome, place: int = 0) -> list[int]:
    """Moments at which a series reached orange."""
    rows = frame["place"].to_numpy() == place
    warns = outcome.level[rows] >= Level.ORANGE
    started = warns & ~np.concatenate([[False], warns[:-1]])
    return [int(at) for at in frame["at"].to_numpy()[rows][started]]


def crossings(river: pd.Series) -> list[int]:
    """First moments over the flood level after three days below it."""
    over = river.index[river >= FLOOD_M].to_numpy()
    return [int(at) for i, at in enumerate(over) if i == 0 or at - over[i - 1] > 72 * HOUR]


def test_a_limit_warns_at_each_flood_and_at_nothing_else(flooded: pd.Series) -> None:
    found = begins(*run(StageLimit(orange=FLOOD_M, hysteresis=0.1), [flooded]))
    truth = crossings(flooded)
    assert len(found) == len(truth) == 3
    assert all(0 <= at - true <= 2 * HOUR for at, true in zip(found, truth, strict=True))


def test_one_false_alarm_a_year_leaves_the_greatest_flood_before_it_is_one(
    flooded: pd.Series,
) -> None:
    (found,) = begins(*run(RateOfRise(), [flooded]))
    greatest = max(crossings(flooded), key=lambda at: float(flooded.loc[at : at + 72 * HOUR].max()))
    assert 0 < greatest - found < 12 * HOUR


def test_one_a_month_announces_every_flood_hours_ahead_and_keeps_its_budget(
    flooded: pd.Series,
) -> None:
    found = begins(*run(RateOfRise(budget_per_year=12.0), [flooded]))
    leads = [
        [true - at for at in found if 0 < true - at < 24 * HOUR] for true in crossings(flooded)
    ]
    assert all(leads)
    assert min(max(lead) for lead in leads) >= 4 * HOUR
    years = len(np.unique(flooded.index // (24 * HOUR))) / 365.25
    assert len(found) <= 1.5 * 12 * years


def test_rivers_without_floods_raise_no_warning(recordings: Path) -> None:
    folder = recordings / "logan_river"
    rivers = []
    for path in sorted(folder.glob("*.csv.gz")):
        frame = pd.read_csv(path, low_memory=False)
        if "stage" in frame:
            # A technician's -9999 stands for nothing measured.
            rivers.append(column(frame[frame["stage"] > -9000].iloc[::2], "stage", 0.01))
    frame, outcome = run(RateOfRise(), rivers)
    assert len(rivers) >= 5
    assert [begins(frame, outcome, place) for place in range(len(rivers))] == [[]] * len(rivers)
