"""What was heard of each series: its clock by the least lag, and whether it lives."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Floats
from models.hearing import Hearing
from records.times import SECOND

Arrivals = tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64], Floats]
IDS = ("right", "slow")
SLOW = 1800 * SECOND
T0 = 1_700_000_040 * SECOND


def arrivals(seconds: int = 200) -> Arrivals:
    """Two series, a reading a second, up to 2 s under way; one clock is half an hour slow."""
    random = np.random.default_rng(1)
    measured_at = np.tile(T0 + np.arange(seconds) * SECOND, 2)
    place = np.repeat(np.arange(2), seconds)
    received_at = measured_at + random.integers(SECOND // 10, 2 * SECOND, 2 * seconds)
    measured_at = measured_at - SLOW * place
    order = np.argsort(received_at, kind="stable")
    value = random.normal(size=2 * seconds)
    return place[order], received_at[order], measured_at[order], value[order]


def heard(*parts: Arrivals) -> Hearing:
    hearing = Hearing(len(IDS))
    for part in parts:
        hearing.advance(*part)
    return hearing


def cut(given: Arrivals, rows: slice | NDArray[np.bool_]) -> Arrivals:
    place, received_at, measured_at, value = given
    return place[rows], received_at[rows], measured_at[rows], value[rows]


def test_a_lag_is_the_least_of_the_last_minute_or_two() -> None:
    hearing = heard(arrivals())
    for place, slow in enumerate((0, SLOW)):
        assert hearing.lag(place) - slow == pytest.approx(SECOND / 10, abs=SECOND / 10)
        assert hearing.heard_at(place) == pytest.approx(T0 + 199 * SECOND, abs=3 * SECOND)


def test_a_clock_that_is_set_is_known_two_minutes_later() -> None:
    place, received_at, measured_at, value = arrivals(400)
    late = place == 0
    measured_at = np.where(
        late & (received_at > T0 + 100 * SECOND), measured_at - SLOW, measured_at
    )
    hearing = heard((place, received_at, measured_at, value))
    assert hearing.lag(0) == pytest.approx(SLOW, abs=SECOND)


def test_a_channel_that_repeats_one_value_hears_nothing() -> None:
    place, received_at, measured_at, value = arrivals()
    stuck = (place == 1) & (received_at > T0 + 50 * SECOND)
    hearing = heard((place, received_at, measured_at, np.where(stuck, 0.25, value)))
    assert hearing.heard_at(1) == pytest.approx(T0 + 50 * SECOND, abs=3 * SECOND)
    assert hearing.heard_at(0) == pytest.approx(T0 + 199 * SECOND, abs=3 * SECOND)


def test_nothing_heard_is_not_known() -> None:
    assert Hearing(2).heard_at(0) is None
    assert Hearing(2).lag(0) == 0


@pytest.mark.parametrize("first", [1, 77, 240])
def test_neither_a_cut_nor_a_restart_changes_what_was_heard(first: int) -> None:
    whole = arrivals()
    resumed = heard(cut(whole, slice(0, first)))
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(resumed.save(IDS)))
    again = Hearing(len(IDS))
    again.load(IDS, saved)
    again.advance(*cut(whole, slice(first, None)))
    assert msgspec.msgpack.encode(again.save(IDS)) == msgspec.msgpack.encode(heard(whole).save(IDS))


def test_what_is_listened_to_ends_where_somebody_decides() -> None:
    whole = arrivals()
    hearing = Hearing(len(IDS))
    hearing.asked[:] = True
    with hearing.listening(*whole) as hear:
        hear(int(whole[1][99]), 99)
        assert hearing.save(IDS) == heard(cut(whole, slice(0, 100))).save(IDS)
    assert hearing.save(IDS) == heard(whole).save(IDS)


def test_what_was_saved_before_swings_were_kept_is_taken_over() -> None:
    saved = heard(arrivals()).save(IDS)
    del saved["swings"]
    again = Hearing(len(IDS))
    again.load(IDS, saved)
    assert again.lag(1) == heard(arrivals()).lag(1)
