"""Tsunamis on bottom pressure: stated synthetic seas, one real record, two stations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.association import Statement, Vote
from models.bank import Bank, Outcome
from models.detector import Watched
from models.detectors.tsunami_pressure import TsunamiPressure
from models.ocean import ALONE, CONFIRMED, SILENT, UNCONFIRMED, distance_m, one_wave
from records.levels import Level
from records.network import Device, Lab, Network, Series, Station
from records.statements import Phrase
from records.times import HOUR, MINUTE, SECOND, parse

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
START = 15_000 * 24 * HOUR
QUAKE = START + 30 * HOUR
ARRIVAL = QUAKE + 2 * HOUR


def run(times: Times, height: Floats) -> Outcome:
    bank = Bank(
        TsunamiPressure(), [Watched(id="a", quantity="water_column_height", unit="m", station="a")]
    )
    return bank.advance(np.zeros(len(times), np.intp), times, height)


def buoy() -> Times:
    """15 min until the quake, then two minutes of 15 s, four hours of 1 min, then 15 min."""
    parts = ((START, QUAKE, 15 * MINUTE), (QUAKE, QUAKE + 10 * MINUTE, 15 * SECOND),
             (QUAKE + 10 * MINUTE, QUAKE + 6 * HOUR, MINUTE),
             (QUAKE + 6 * HOUR, QUAKE + 24 * HOUR, 15 * MINUTE))  # fmt: skip
    return np.concatenate([np.arange(a, b, step, dtype=np.int64) for a, b, step in parts])


def ocean(times: Times, *, wave_m: float, seismic_m: float = 0.5, depth_m: float = 4300) -> Floats:
    """Tide of two constituents, millimetres of noise, a minute-long seismic train, a wave."""
    hours = (times - START) / HOUR
    height = depth_m + 0.6 * np.cos(2 * np.pi * hours / 12.42)
    height += 0.25 * np.cos(2 * np.pi * hours / 23.93 + 1)
    height += 0.002 * np.random.default_rng(3).standard_normal(len(times))
    shaking = np.maximum(times - QUAKE, 0) / SECOND
    ringing = np.exp(-shaking / 150) * np.sin(2 * np.pi * shaking / 27)
    height += seismic_m * ringing
    since = (times - ARRIVAL) / MINUTE
    tsunami = wave_m * np.sin(2 * np.pi * since / 25) * np.exp(-np.maximum(since, 0) / 120)
    return np.asarray(height + np.where(since > 0, tsunami, 0.0))


def warned(times: Times, outcome: Outcome) -> list[int]:
    on = outcome.level >= Level.ORANGE
    return [int(at) for at in times[on & ~np.r_[False, on[:-1]]]]


@pytest.mark.parametrize("depth_m", [0.0, 4300.0])
def test_the_wave_is_seen_and_the_stronger_seismic_train_is_not(depth_m: float) -> None:
    times = buoy()
    (begins,) = warned(times, run(times, ocean(times, wave_m=0.12, depth_m=depth_m)))
    assert 0 < begins - ARRIVAL <= 8 * MINUTE


def test_a_quake_without_a_wave_raises_nothing() -> None:
    times = buoy()
    assert warned(times, run(times, ocean(times, wave_m=0.0, seismic_m=2.0))) == []


def test_quarter_hour_readings_alone_begin_no_warning() -> None:
    times = np.arange(START, START + 60 * HOUR, 15 * MINUTE, dtype=np.int64)
    assert warned(times, run(times, ocean(times, wave_m=0.5))) == []


def test_single_spikes_are_no_waves() -> None:
    times = np.arange(START, START + 48 * HOUR, MINUTE, dtype=np.int64)
    height = ocean(times, wave_m=0.0, seismic_m=0.0)
    height[400::97] += 5.0
    assert warned(times, run(times, height)) == []


@pytest.mark.recordings
@pytest.mark.parametrize("kept", ["first", "last", "each"])
def test_the_chilean_tsunami_is_found_before_its_peak_and_its_quake_is_not(
    recordings: Path, kept: str
) -> None:
    """n = 1: DART 32412, 2010-02-27; detided, so the raw tide is put back as a test of its own.

    The record gives readings of every 15 s the time of their minute: the first or the last of a
    minute is kept, or each at a time of its own.
    """
    table = np.loadtxt(recordings / "tsunami_dart_chile2010" / "32412_notide.txt")
    table = table[np.argsort(table[:, 0], kind="stable")]
    again = np.r_[False, np.diff(table[:, 0]) == 0]
    if kept == "each":
        runs = np.arange(len(table)) - np.maximum.accumulate(
            np.where(again, 0, np.arange(len(table)))
        )
        table[:, 0] += 15.0 * np.minimum(runs, 3)
        again = np.r_[False, np.diff(table[:, 0]) == 0]
    table = table[~again] if kept != "last" else table[~np.r_[again[1:], False]]
    origin = parse("2010-02-27T06:34:14Z")
    times = origin + np.rint(table[:, 0] * SECOND).astype(np.int64)
    hours = table[:, 0] / 3600
    tide = 4325 + 0.8 * np.cos(2 * np.pi * hours / 12.42) + 0.3 * np.cos(2 * np.pi * hours / 23.93)
    for height in (table[:, 1], table[:, 1] + tide):
        begins = warned(times, run(times, height))
        assert len(begins) == 1
        assert 3 * HOUR < begins[0] - origin < 3 * HOUR + 16 * MINUTE


@pytest.mark.recordings
def test_the_chilean_quake_is_no_wave_where_readings_are_missing(recordings: Path) -> None:
    """Of few readings that shake a median is off by chance: a third lost, or every second one."""
    table = np.loadtxt(recordings / "tsunami_dart_chile2010" / "32412_notide.txt")
    table = table[(table[:, 0] > -10 * 3600) & (table[:, 0] < 4 * 3600)]
    dice = [np.random.default_rng(seed).random(len(table)) for seed in range(8)]
    every = np.arange(len(table)) % 2
    origin = parse("2010-02-27T06:34:14Z")
    for kept in (every == 0, every == 1, *(one > lost for lost in (0.2, 0.3) for one in dice)):
        left = table[kept]
        left = left[np.r_[np.diff(left[:, 0]) > 0, True]]  # the last of a minute, as in `detect`
        times = origin + np.rint(left[:, 0] * SECOND).astype(np.int64)
        begins = warned(times, run(times, left[:, 1]))
        assert len(begins) == 1
        assert 3 * HOUR < begins[0] - origin < 3 * HOUR + 16 * MINUTE


PLACES = {"north": (20.0, -110.0), "south": (14.0, -110.0), "near": (20.2, -110.0)}
APART_M = 667_170


def network(*names: str) -> Network:
    return Network(
        lab=(Lab(id="pacific"),),
        station=tuple(
            Station(id=n, lab="pacific", lat=PLACES[n][0], lon=PLACES[n][1]) for n in names
        ),
        device=tuple(Device(id=n, station=n) for n in names),
        series=tuple(
            Series(id=n, station=n, device=n, quantity="water_column_height", unit="m")
            for n in names
        ),
    )


def vote(station: str, level: Level, onset_s: float = 0.0, shaken_s: float = 1e9) -> Vote:
    onset_at = ARRIVAL + round(onset_s * SECOND)
    return Vote(
        watched=Watched(id=station, quantity="water_column_height", unit="m", station=station),
        level=level,
        changed_at=onset_at,
        onset_at=onset_at,
        evidence={"residual": -0.06, "shaken_s": shaken_s},
    )


def said(*votes: Vote, before: dict[str, Statement] | None = None) -> list[Statement]:
    names = [v.watched.station for v in votes]
    return TsunamiPressure().associate(votes, network(*names), before or {}, ARRIVAL)


def test_distances_are_great_circles() -> None:
    north, south = network("north", "south").station
    assert distance_m(north, south) == pytest.approx(APART_M, rel=1e-4)


def test_one_station_of_one_is_orange() -> None:
    (statement,) = said(vote("north", Level.ORANGE))
    assert (statement.level, statement.area) == (Level.ORANGE, "pacific")
    assert statement.reason == Phrase(text=ALONE, values={"station": "north", "residual": 0.06})


def test_one_station_of_two_is_yellow() -> None:
    (statement,) = said(vote("north", Level.RED), vote("south", Level.GREEN))
    assert (statement.level, statement.stations) == (Level.YELLOW, ("north",))
    assert statement.reason.text == UNCONFIRMED


def test_two_stations_that_a_wave_joins_are_orange() -> None:
    (statement,) = said(vote("north", Level.ORANGE), vote("south", Level.ORANGE, 3300))
    assert (statement.level, statement.stations) == (Level.ORANGE, ("north", "south"))
    assert statement.onset_at == ARRIVAL
    assert statement.reason == Phrase(
        text=CONFIRMED, values={"stations": "north, south", "residual": 0.06, "distance": 667}
    )


def test_two_stations_of_which_one_is_red_are_red() -> None:
    (statement,) = said(vote("north", Level.ORANGE), vote("south", Level.RED, 3300))
    assert statement.level == Level.RED


def test_two_stations_that_no_wave_joins_stay_yellow() -> None:
    (statement,) = said(vote("north", Level.ORANGE), vote("south", Level.ORANGE, 3 * 3600))
    assert statement.level == Level.YELLOW


def test_equal_onsets_count_unless_the_ground_shook_just_before() -> None:
    """A wave from the side comes at once to both; so do seismic waves."""
    calm = said(vote("north", Level.ORANGE), vote("south", Level.ORANGE, 60))
    shaken = said(vote("north", Level.ORANGE, 0, 120), vote("south", Level.ORANGE, 60))
    assert [s.level for s in calm + shaken] == [Level.ORANGE, Level.YELLOW]


def test_two_sensors_of_one_station_are_one_station() -> None:
    one = vote("north", Level.ORANGE)
    (statement,) = TsunamiPressure().associate((one, one), network("north"), {}, ARRIVAL)
    assert statement.reason.text == ALONE


def test_a_station_that_falls_silent_clears_nothing() -> None:
    standing = said(vote("north", Level.ORANGE), vote("south", Level.ORANGE, 3300))
    kept = said(
        vote("north", Level.ORANGE), vote("south", Level.GREY), before={"pacific": standing[0]}
    )
    assert kept == standing


def test_when_every_station_is_silent_the_area_is_blind() -> None:
    (statement,) = said(vote("north", Level.GREY), vote("south", Level.GREY))
    assert (statement.level, statement.reason.text) == (Level.GREY, SILENT)


def test_nothing_is_said_while_all_is_quiet() -> None:
    assert said(vote("north", Level.GREEN), vote("south", Level.GREEN)) == []


def test_the_travel_time_rule() -> None:
    assert one_wave(APART_M, 7000, shaken=True)
    assert not one_wave(APART_M, 8000, shaken=False)
    assert not one_wave(APART_M, 600, shaken=True)


@pytest.mark.parametrize("step", [15 * SECOND, MINUTE])
def test_a_station_that_fell_silent_while_it_shook_sees_again_later(step: int) -> None:
    """The last reading before an outage of 1.5 h stands off by 5 cm, as seismic waves make it."""
    times = np.r_[
        np.arange(START, START + 8 * HOUR, step),
        np.arange(START + 9.5 * HOUR, START + 20 * HOUR, step),
    ].astype(np.int64)
    height = 3000 + 0.8 * np.sin(2 * np.pi * (times - START) / (12.42 * HOUR))
    height[np.searchsorted(times, START + 8 * HOUR) - 1] += 0.05
    score = run(times, height).score
    assert np.isfinite(score[times > START + 13 * HOUR]).all()


def tide_of(step: int) -> tuple[Times, Floats]:
    times = np.arange(START, START + 40 * HOUR, step, dtype=np.int64)
    noise = 0.0008 * np.random.default_rng(4).standard_normal(len(times))
    return times, 4200 + 0.8 * np.sin(2 * np.pi * (times - START) / (12.42 * HOUR)) + noise


@pytest.mark.parametrize("step", [15 * SECOND, MINUTE])
@pytest.mark.parametrize("value", [0.0, 9999.0, 4150.0])
@pytest.mark.parametrize("count", [1, 4, 13, 200])
def test_readings_that_are_no_depth_raise_nothing(step: int, value: float, count: int) -> None:
    times, height = tide_of(step)
    first = len(times) // 2
    height[first : first + count] = value
    assert run(times, height).level.max() == Level.GREEN


@pytest.mark.parametrize("step", [15 * SECOND, MINUTE])
@pytest.mark.parametrize("lasts_min", [20, 32, 50, 100])
def test_a_sensor_that_is_lifted_for_a_while_raises_nothing(step: int, lasts_min: int) -> None:
    times, height = tide_of(step)
    first = int(np.searchsorted(times, START + 25 * HOUR))
    lifted = slice(first, first + lasts_min * MINUTE // step)
    height[lifted] += 4150 - height[first]
    outcome = run(times, height)
    assert outcome.level.max() == Level.GREEN
    assert np.isfinite(outcome.score[times > START + 31 * HOUR]).all()


@pytest.mark.parametrize("step", [15 * SECOND, MINUTE])
@pytest.mark.parametrize("gap_min", [35, 90])
def test_one_reading_of_nothing_after_a_gap_raises_nothing(step: int, gap_min: int) -> None:
    times, height = tide_of(step)
    gone = (times >= START + 25 * HOUR) & (times < START + 25 * HOUR + gap_min * MINUTE)
    times, height = times[~gone], height[~gone]
    height[np.searchsorted(times, START + 25 * HOUR)] = 0.0
    assert run(times, height).level.max() == Level.GREEN
