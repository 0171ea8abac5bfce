"""How far series swung within single seconds: the third largest of the last ones counts."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Floats
from models.swings import LATELY_S, Swings
from records.times import SECOND

Arrivals = tuple[NDArray[np.intp], NDArray[np.int64], Floats]
IDS = ("a", "b")
T0 = 1_700_000_000 * SECOND
STEP = SECOND // 10


def swung(*amplitudes: float, offset: float = 981.0) -> Arrivals:
    """A second of ten arrivals of series "a" for each amplitude, about an offset."""
    received_at = T0 + STEP * np.arange(10 * len(amplitudes), dtype=np.int64)
    sign = np.where(np.arange(len(received_at)) % 2, 1.0, -1.0)
    value = offset + sign * np.repeat(amplitudes, 10)
    return np.zeros(len(received_at), np.intp), received_at, value


def heard(*parts: Arrivals) -> Swings:
    swings = Swings(len(IDS))
    for part in parts:
        swings.advance(*part)
    return swings


def cut(given: Arrivals, rows: slice) -> Arrivals:
    place, received_at, value = given
    return place[rows], received_at[rows], value[rows]


def strongest(given: Arrivals) -> float:
    return heard(given).strongest(0, int(given[1][-1]))


def test_the_third_largest_swing_counts_whatever_the_offset() -> None:
    assert strongest(swung(1.0, 5.0, 3.0, 2.0)) == pytest.approx(2.0)


@pytest.mark.parametrize("first", range(70, 80))
def test_a_single_blow_does_not_count_wherever_in_a_second_it_falls(first: int) -> None:
    place, received_at, value = swung(*[0.5] * 15)
    value[first : first + 9 : 2] += 400.0
    assert strongest((place, received_at, value)) == pytest.approx(0.5)


def test_what_was_felt_earlier_does_not_count() -> None:
    assert strongest(swung(9.0, 9.0, 9.0, *[0.5] * LATELY_S)) == pytest.approx(0.5)
    assert strongest(swung(9.0, 9.0, 9.0, *[0.5] * (LATELY_S - 3))) == pytest.approx(9.0)
    shaken = swung(9.0, 9.0, 9.0)
    later = int(shaken[1][-1]) + LATELY_S * SECOND
    assert heard(shaken).strongest(0, later) == 0.0


def test_nothing_heard_is_nothing_felt() -> None:
    assert Swings(1).strongest(0, T0) == 0.0
    assert strongest(swung(7.0, 7.0)) == 0.0


@pytest.mark.parametrize("first", [1, 7, 199, 555])
def test_neither_a_cut_nor_a_restart_changes_what_is_known(first: int) -> None:
    random = np.random.default_rng(3)
    received_at = T0 + np.sort(random.integers(0, 60 * SECOND, 600))
    whole = random.integers(0, 2, 600).astype(np.intp), received_at, random.normal(size=600)
    resumed = heard(cut(whole, slice(0, first)))
    again = Swings(len(IDS))
    again.load(IDS, msgspec.msgpack.decode(msgspec.msgpack.encode(resumed.save(IDS))))
    again.advance(*cut(whole, slice(first, None)))
    assert msgspec.msgpack.encode(again.save(IDS)) == msgspec.msgpack.encode(heard(whole).save(IDS))
    now_at = int(received_at[-1])
    for place in range(2):
        assert again.strongest(place, now_at) == heard(whole).strongest(place, now_at) > 0
