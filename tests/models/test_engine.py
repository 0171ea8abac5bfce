"""What the engine says is a function of what arrived and of the clock."""

from __future__ import annotations

import pytest

from models.engine import Engine
from models.sources import RETURNED, SILENT, UNFOLLOWED
from records.errors import SettingsError
from records.levels import Flag, Hazard, Level
from records.network import DetectorChoice, Network, Series, Thresholds
from records.readings import concatenate, empty
from records.statements import HazardWarning, Phrase
from records.times import SECOND
from store.directory import Registry
from tests.models.stages import at, engine, network, rows


def test_a_warning_says_everything_that_people_need() -> None:
    registry, running = engine(network("a"))
    said = running.advance(rows(registry, "a-stage", [0.5, 2.5, 2.6]), at(200))
    assert said == [
        HazardWarning(
            source="stage-limit/a-stage",
            detector="stage-limit",
            version="1",
            hazard=Hazard.RIVER_FLOOD,
            area="valley",
            level=Level.ORANGE,
            stations=("a",),
            simulated=False,
            decided_at=at(181),
            reason=Phrase(
                text="The {quantity} is {value} {unit}, over the limit of {limit} {unit}.",
                values={"quantity": "stage", "value": 2.6, "unit": "m", "limit": 2.0},
            ),
            score=2.5,
            evidence={
                "value": 2.6,
                "unit": "m",
                "measured_at": at(180),
                "score": 2.5,
                "limit": 2.0,
            },
        )
    ]


def test_a_station_without_an_area_warns_for_its_lab() -> None:
    registry, running = engine(network("b"))
    said = running.advance(rows(registry, "b-stage", [2.5, 2.6]), at(200))
    assert [w.area for w in said] == ["lab"]


def test_values_and_thresholds_are_compared_in_one_unit() -> None:
    limits = Thresholds(yellow=100.0, orange=200.0)
    registry, running = engine(_in_centimetres(limits))
    said = running.advance(rows(registry, "a-stage", [150.0, 250.0, 260.0]), at(200))
    assert [(w.level, w.score) for w in said] == [(Level.YELLOW, 1.5), (Level.ORANGE, 2.5)]


def _in_centimetres(limits: Thresholds) -> Network:
    metres = network("a")
    described = {f: getattr(metres.series[0], f) for f in Series.__struct_fields__}
    series = Series(**{**described, "unit": "cm", "thresholds": limits})
    return Network(
        lab=metres.lab,
        area=metres.area,
        station=metres.station,
        device=metres.device,
        series=(series,),
        detector=metres.detector,
    )


def test_late_and_failed_readings_never_warn() -> None:
    registry, running = engine(network("a"))
    high = [9.0, 9.0, 9.0]
    late = rows(registry, "a-stage", high, late=True)
    failed = rows(registry, "a-stage", high, flag=Flag.FAIL)
    assert running.advance(concatenate([late, failed]), at(185)) == []
    assert running.levels() == {}


def test_a_suspect_reading_counts() -> None:
    registry, running = engine(network("a"))
    said = running.advance(rows(registry, "a-stage", [3.5, 3.5], flag=Flag.SUSPECT), at(200))
    assert [w.level for w in said] == [Level.RED]


@pytest.mark.promise("R5")
def test_silence_turns_a_source_grey_on_the_grid_and_the_next_reading_ends_it() -> None:
    registry, running = engine(network("a"))
    first = rows(registry, "a-stage", [0.1, 0.1])
    again = rows(registry, "a-stage", [0.1], first_s=900)
    said = running.advance(concatenate([first, again]), at(1000))
    # Three intervals are 180 s; the last arrival was at 121 s; 301 s is followed by 310 s.
    grid = (at(121 + 180) // (10 * SECOND) + 1) * 10 * SECOND
    assert [(w.decided_at, w.level, w.reason.text) for w in said] == [
        (grid, Level.GREY, SILENT),
        (at(901), Level.GREEN, RETURNED),
    ]
    assert said[0].reason.values == {"quantity": "stage", "station": "a", "minutes": 3}


def test_a_series_that_never_sends_turns_grey() -> None:
    _, running = engine()
    said = running.advance(empty(), at(3600))
    assert [(w.source, w.level) for w in said] == [
        ("stage-limit/a-stage", Level.GREY),
        ("stage-limit/b-stage", Level.GREY),
    ]
    assert running.advance(empty(), at(7200)) == []


def test_a_warning_that_holds_after_a_silence_is_said_again() -> None:
    registry, running = engine(network("a"))
    first = rows(registry, "a-stage", [2.5, 2.6])
    again = rows(registry, "a-stage", [2.7], first_s=900)
    said = running.advance(concatenate([first, again]), at(1000))
    assert [w.level for w in said] == [Level.ORANGE, Level.GREY, Level.ORANGE]
    assert said[2].reason == said[0].reason
    assert said[2].decided_at == at(901)


def test_late_and_failed_readings_do_not_end_a_silence() -> None:
    registry, running = engine(network("a"))
    running.advance(empty(), at(600))
    late = rows(registry, "a-stage", [0.1], first_s=700, late=True)
    failed = rows(registry, "a-stage", [0.1], first_s=760, flag=Flag.FAIL)
    assert running.advance(concatenate([late, failed]), at(800)) == []


def test_a_clock_that_was_set_back_mutes_a_series_only_until_it_counts_as_silent() -> None:
    registry, running = engine(network("a"))
    ahead = rows(registry, "a-stage", [0.1, 0.1], delay_s=-7200.0, first_s=7260)
    after = rows(registry, "a-stage", [2.5] * 20, first_s=180, delay_s=1.0)
    said = running.advance(concatenate([ahead, after]), at(1500))
    assert [w.level for w in said] == [Level.GREY, Level.GREEN, Level.ORANGE]
    assert said[1].decided_at < at(480)


@pytest.mark.promise("R10")
def test_simulated_series_are_marked() -> None:
    registry, running = engine(network("a", "sim"))
    both = [rows(registry, f"{name}-stage", [2.5, 2.6]) for name in ("a", "sim")]
    said = running.advance(concatenate(both), at(200))
    assert {w.source: w.simulated for w in said} == {
        "stage-limit/a-stage": False,
        "stage-limit/sim-stage": True,
    }


def test_a_reading_that_comes_after_its_moment_was_reached_decides_then() -> None:
    registry, running = engine(network("a"))
    running.advance(empty(), at(150))
    said = running.advance(rows(registry, "a-stage", [2.5, 2.6]), at(160))
    assert [w.decided_at for w in said] == [at(150)]


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    _, running = engine()
    with pytest.raises(SettingsError, match="saved state"):
        running.load(b"\x93garbage")


@pytest.mark.promise("R5")
def test_a_changed_registry_keeps_the_rest_and_never_clears() -> None:
    registry, running = engine(network("a", "b"))
    both = [rows(registry, f"{name}-stage", [0.1, 2.5, 2.6]) for name in ("a", "b")]
    running.advance(concatenate(both), at(200))
    changed_registry = Registry.of(network("b", "c"))
    changed = Engine(changed_registry, started_at=running.through_at)
    lost = changed.load(running.save())
    assert [(w.source, w.level, w.reason.text) for w in lost] == [
        ("stage-limit/a-stage", Level.GREY, UNFOLLOWED)
    ]
    more = rows(changed_registry, "b-stage", [2.6, 3.5, 3.5], first_s=240)
    assert [(w.source, w.level) for w in changed.advance(more, at(400))] == [
        ("stage-limit/b-stage", Level.RED),
        ("stage-limit/c-stage", Level.GREY),
    ]


@pytest.mark.promise("R5")
def test_changed_parameters_start_afresh_without_clearing() -> None:
    registry, running = engine(network("a"))
    running.advance(rows(registry, "a-stage", [2.5, 2.6]), at(150))
    other = DetectorChoice(name="stage-limit", params={"needed": 1, "of": 1})
    changed = Engine(Registry.of(network("a", detector=(other,))), started_at=running.through_at)
    assert [w.level for w in changed.load(running.save())] == [Level.GREY]
    more = rows(registry, "a-stage", [0.2], first_s=180)
    assert [(w.level, w.reason.text) for w in changed.advance(more, at(200))] == [
        (Level.GREEN, RETURNED)
    ]
