"""The least magnitude by what was felt: the published formula, turned round."""

from __future__ import annotations

import math

import pytest

from models.magnitude import HIGHEST, at_least


def felt_gal(magnitude: float, distance_km: float, depth_km: float) -> float:
    """Si and Midorikawa 1999, a crustal earthquake."""
    near = math.log10(distance_km + 0.0055 * 10 ** (0.5 * magnitude))
    return float(10 ** (0.5 * magnitude + 0.0043 * depth_km + 0.61 - near - 0.003 * distance_km))


@pytest.mark.parametrize("magnitude", [4.0, 5.5, 7.0, 8.0])
@pytest.mark.parametrize("distance_km", [12.0, 50.0, 200.0])
def test_the_formula_is_turned_round(magnitude: float, distance_km: float) -> None:
    peak_gal = felt_gal(magnitude, distance_km, 35.0)
    assert at_least(peak_gal, distance_km, 35.0) == pytest.approx(magnitude)


def test_more_than_the_formula_knows_is_its_highest() -> None:
    assert at_least(900.0, 100.0, 10.0) == HIGHEST
    assert at_least(5000.0, 5.0, 10.0) == HIGHEST


def test_what_was_not_felt_says_nothing() -> None:
    assert at_least(0.0, 20.0, 10.0) is None
    assert at_least(0.001, 20.0, 10.0) is None
