"""Vibration zones: where they begin, and what does not count."""

from __future__ import annotations

import numpy as np
import pytest

from models.bank import Bank, Outcome
from models.detector import Watched
from models.detectors.iso_zone import BACK_IN_ZONE, CLASSES, IN_ZONE, IsoZone
from models.detectors.stage_limit import OVER_LIMIT
from records.levels import Level
from records.network import Thresholds
from records.statements import Phrase
from records.times import DAY, MINUTE


def run(velocity: list[float], detector: IsoZone, thresholds: Thresholds | None = None) -> Outcome:
    watched = Watched(
        id="b1",
        quantity="vibration_velocity",
        unit="mm/s",
        thresholds=thresholds or Thresholds(),
    )
    times = 15_000 * DAY + 10 * MINUTE * np.arange(len(velocity), dtype=np.int64)
    bank = Bank(detector, [watched])
    return bank.advance(np.zeros(len(velocity), np.intp), times, np.array(velocity))


@pytest.mark.parametrize("machine", CLASSES)
def test_zone_c_is_yellow_the_alarm_orange_and_zone_d_red(machine: str) -> None:
    _, lower, upper = CLASSES[machine]
    steady = {Level.GREEN: 0.99 * lower, Level.YELLOW: 1.01 * lower,
              Level.ORANGE: 1.251 * lower, Level.RED: 1.01 * upper}  # fmt: skip
    levels = {run([value] * 6, IsoZone(machine=machine)).level[-1]: value for value in
              steady.values()}  # fmt: skip
    assert levels == {int(level): value for level, value in steady.items()}


def test_a_start_of_two_readings_does_not_count() -> None:
    assert run([1.0] * 5 + [9.0] * 2 + [1.0] * 5, IsoZone()).level.max() == Level.GREEN


def test_thresholds_of_the_series_override() -> None:
    outcome = run([2.0] * 6, IsoZone(), Thresholds(orange=1.5))
    assert outcome.level[-1] == Level.ORANGE


def test_words_name_the_zone() -> None:
    outcome = run([3.5] * 5 + [2.6] * 12, IsoZone())
    up, down = (said for _, crossing, said in outcome.crossings if crossing.level)
    assert up.reason == Phrase(
        text=IN_ZONE, values={"value": 3.5, "unit": "mm/s", "zone": "C", "limit": 3.12}
    )
    assert down.reason == Phrase(
        text=BACK_IN_ZONE, values={"value": 2.6, "unit": "mm/s", "zone": "C"}
    )


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="hydro-1"):
        IsoZone(machine="rocket")


def test_a_case_temperature_is_judged_by_the_limits_of_its_series_alone() -> None:
    limits = Thresholds(yellow=65.0, orange=75.0, red=85.0)
    hot = Watched(id="b1", quantity="case_temperature", unit="Cel", thresholds=limits)
    assert not IsoZone().takes(Watched(id="b2", quantity="case_temperature", unit="Cel"))
    assert IsoZone().takes(hot)
    values = [50.0] * 5 + [76.0] * 5
    times = 15_000 * DAY + MINUTE * np.arange(len(values), dtype=np.int64)
    out = Bank(IsoZone(), [hot]).advance(np.zeros(len(values), np.intp), times, np.array(values))
    assert out.level[-1] == Level.ORANGE
    assert out.crossings[-1][2].reason == Phrase(
        text=OVER_LIMIT,
        values={"quantity": "case temperature", "value": 76.0, "unit": "Cel", "limit": 75.0},
    )


def test_a_limit_below_zero_is_kept_from_where_it_is_reached() -> None:
    limits = Thresholds(yellow=-10.0, orange=5.0, red=20.0)
    cold = Watched(id="b1", quantity="case_temperature", unit="Cel", thresholds=limits)
    given = IsoZone().limits([cold])
    assert (given.keep <= given.up).all()
    times = 15_000 * DAY + MINUTE * np.arange(120, dtype=np.int64)
    out = Bank(IsoZone(), [cold]).advance(np.zeros(120, np.intp), times, np.full(120, -9.5))
    assert [crossing.level for _, crossing, _ in out.crossings] == [Level.YELLOW]
