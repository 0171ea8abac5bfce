"""The least magnitude by what was felt: the published formula, turned round, less its scatter."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.magnitude import FEWEST, HIGHEST, S_KM_PER_S, at_least

SCATTER = 0.27
LATER_S = 100.0


def felt_gal(magnitude: float, distance_km: float, depth_km: float) -> float:
    """Si and Midorikawa 1999, a crustal earthquake."""
    near = math.log10(distance_km + 0.0055 * 10 ** (0.5 * magnitude))
    return float(10 ** (0.5 * magnitude + 0.0043 * depth_km + 0.61 - near - 0.003 * distance_km))


@pytest.mark.parametrize("magnitude", [4.0, 5.5, 7.0, 8.0])
@pytest.mark.parametrize("distance_km", [12.0, 50.0, 200.0])
def test_the_formula_is_turned_round_and_its_scatter_taken_off(
    magnitude: float, distance_km: float
) -> None:
    peak_gal = felt_gal(magnitude, distance_km, 35.0) * 10**SCATTER
    found = at_least([(peak_gal, distance_km)] * FEWEST, 35.0, LATER_S)
    assert found == pytest.approx(magnitude)


def test_it_is_seldom_above_the_truth_when_everything_was_felt() -> None:
    """With the formula's own scatter, at three to eight stations."""
    random = np.random.default_rng(1)
    above = []
    for trial in range(1000):
        away_km = random.uniform(15, 90, 3 + trial % 6)
        felt = [(felt_gal(6.0, km, 10.0) * 10 ** random.normal(0, SCATTER), km) for km in away_km]
        above.append(at_least(felt, 10.0, LATER_S) > 6.0)
    assert np.mean(above) < 0.07


def test_stations_that_the_second_wave_has_not_reached_are_not_asked() -> None:
    felt = [(100.0, 20.0), (100.0, 30.0), (100.0, 40.0), (0.1, 60.0), (0.1, 70.0)]
    assert at_least(felt, 10.0, 30.0 / S_KM_PER_S) == 0.0
    three = at_least(felt, 10.0, 41.0 / S_KM_PER_S)
    assert three == at_least(felt[:3], 10.0, LATER_S) > 4.0
    assert at_least(felt, 10.0, LATER_S) < three


def test_a_station_that_felt_nothing_speaks_for_nothing() -> None:
    assert at_least([(0.0, 20.0), (0.0, 20.0), (900.0, 20.0)], 10.0, LATER_S) == 0.0


@pytest.mark.parametrize("peak_gal", [5e-324, 1e-9, 900.0, 5000.0, 1.7e308, math.inf])
@pytest.mark.parametrize("distance_km", [1.0, 100.0, 20_000.0])
def test_nothing_that_can_be_felt_is_an_error(peak_gal: float, distance_km: float) -> None:
    found = at_least([(peak_gal, distance_km)] * FEWEST, 10.0, 1e6)
    assert 0.0 <= found <= HIGHEST
