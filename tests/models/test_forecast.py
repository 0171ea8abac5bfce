"""What forecasts over a threshold share."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from models.detect import detect
from models.detector import Watched
from models.detectors.flood_forecast import FloodForecast
from models.detectors.storm_surge import StormSurge
from models.forecast import limits_at
from models.joint import Judged
from models.runner import _Levels
from records.times import DAY, HOUR, text

DETAIL = {name: np.zeros(20) for name in ("residual", "threshold", "false_a_year")}
TARGET = Watched(id="a", quantity="stage", unit="m")


def levels(forecast: type[FloodForecast] | type[StormSurge], chances: list[float]) -> str:
    """First letters of the levels that these chances give, an hour apart."""
    at = HOUR * np.arange(len(chances), dtype=np.int64)
    bank = _Levels(forecast(target="a", threshold=1.0), TARGET)
    level = bank.judge(at, np.array(chances), Judged(np.array(chances), None, DETAIL)).level
    return "".join(" gyor"[one] for one in level)


@pytest.mark.parametrize("kind", [FloodForecast, StormSurge])
def test_a_chance_about_the_limit_does_not_make_a_warning_flicker(
    kind: type[FloodForecast] | type[StormSurge],
) -> None:
    about = [0.1, 0.52, 0.48, 0.51, 0.45, 0.53, 0.4, 0.34, 0.2, 0.1]
    assert levels(kind, about) == "gooooooyyg"


def test_a_warning_says_that_exceedance_is_more_likely_than_not() -> None:
    assert levels(FloodForecast, [0.24, 0.26, 0.49, 0.5, 0.76]) == "gyyor"


def test_the_first_fit_is_after_sixty_days_and_the_next_when_the_past_has_doubled() -> None:
    moments = StormSurge().fits(0)
    assert [next(moments) / (24 * HOUR) for _ in range(3)] == [60, 120, 240]


def test_limits_of_a_row_stand_in_place_of_the_fixed_ones() -> None:
    chances = np.array([0.3, 0.6, 0.8, 0.4, 0.34])
    orange = np.array([0.5, 0.7, 0.7, 0.9, 0.9])
    bank = _Levels(FloodForecast(target="a", threshold=1.0), TARGET)
    judged = Judged(chances, None, DETAIL, limits_at(orange, 0.5))
    found = bank.judge(HOUR * np.arange(5, dtype=np.int64), chances, judged)
    assert "".join(" gyor"[one] for one in found.level) == "yyooy"
    said = [(crossing.level.name, crossing.limit) for _, crossing, _ in found.crossings]
    assert said == [("YELLOW", 0.25), ("ORANGE", 0.7), ("YELLOW", pytest.approx(0.35))]


def test_other_units_give_the_same_forecast(tmp_path: Path) -> None:
    """A river in cubic feet and metres, and the same in litres, feet and inches."""
    random, count = np.random.default_rng(2), 2200
    rain = np.round(random.gamma(0.05, 8.0, count), 1)
    level = np.convolve(rain, 0.02 * 0.9 ** np.arange(60))[:count]
    flow = np.round(10 * np.exp(1.5 * np.r_[level[:3], level[:-3]]) + random.random(count), 1)
    stage = np.round(1 + level + 0.005 * random.standard_normal(count), 3)
    litres = 28.316846592
    threshold = float(np.quantile(flow, 0.98))
    said = []
    for name, columns, limit in (
        ("one", {"q:discharge:[cft_i]/s": flow, "u:stage:m": stage, "p:rain:mm": rain}, threshold),
        ("other", {"q:discharge:L/s": flow * litres, "u:stage:[ft_i]": stage / 0.3048,
                   "p:rain:[in_i]": rain / 25.4}, threshold * litres),
    ):  # fmt: skip
        given, found = tmp_path / f"{name}.csv", tmp_path / f"{name}-found.csv"
        values = np.column_stack(list(columns.values())).tolist()
        rows = [[text(20_000 * DAY + i * HOUR), *map(repr, one)] for i, one in enumerate(values)]
        with given.open("w", encoding="utf-8") as file:
            csv.writer(file).writerows([["measured_at", *columns], *rows])
        params = {"target": "q", "threshold": repr(limit), "trees": "15"}
        detect("flood-forecast", given, found, params)
        with found.open(encoding="utf-8") as file:
            said.append(list(csv.DictReader(file)))
    one, other = ([float(row["score"] or "nan") for row in rows] for rows in said)
    assert one == pytest.approx(other, abs=1e-9, nan_ok=True)
    assert [row["level"] for row in said[0]] == [row["level"] for row in said[1]]
    assert np.nanmax(one) > 0.1
