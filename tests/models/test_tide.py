"""The extrapolated tide: exact for cubics, Mofjeld's weights, gaps and new datums."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models import tide
from models.detector import Rows, State
from records.times import HOUR, MINUTE, SECOND

HERE = np.array([0])
START = 20_000 * 24 * HOUR
MOFJELD = (1.16818457, -0.28197559, 0.14689746, -0.03310645)


def fresh() -> State:
    return {name: slot.array(1) for name, slot in tide.slots().items()}


def row(at: int) -> Rows:
    unknown = np.array([np.nan])
    return Rows(HERE, np.array([at]), unknown, unknown, slice(0, 1))


def told(times: NDArray[np.int64], values: NDArray[np.float64]) -> State:
    """The state after these values, as a detector tells them: predict, then keep."""
    state = fresh()
    for at, value in zip(times.tolist(), values.tolist(), strict=True):
        tide.predicted(row(at), state)
        tide.keep(row(at), np.array([value]), state)
    return state


def predicted(state: State, at: int) -> float:
    return float(tide.predicted(row(at), state)[0])


def minutes(first: int, last: int) -> NDArray[np.int64]:
    return START + MINUTE * np.arange(first, last, dtype=np.int64)


def test_a_cubic_goes_on_exactly_whatever_the_rate() -> None:
    random = np.random.default_rng(1)
    times = START + np.cumsum(random.integers(20, 200, 300)) * SECOND
    hours = (times - START) / HOUR

    def cubic(h: NDArray[np.float64]) -> NDArray[np.float64]:
        return 3 - 2 * h + 0.5 * h**2 - 0.04 * h**3

    state = told(times, cubic(hours))
    at = int(times[-1]) + 30 * SECOND
    wanted = float(cubic(np.array([(at - START) / HOUR]))[0])
    # A mean of a cubic is not the cubic at the mean time; over ten minutes that is millimetres.
    assert predicted(state, at) == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize(("node", "weight"), list(enumerate(MOFJELD)))
def test_even_data_have_mofjelds_weights(node: int, weight: float) -> None:
    # Sixty readings from half a second on, so that each mean stands in the middle of its ten
    # minutes; 5.25 minutes after the middle of the newest one.
    times = START + 10 * SECOND * np.arange(6 * 240, dtype=np.int64) + 5 * SECOND
    age = START + 4 * HOUR - times
    marked = (age > node * HOUR) & (age <= node * HOUR + 10 * MINUTE)
    state = told(times, marked.astype(np.float64))
    at = START + 4 * HOUR - 5 * MINUTE + round(5.25 * MINUTE)
    assert predicted(state, at) == pytest.approx(weight, abs=1e-6)


def test_the_tide_is_unknown_until_there_are_three_means() -> None:
    assert np.isnan(predicted(told(minutes(0, 105), np.zeros(105)), int(minutes(105, 106)[0])))
    assert predicted(told(minutes(0, 125), np.zeros(125)), int(minutes(125, 126)[0])) == 0.0


def test_three_means_make_a_parabola() -> None:
    times = minutes(0, 150)
    hours = (times - START) / HOUR
    state = told(times, 1 + hours - 0.3 * hours**2)
    at = int(minutes(150, 151)[0])
    assert predicted(state, at) == pytest.approx(1 + 2.5 - 0.3 * 6.25, abs=0.002)


def semidiurnal(times: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(1.2 * np.cos(2 * np.pi * (times - START) / (12.42 * HOUR)))


@pytest.mark.parametrize(("gap_min", "known"), [(20, True), (50, True), (70, False)])
def test_what_was_before_a_long_gap_does_not_count(gap_min: int, known: bool) -> None:
    times = np.r_[minutes(0, 3000), minutes(3000 + gap_min, 3020 + gap_min)]
    state = told(times, semidiurnal(times))
    at = minutes(3020 + gap_min, 3021 + gap_min)
    assert np.isfinite(predicted(state, int(at[0]))) == known


def test_a_shift_moves_what_is_predicted() -> None:
    state = told(minutes(0, 300), np.full(300, 2.0))
    at = int(minutes(300, 301)[0])
    assert predicted(state, at) == pytest.approx(2.0)
    tide.shift(HERE, np.array([0.5]), state)
    assert predicted(state, at) == pytest.approx(2.5)
    assert predicted(state, at + 10 * MINUTE) == pytest.approx(2.5)


def test_the_tide_is_learned_anew_where_readings_stay_off_it() -> None:
    state = told(minutes(0, 300), np.full(300, 2.0))
    off_for = {}
    for minute in range(300, 500):
        at = row(int(minutes(minute, minute + 1)[0]))
        off = np.array([minute >= 310])
        if len(tide.forget_lost(at, off, 90 * MINUTE, state)):
            off_for[minute] = predicted(state, int(at.measured_at[0]))
    assert list(off_for) == [400, 491]
    assert all(np.isnan(value) for value in off_for.values())
