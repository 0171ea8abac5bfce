"""The final verdicts against ioos_qc, test by test, on recordings and on series of any kind."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ioos_qc import qartod as oracle
from numpy.typing import NDArray

from ingest import qartod
from ingest.qartod import Stretch
from records.levels import Check, Flag
from records.rules import (
    Attenuated,
    FlatLine,
    Gap,
    GrossRange,
    Limit,
    Neighbour,
    Season,
    Spike,
    Tests,
)
from records.times import SECOND

START = 1_700_000_000 * SECOND
Series = tuple[NDArray[np.int64], NDArray[np.float64]]


def stretch(series: Series, tests: Tests, **rest: Any) -> Stretch:
    at, value = series
    return Stretch(at, at, value, tests, **rest)


def ours(series: Series, tests: Tests, check: Check, **rest: Any) -> list[int]:
    found: list[int] = qartod.judge([stretch(series, tests, **rest)])[check].tolist()
    return found


def flags(found: Any) -> list[int]:
    return [int(flag) for flag in np.ma.getdata(found)]


def interval_s(series: Series) -> float:
    """As ioos_qc finds it: the median of all, in whole seconds."""
    steps = np.median(np.diff(series[0].view("datetime64[us]").astype("datetime64[ns]")))
    return float(steps.astype("timedelta64[s]").astype(float))


def gross_range(series: Series) -> tuple[list[int], list[int]]:
    rule = GrossRange(fail=(-3, 4), suspect=(-2, 2.5))
    theirs = oracle.gross_range_test(series[1], rule.fail, rule.suspect)
    return ours(series, Tests(gross_range=rule), Check.GROSS_RANGE), flags(theirs)


def climatology(series: Series) -> tuple[list[int], list[int]]:
    seasons = (
        Season(month=(6, 8), suspect=(-2, 2), fail=(-4, 4)),
        Season(hour=(5, 17), suspect=(-1, 3)),
        Season(dayofyear=(1, 40), suspect=(0, 1), fail=(-1, 2)),
    )
    config = oracle.ClimatologyConfig()
    for season, period in zip(seasons, ("month", "hour", "dayofyear"), strict=True):
        config.add(getattr(season, period), season.suspect, season.fail, None, period)
    theirs = oracle.climatology_test(
        config, series[1], moments(series), np.full(len(series[1]), np.nan)
    )
    return ours(series, Tests(climatology=seasons), Check.CLIMATOLOGY), flags(theirs)


def spike(series: Series) -> tuple[list[int], list[int]]:
    found, wanted = [], []
    for method in ("average", "differential"):
        rule = Spike(suspect=0.7, fail=2.2, method=method)
        found += ours(series, Tests(spike=rule), Check.SPIKE)
        wanted += flags(oracle.spike_test(masked(series[1]), 0.7, 2.2, method))
    return found, wanted


def rate_of_change(series: Series) -> tuple[list[int], list[int]]:
    rule = Limit(suspect=0.013, fail=0.31)
    theirs = oracle.rate_of_change_test(masked(series[1]), moments(series), 0.013, 0.31)
    return ours(series, Tests(rate_of_change=rule), Check.RATE_OF_CHANGE), flags(theirs)


def flat_line(series: Series) -> tuple[list[int], list[int]]:
    if len(series[0]) < 3 or interval_s(series) < 1:
        return [], []
    every = interval_s(series)
    rule = FlatLine(suspect_s=3 * every + 0.5, fail_s=6 * every, tolerance=0.6)
    theirs = oracle.flat_line_test(
        masked(series[1]), moments(series), rule.suspect_s, rule.fail_s, rule.tolerance
    )
    return ours(series, Tests(flat_line=rule), Check.FLAT_LINE, interval_s=every), flags(theirs)


def attenuated_signal(series: Series) -> tuple[list[int], list[int]]:
    found, wanted = [], []
    period = 5000
    for kind in ("std", "range"):
        # Odd limits: no window of the tenths here deviates by just that, where roundings differ.
        rule = Attenuated(suspect=0.73217, fail=0.23219, period_s=period, min_obs=3, kind=kind)
        found += ours(series, Tests(attenuated_signal=rule), Check.ATTENUATED_SIGNAL)
        wanted += flags(
            oracle.attenuated_signal_test(
                series[1], moments(series), rule.suspect, rule.fail, period, 3, None, kind
            )
        )
    return found, wanted


def gap(series: Series) -> tuple[list[int], list[int]]:
    if len(series[0]) < 2:
        return [], []
    theirs = oracle.time_gap_test(moments(series), 1.5)
    return ours(series, Tests(gap=Gap(fail_s=5400)), Check.GAP), flags(theirs)


ALL = (gross_range, climatology, spike, rate_of_change, flat_line, attenuated_signal, gap)
Pair = Callable[[Series], tuple[list[int], list[int]]]


def moments(series: Series) -> NDArray[np.datetime64]:
    return series[0].view("datetime64[us]").astype("datetime64[ns]")


def masked(value: NDArray[np.float64]) -> Any:
    return np.ma.MaskedArray(value, np.zeros(len(value), np.bool_))


@st.composite
def any_series(draw: st.DrawFn) -> Series:
    """Irregular times with gaps, values in tenths with runs, NaN left out as ingest leaves it."""
    steps = st.sampled_from((0.25, 1, 59, 60, 60, 61, 600, 3600, 5400, 5401, 40_000, 9e6))
    number = st.one_of(
        st.sampled_from((0.0, 0.1, np.nan)), st.integers(-60, 60).map(lambda n: n / 10)
    )
    size = draw(st.integers(1, 60))
    step = draw(st.lists(steps, min_size=size, max_size=size))
    value = np.array(draw(st.lists(number, min_size=size, max_size=size)))
    at = START + (np.cumsum(step) * SECOND).astype(np.int64)
    there = ~np.isnan(value)
    if not there.any():
        there[0], value[0] = True, 0.0
    return at[there], value[there]


@pytest.mark.parametrize("pair", ALL, ids=lambda pair: pair.__name__)
@settings(max_examples=60)
@given(series=any_series())
def test_each_test_gives_the_flags_of_ioos_qc(pair: Pair, series: Series) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, wanted = pair(series)
    assert found == wanted


def recorded(folder: Path, name: str, time: str, value: str) -> Series:
    """A recording's finite values by time, in deviations from their median."""
    with gzip.open(folder / name, "rt") as file:
        table = pd.read_csv(file, comment="#", skipinitialspace=True, quotechar="'")
    table.columns = table.columns.str.strip("' ")
    at = pd.to_datetime(table[time], utc=True).to_numpy("datetime64[us]").astype(np.int64)
    number = table[value].to_numpy(np.float64)
    order = np.argsort(at, kind="stable")
    at, number = at[order], number[order]
    keep = np.append(at[1:] != at[:-1], True) & np.isfinite(number)
    at, number = at[keep], number[keep]
    return at, (number - np.median(number)) / np.std(number)


RECORDINGS = (
    ("ioos_qartod/20363_1000427.csv.gz", "time", "value"),
    ("ioos_qartod/water_level_example.csv.gz", "time", "sea_surface_height_above_sea_level"),
    ("logan_river/FB2017.csv.gz", "datetime", "temp"),
    ("logan_river/WaterLab2020.csv.gz", "datetime", "turb"),
)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording[0])
def test_recordings_get_the_flags_of_ioos_qc(
    recording: tuple[str, str, str], recordings: Path
) -> None:
    series = recorded(recordings, *recording)
    for pair in ALL:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, wanted = pair(series)
        assert found == wanted, pair.__name__


def test_a_season_and_an_hour_hold_together() -> None:
    """As ioos_qc's test of the months on the rows of those hours alone."""
    at = START + np.arange(0, 400 * 86400, 5000, dtype=np.int64) * SECOND
    series = at, np.resize(np.arange(-5, 5.0), len(at))
    night = (at // (3600 * SECOND)) % 24 <= 4
    config = oracle.ClimatologyConfig()
    config.add((6, 8), (-1, 2), (-3, 3), None, "month")
    part = at[night], series[1][night]
    theirs = oracle.climatology_test(config, part[1], moments(part), np.full(len(part[0]), np.nan))
    wanted = np.full(len(at), Flag.NOT_EVALUATED)
    wanted[night] = flags(theirs)
    season = Season(month=(6, 8), hour=(0, 4), suspect=(-1, 2), fail=(-3, 3))
    assert ours(series, Tests(climatology=(season,)), Check.CLIMATOLOGY) == wanted.tolist()


def test_a_value_far_from_the_median_of_its_neighbours_is_doubted() -> None:
    at = START + np.arange(4, dtype=np.int64) * 60 * SECOND
    rule = Neighbour(series=("a", "b", "c"), suspect=1, fail=5, within_s=30, least=2)
    others = (
        (at + 10 * SECOND, np.array([1.0, 1, 1, 1])),
        (at - 20 * SECOND, np.array([2.0, 2, 2, 2])),
        (at[:2], np.array([30.0, 3])),
    )
    value = np.array([2.5, 9, 2.6, 1.5])
    found = ours((at, value), Tests(neighbour=rule), Check.NEIGHBOUR, neighbours=others)
    assert found == [1, 4, 3, 1]
    one = ours((at, value), Tests(neighbour=rule), Check.NEIGHBOUR, neighbours=others[:1])
    assert one == [2, 2, 2, 2]


def test_what_no_test_could_judge_is_not_good_and_a_gap_doubts_no_value() -> None:
    at = START + np.array([0, 60, 9000, 9060], np.int64) * SECOND
    tests = Tests(gap=Gap(fail_s=600), spike=Spike(suspect=5), gross_range=GrossRange(fail=(0, 9)))
    found = qartod.judge([stretch((at, np.array([1.0, 1, 1, 10])), tests)])
    assert found[Check.GAP].tolist() == [1, 1, 4, 1]
    assert qartod.roll_up(found).tolist() == [2, 1, 1, 4]


def test_stretches_do_not_touch_each_other() -> None:
    tests = Tests(
        spike=Spike(suspect=1), rate_of_change=Limit(suspect=0.01), gap=Gap(fail_s=100),
        flat_line=FlatLine(suspect_s=120, tolerance=0.1),
        attenuated_signal=Attenuated(suspect=0.2, period_s=300, kind="range"),
    )  # fmt: skip
    at = START + np.arange(9, dtype=np.int64) * 60 * SECOND
    pieces = [
        stretch((at[:n], np.resize(np.array([n, n, n, 0.0]), n)), tests, interval_s=60)
        for n in (1, 2, 9, 4)
    ]
    together = qartod.judge(pieces)
    alone = [qartod.judge([piece]) for piece in pieces]
    for check, flag in together.items():
        assert flag.tolist() == np.concatenate([one[check] for one in alone]).tolist()
