"""What the screens know: silence is never green, and what is simulated is marked."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from alerts.lines import telling
from lab_ui.picture import Last, Picture
from records import times
from records.clock import ScenarioClock
from records.levels import Flag, Hazard, Level, Status
from records.network import Device, Network
from records.readings import ReadingBatch
from records.statements import AlertChange, HazardWarning, Phrase
from store.incidents import Incident
from store.registry import Registry
from store.stages import Stage

NOW = times.parse("2026-03-01T03:00:00Z")


def change(alert: str, name: str, level: Level, person: str = "") -> AlertChange:
    return AlertChange(
        alert=alert, at=NOW, change=name, hazard=Hazard.LAKE_OUTBURST, area="top", level=level,
        stations=("lake",), reason=Phrase(text=f"{name} because"), detector="limit",
        status=Status.EXERCISE, person=person,
    )  # fmt: skip


def incident(
    alert: str,
    level: Level,
    *,
    opened_at: int = NOW,
    by: str | None = None,
    onset_at: int | None = None,
) -> Incident:
    last = msgspec.structs.replace(change(alert, "raised", level), onset_at=onset_at)
    return Incident(opened_at, last, 1, by, None if by is None else NOW)


def test_incidents_come_in_the_order_to_take_them_on(picture: Picture) -> None:
    opened = (
        incident("be aware", Level.YELLOW),
        incident("acknowledged", Level.RED, by="Bo", onset_at=NOW + 1),
        incident("later", Level.RED, onset_at=NOW + 9),
        incident("older", Level.RED, opened_at=NOW - 5),
        incident("newer", Level.RED),
        incident("sooner", Level.RED, onset_at=NOW + 5),
    )
    shown = replace(picture, incidents=opened).open_incidents()
    assert [i.last.alert for i in shown] == [
        "sooner",
        "later",
        "newer",
        "older",
        "acknowledged",
        "be aware",
    ]


@pytest.mark.promise("R5")
def test_a_series_that_fell_silent_is_unwatched_since_its_last_arrival(picture: Picture) -> None:
    last = {
        1: Last(NOW - 61 * times.SECOND, NOW - 60 * times.SECOND, 5.0, Flag.GOOD),
        2: Last(NOW, NOW - 601 * times.SECOND, 5.0, Flag.GOOD),
    }
    silent = replace(picture, last=last).silent_series(NOW)
    assert silent == [("bridge-stage", NOW - 601 * times.SECOND), ("gauge-level", None)]


@pytest.mark.promise("R5")
def test_a_stage_without_a_beat_is_dead_and_says_since_when(picture: Picture) -> None:
    beats = (
        Stage("ingest", 1, "running", "", NOW - times.SECOND),
        Stage("models", 2, "running", "", NOW - times.MINUTE),
    )
    dead = replace(picture, stages=beats).dead_stages(NOW)
    assert dead == [("models", NOW - times.MINUTE), ("alerts", None)]


def test_the_worst_vote_of_a_series_is_its_level(picture: Picture) -> None:
    def vote(source: str, level: Level) -> HazardWarning:
        return HazardWarning(
            source=source, detector="x", version="1", hazard=Hazard.LAKE_OUTBURST, area="top",
            level=level, stations=("lake",), simulated=True, decided_at=NOW,
            reason=Phrase(text="x"),
        )  # fmt: skip

    said = [vote("a/lake-level", Level.ORANGE), vote("b/lake-level", Level.GREEN)]
    heard = picture.with_warnings(said)
    assert heard.series_levels() == {"lake-level": Level.ORANGE}
    over = heard.with_warnings([vote("a/lake-level", Level.GREEN)])
    assert over.series_levels() == {"lake-level": Level.GREEN}


@pytest.mark.parametrize(
    ("simulated", "scenario_at", "status"),
    [(True, None, Status.EXERCISE), (True, NOW, Status.TEST), (False, None, Status.ACTUAL)],
)
def test_everything_is_marked_as_what_it_is(
    network: Network, simulated: bool, scenario_at: int | None, status: Status
) -> None:
    devices = tuple(Device(id=d.id, station=d.station, simulated=simulated) for d in network.device)
    real = Network(
        lab=network.lab, area=network.area, station=network.station, device=devices,
        series=network.series,
    )  # fmt: skip
    assert Picture(Registry.of(real), scenario_at=scenario_at).status() == status


def test_ages_are_told_from_the_scenario_in_a_replay(picture: Picture) -> None:
    clock = ScenarioClock(NOW)
    assert picture.now(clock) == NOW
    assert replace(picture, scenario_at=5).now(clock) == 5


def test_the_last_of_several_rows_of_a_series_is_kept(picture: Picture) -> None:
    at = np.array([NOW + 2, NOW + 3, NOW + 1], np.int64)
    batch = ReadingBatch(
        np.array([1, 2, 1], np.int32), at, at, np.array([2.0, 3.0, 1.0]),
        np.array([3, 1, 1], np.uint8), np.zeros(3, np.uint8), np.zeros(3, np.bool_),
    )  # fmt: skip
    assert picture.with_readings(batch).last == {
        1: Last(NOW + 2, NOW + 2, 2.0, Flag.SUSPECT),
        2: Last(NOW + 3, NOW + 3, 3.0, Flag.GOOD),
    }


def test_the_reason_of_a_level_outlives_its_acknowledgement() -> None:
    told = [
        change("a", "raised", Level.ORANGE),
        change("a", "escalated", Level.RED),
        change("a", "acknowledged", Level.RED, person="Bo"),
    ]
    assert telling(told).reason.text == "escalated because"
