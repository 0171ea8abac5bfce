"""A lake that empties, told from faults, by several series together."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.lake_outburst import (
    CONFIRMED_LEAD,
    EMPTYING_LEAD,
    FALLING_LEAD,
    LAKE_SILENT,
    ONE_SENSOR,
)
from models.engine import Engine
from models.rivers import Reach, reaches_below
from models.sources import ENOUGH_RETURNED
from records.levels import Hazard, Level
from records.network import Area, DetectorChoice, Device, Lab, Network, Series, Station
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import SECOND
from store.directory import Registry

START = 1_700_000_000 * SECOND
STEP_S = 10
MINUTE = 6  # rows


def network(*, second_simulated: bool = False) -> Network:
    """A lake with two gauges, a bridge 300 s below and a village 900 s below the bridge."""
    stations = (
        Station(id="lake", lab="lab", lat=36.5, lon=74, area="top"),
        Station(
            id="bridge", lab="lab", lat=36.4, lon=74, area="top", downstream_of="lake", travel_s=300
        ),
        Station(
            id="village",
            lab="lab",
            lat=36.3,
            lon=74,
            area="village",
            downstream_of="bridge",
            travel_s=900,
        ),
    )
    fed = [("lake", "lake_level", "m1"), ("lake", "lake_level", "m2"), ("bridge", "stage", "main")]
    return Network(
        lab=(Lab(id="lab"),),
        area=(Area(id="top", lab="lab"), Area(id="village", lab="lab")),
        station=stations,
        device=tuple(
            Device(id=f"d{i}", station=fed[i][0], simulated=second_simulated and i == 1)
            for i in range(3)
        ),
        series=tuple(
            Series(
                id=f"{station}-{point}",
                station=station,
                device=f"d{i}",
                point=point,
                quantity=quantity,
                unit="m",
                interval_s=STEP_S,
                late_after_s=60.0,
            )
            for i, (station, quantity, point) in enumerate(fed)
        ),
        detector=(DetectorChoice(name="lake-outburst"),),
    )


def run(
    first: np.ndarray, second: np.ndarray, bridge: np.ndarray, described: Network | None = None
) -> list[HazardWarning]:
    """Columns of equal length, a value every ten seconds; NaN = no reading."""
    registry = Registry.of(described or network())
    values = np.stack([first, second, bridge])
    noise = np.random.default_rng(1).normal(0, 0.005, values.shape)
    series, step = np.nonzero(np.isfinite(values))
    count = len(series)
    at = START + (step + 1) * STEP_S * SECOND
    batch = ReadingBatch(
        series=(series + 1).astype(np.int32),
        measured_at=at,
        received_at=at,
        value=(values + noise)[series, step],
        flag=np.ones(count, np.uint8),
        checks=np.zeros(count, np.uint16),
        late=np.zeros(count, np.bool_),
    )
    engine = Engine(registry, started_at=START)
    return engine.advance(batch, START + (values.shape[1] + 1) * STEP_S * SECOND)


def falls(rows: int, begins: int, m_per_minute: float = 0.3) -> np.ndarray:
    since = np.clip(np.arange(rows) - begins, 0, None) / MINUTE
    return 3000.0 - m_per_minute * since


def still(rows: int, value: float) -> np.ndarray:
    return np.full(rows, value)


ROWS, BEGINS = 180, 60


def for_village(said: list[HazardWarning]) -> list[HazardWarning]:
    return [w for w in said if w.area == "village"]


def test_both_gauges_fall_orange_then_red_when_it_persists_with_the_travel_time() -> None:
    lake = falls(ROWS, BEGINS)
    said = for_village(run(lake, lake, still(ROWS, 2.0)))
    assert [(w.level, w.reason.text) for w in said] == [
        (Level.YELLOW, ONE_SENSOR),
        (Level.ORANGE, FALLING_LEAD),
        (Level.RED, EMPTYING_LEAD),
    ][-len(said) :]
    assert [w.level for w in said][-2:] == [Level.ORANGE, Level.RED]
    began_at = START + BEGINS * STEP_S * SECOND
    for warning in said[-2:]:
        assert warning.onset_at is not None
        assert 0 < warning.onset_at - began_at - 1200 * SECOND < 120 * SECOND
        assert 0 < warning.decided_at - began_at < 240 * SECOND
    assert said[-1].hazard == Hazard.LAKE_OUTBURST
    assert said[-1].reason.values["minutes"] in (17, 18, 19)
    assert said[-1].reason.values["lake"] == "lake"


def test_a_rising_river_confirms() -> None:
    lake = falls(ROWS, BEGINS)
    bridge = 2.0 + np.clip(np.arange(ROWS) - BEGINS - 4, 0, 12) * 0.1
    said = for_village(run(lake, lake, bridge))
    assert said[-1].level == Level.RED
    assert said[-1].reason.text == CONFIRMED_LEAD
    assert said[-1].stations == ("bridge", "lake")
    assert said[-1].evidence["rising"] == ["bridge-main"]


def test_each_area_below_hears_of_it_once_a_level() -> None:
    lake = falls(ROWS, BEGINS)
    said = run(lake, lake, still(ROWS, 2.0))
    for area in ("top", "village"):
        levels = [w.level for w in said if w.area == area]
        assert levels == sorted(set(levels))


def test_one_gauge_alone_is_yellow() -> None:
    said = run(falls(ROWS, BEGINS, 0.02), still(ROWS, 3000.0), still(ROWS, 2.0))
    assert {w.level for w in said} == {Level.YELLOW}
    assert {w.reason.text for w in said} == {ONE_SENSOR}


@pytest.mark.parametrize("jump", [-2.0, 2.0, -0.5])
def test_a_moved_sensor_is_no_outburst(jump: float) -> None:
    moved = still(ROWS, 3000.0)
    moved[BEGINS:] += jump
    assert run(moved, still(ROWS, 3000.0), still(ROWS, 2.0)) == []


def test_a_flood_without_a_falling_lake_is_not_its_business() -> None:
    assert run(still(ROWS, 3000.0), still(ROWS, 3000.0), falls(ROWS, BEGINS, -0.3) - 2998) == []


def test_a_slow_drawdown_is_no_outburst() -> None:
    slow = falls(2000, BEGINS, 0.05 / 60)
    assert run(slow, slow, still(2000, 2.0)) == []


def test_the_lake_is_grey_when_both_gauges_are_silent_and_back_when_one_sends() -> None:
    quiet = still(ROWS, 3000.0)
    first, second = quiet.copy(), quiet.copy()
    first[60:100] = np.nan
    second[70:] = np.nan
    said = for_village(run(first, second, still(ROWS, 2.0)))
    assert [(w.level, w.reason.text) for w in said] == [
        (Level.GREY, LAKE_SILENT),
        (Level.GREEN, ENOUGH_RETURNED),
    ]


def test_a_simulated_gauge_and_a_real_one_are_never_put_together() -> None:
    lake = falls(ROWS, BEGINS)
    said = run(lake, lake, still(ROWS, 2.0), network(second_simulated=True))
    sources = {(w.source, w.simulated) for w in said if w.area == "village"}
    assert sources == {
        ("lake-outburst/lake/village", False),
        ("lake-outburst/lake/village/simulated", True),
    }
    assert {tuple(w.evidence["falling"]) for w in said if not w.simulated} == {("lake-m1",)}


def test_travel_times_add_up_along_the_river() -> None:
    assert reaches_below(network(), "lake") == [
        Reach("top", ("bridge",), 300.0),
        Reach("village", ("village",), 1200.0),
    ]
    assert reaches_below(network(), "village") == [Reach("village", (), None)]
