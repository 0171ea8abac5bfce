"""Storm surges: the tide from its constituents, the weather on top, and a chance of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models import harmonics
from models.bank import Outcome
from models.detect import detect
from models.detector import Floats, Watched
from models.detectors.storm_surge import StormSurge
from models.evaluation.contingency import FEW_EVENTS
from models.evaluation.probability import brier
from models.evaluation.spans import runs
from models.joint import Recording
from models.runner import Runner
from records.errors import InputError
from records.levels import Level
from records.times import HOUR, text

START = 438_000 * HOUR
HORIZON = 6 * HOUR


def gauge(days: int, seed: int = 1) -> tuple[harmonics.Times, Floats]:
    """Hourly sea level (m): a mixed tide, and weather that forgets itself within two days."""
    random = np.random.default_rng(seed)
    at = START + np.arange(days * 24) * HOUR
    hours = at / HOUR
    level = 1.5 + 0.5 * np.cos(np.radians(28.9841042 * hours))
    level += 0.2 * np.cos(np.radians(30.0 * hours) + 1) + 0.3 * np.sin(
        np.radians(15.0410686 * hours)
    )
    weather = np.zeros(len(at))
    for row in range(1, len(at)):
        weather[row] = 0.97 * weather[row - 1] + 0.03 * random.standard_normal()
    return at, level + weather + 0.005 * random.standard_normal(len(at))


def run(at: harmonics.Times, level: Floats, fit_until: int, threshold: float) -> Outcome:
    watched = (Watched(id="gauge", quantity="sea_level", unit="m"),)
    detector = StormSurge(
        fit_until=text(fit_until),
        target="gauge",
        threshold=threshold,
        horizon_s=HORIZON / 1e6,
    )
    runner = Runner(detector, watched)
    recording = Recording(watched, np.zeros(len(at), np.intp), at, level)
    runner.add(recording.place, at, level)
    return runner.judge(int(at[-1]))[1]


def highest(at: harmonics.Times, level: Floats) -> Floats:
    """Of the horizon after each row; NaN where it is not over."""
    last = np.searchsorted(at, at + HORIZON, side="right")
    whole = (at + HORIZON <= at[-1]) & (last > np.arange(1, len(at) + 1))
    found = np.full(len(at), np.nan)
    for row in np.flatnonzero(whole).tolist():
        found[row] = level[row + 1 : last[row]].max()
    return found


def tide_alone(tide: harmonics.Tide, at: harmonics.Times) -> Floats:
    hours = [tide.at(at + HOUR * later) for later in range(1, HORIZON // HOUR + 1)]
    found: Floats = np.max(hours, axis=0)
    return found


def test_the_tide_is_told_from_the_weather_and_from_spikes() -> None:
    at, level = gauge(120)
    level[::50] += 5.0
    tide = harmonics.fitted(at, level)
    assert tide is not None
    true, _ = gauge(240, seed=1)
    later = np.radians(28.9841042 * true / HOUR)
    expected = 1.5 + 0.5 * np.cos(later) + 0.2 * np.cos(np.radians(30.0 * true / HOUR) + 1)
    expected += 0.3 * np.sin(np.radians(15.0410686 * true / HOUR))
    assert np.abs(tide.at(true) - expected).max() < 0.2
    assert tide.at(true[100:101])[0] == tide.at(true)[100]


def test_a_short_series_has_no_tide() -> None:
    at, level = gauge(10)
    assert harmonics.fitted(at, level) is None


def test_chances_are_better_than_those_of_the_tide_alone() -> None:
    at, level = gauge(500)
    half = int(at[250 * 24])
    threshold = float(np.quantile(level, 0.97))
    score = run(at, level, half, threshold).score
    ahead = highest(at, level)
    judged = (at > half) & ~np.isnan(ahead) & ~np.isnan(score)
    happened = ahead[judged] > threshold
    tide = harmonics.fitted(at[at <= half], level[at <= half])
    assert tide is not None
    null = (tide_alone(tide, at[judged]) > threshold).astype(np.float64)
    climate = np.full(judged.sum(), happened.mean())
    chance = score[judged]
    assert len(runs(at[judged], happened)) >= FEW_EVENTS
    best = min(brier(null, happened), brier(climate, happened))
    assert brier(chance, happened) < 0.6 * best
    sure = chance > 0.8
    assert happened[sure].mean() > 0.75


def test_a_spike_makes_no_warning() -> None:
    at, level = gauge(140)
    level[-200] += 1.5
    outcome = run(at, level, int(at[100 * 24]), 3.4)
    assert outcome.level.max() < Level.ORANGE


@pytest.mark.parametrize("high", [True, False])
def test_a_stuck_gauge_makes_no_warning(tmp_path: Path, high: bool) -> None:
    """It stops at the top of a tide, or near it, and stays there for ten days."""
    at, level = gauge(160, seed=3)
    top = 150 * 24 + int(np.argmax(level[150 * 24 : 151 * 24]))
    level[top if high else top + 1 :] = level[top if high else top + 1]
    level[top + 6 :: 7] = -9999.0
    lines = [f"{text(int(t))},{v!r}" for t, v in zip(at, level.tolist(), strict=True)]
    (tmp_path / "in.csv").write_text("\n".join(["measured_at,g:sea_level:m", *lines]))
    detect("storm-surge", tmp_path / "in.csv", tmp_path / "out.csv", {})
    said = pd.read_csv(tmp_path / "out.csv")["level"][top - 24 :]
    assert not said.isin(["orange", "red"]).any()


def test_two_gauges_need_a_target() -> None:
    gauges = [Watched(id=name, quantity="sea_level", unit="m") for name in ("a", "b")]
    with pytest.raises(InputError, match="needs the parameter target"):
        StormSurge().aimed(gauges).check(gauges)
    assert StormSurge().aimed(gauges[:1]).target == "a"


def test_without_a_threshold_the_highest_water_of_the_past_is_one(tmp_path: Path) -> None:
    at, level = gauge(200)
    level[-40:-20] += 1.5
    lines = [f"{text(int(t))},{v!r}" for t, v in zip(at, level.tolist(), strict=True)]
    (tmp_path / "in.csv").write_text("\n".join(["measured_at,g:sea_level:m", *lines]))
    count = detect("storm-surge", tmp_path / "in.csv", tmp_path / "out.csv", {})
    table = pd.read_csv(tmp_path / "out.csv")
    assert count == len(at) == len(table)
    warned = table["level"].isin(["orange", "red"])
    assert warned[len(at) - 40 : len(at) - 20].any()
    assert warned[: len(at) - 40].mean() < 0.02


@pytest.mark.recordings
def test_at_a_coast_with_surges_it_beats_the_tide_alone(recordings: Path) -> None:
    """Port Kembla 2012 to 2014, the second half: 27 stretches over the 99.5 % level."""
    table = pd.read_csv(recordings / "tide_australia" / "PortKembla.csv.gz").dropna()
    at = pd.to_datetime(table["DateTime"]).to_numpy().astype("datetime64[us]").astype(np.int64)
    level = table["SeaLevel"].to_numpy(np.float64)
    half, threshold = int(at[len(at) // 2]), float(np.quantile(level, 0.995))
    outcome = run(at, level, half, threshold)
    ahead = highest(at, level)
    judged = (at > half) & ~np.isnan(ahead)
    happened = ahead[judged] > threshold
    warned = outcome.level[judged] >= Level.ORANGE
    tide = harmonics.fitted(at[at <= half], level[at <= half])
    assert tide is not None
    null = tide_alone(tide, at[judged])

    def csi(said: np.ndarray) -> float:
        return float((said & happened).sum() / (said | happened).sum())

    best = max(csi(null > threshold - lower) for lower in np.arange(-0.2, 0.2, 0.02))
    assert csi(warned) > best + 0.1
