"""The life cycle as it is lived: warnings and the clock in, lines out."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.engine import Alerting
from alerts.lifecycle import TABLE, Change, Input, State
from records.errors import SettingsError
from records.levels import Hazard, Level, Status
from records.network import Network
from records.statements import AlertChange, Phrase
from records.times import HOUR, MINUTE, SECOND
from tests.alerts.incidents import NETWORK, START, told, warning


def test_a_warning_raises_an_incident_at_once_with_its_reason_and_lead(live: Alerting) -> None:
    first = warning(Level.ORANGE, START + 5, onset_at=START + 5 + HOUR)
    assert live.advance([first], [], START + SECOND) == [
        AlertChange(
            alert="river-flood-valley-20260301T000000Z",
            at=START + 5,
            change=Change.RAISED,
            hazard=Hazard.RIVER_FLOOD,
            area="valley",
            level=Level.ORANGE,
            stations=("gauge-1",),
            reason=Phrase(text="Stage over {limit}.", values={"limit": 2.5}),
            detector="stage-limit",
            status=Status.ACTUAL,
            onset_at=START + 5 + HOUR,
        )
    ]


def test_an_orange_escalates_at_once_and_clears_after_the_hold(live: Alerting) -> None:
    heard = [
        warning(Level.YELLOW, START),
        warning(Level.ORANGE, START + MINUTE),
        warning(Level.GREEN, START + 2 * MINUTE),
    ]
    changes = live.advance(heard, [], START + HOUR)
    assert told(changes) == [
        (0, Change.RAISED, Level.YELLOW),
        (1, Change.ESCALATED, Level.ORANGE),
        (32, Change.CLEARED, Level.GREEN),
    ]
    assert changes[-1].reason.values == {"level": "orange", "minutes": 30}
    assert changes[-1].stations == ()


def test_it_steps_down_to_the_level_that_was_held(live: Alerting) -> None:
    heard = [
        warning(Level.ORANGE, START),
        warning(Level.YELLOW, START + MINUTE),
        warning(Level.GREEN, START + 20 * MINUTE),
    ]
    assert told(live.advance(heard, [], START + HOUR)) == [
        (0, Change.RAISED, Level.ORANGE),
        (31, Change.EASED, Level.YELLOW),
        (50, Change.CLEARED, Level.GREEN),
    ]


def test_a_level_that_comes_back_within_the_hold_is_no_news(live: Alerting) -> None:
    heard = [
        warning(Level.ORANGE, START),
        warning(Level.GREEN, START + MINUTE),
        warning(Level.ORANGE, START + 30 * MINUTE),
    ]
    assert told(live.advance(heard, [], START + HOUR)) == [(0, Change.RAISED, Level.ORANGE)]


@pytest.mark.promise("R5")
def test_a_silent_source_keeps_the_level_and_the_hold_begins_anew(live: Alerting) -> None:
    heard = [
        warning(Level.ORANGE, START),
        warning(Level.GREEN, START + 10 * MINUTE),
        warning(Level.GREY, START + 20 * MINUTE),
        warning(Level.GREEN, START + 5 * HOUR),
    ]
    assert told(live.advance(heard, [], START + 10 * HOUR)) == [
        (0, Change.RAISED, Level.ORANGE),
        (20, Change.BLIND, Level.ORANGE),
        (300, Change.SIGHTED, Level.ORANGE),
        (330, Change.CLEARED, Level.GREEN),
    ]


def test_a_source_that_has_left_for_the_whole_hold_may_fall_silent(live: Alerting) -> None:
    other: dict[str, Any] = {"source": "stage-limit/s2", "stations": ("gauge-2",)}
    heard = [
        warning(Level.ORANGE, START),
        warning(Level.ORANGE, START, **other),
        warning(Level.GREEN, START + MINUTE),
        warning(Level.GREY, START + 40 * MINUTE),
        warning(Level.GREEN, START + 50 * MINUTE, **other),
    ]
    assert told(live.advance(heard, [], START + 2 * HOUR)) == [
        (0, Change.RAISED, Level.ORANGE),
        (80, Change.CLEARED, Level.GREEN),
    ]


def test_silence_without_an_incident_makes_no_line_but_is_listed(live: Alerting) -> None:
    assert live.advance([warning(Level.GREY, START)], [], START + HOUR) == []
    assert [(u.source, u.since_at) for u in live.unwatched()] == [("stage-limit/s1", START)]
    live.advance([warning(Level.GREEN, START + HOUR)], [], START + HOUR)
    assert live.unwatched() == []


@pytest.mark.promise("R10")
def test_simulated_sources_make_an_incident_of_their_own(live: Alerting) -> None:
    heard = [
        warning(Level.RED, START, "stage-limit/sim", simulated=True),
        warning(Level.YELLOW, START),
    ]
    changes = live.advance(heard, [], START)
    assert [(c.alert, c.level, c.status) for c in changes] == [
        ("river-flood-valley-20260301T000000Z", Level.YELLOW, Status.ACTUAL),
        ("river-flood-valley-20260301T000000Z-2", Level.RED, Status.EXERCISE),
    ]
    standing = live.standing(Hazard.RIVER_FLOOD, "valley")
    assert [latest.status for latest in standing] == [Status.ACTUAL, Status.EXERCISE]


@pytest.mark.promise("R10")
def test_in_a_replay_everything_is_a_test_and_a_red_clears_by_the_rule(
    replayed: Alerting,
) -> None:
    heard = [warning(Level.RED, START), warning(Level.GREEN, START + MINUTE)]
    changes = replayed.advance(heard, [], START + HOUR)
    assert told(changes) == [(0, Change.RAISED, Level.RED), (31, Change.CLEARED, Level.GREEN)]
    assert {change.status for change in changes} == {Status.TEST}


def test_an_alert_that_stands_is_said_again_every_day(live: Alerting) -> None:
    changes = live.advance([warning(Level.ORANGE, START)], [], START + 49 * HOUR)
    assert told(changes) == [
        (0, Change.RAISED, Level.ORANGE),
        (24 * 60, Change.RENEWED, Level.ORANGE),
        (48 * 60, Change.RENEWED, Level.ORANGE),
    ]


def test_one_pressure_station_of_two_is_a_yellow_and_both_are_what_they_say(
    live: Alerting,
) -> None:
    sea: dict[str, Any] = {"hazard": Hazard.TSUNAMI, "area": "north"}
    first = warning(Level.RED, START, "tsunami-pressure/p1", stations=("buoy-1",), **sea)
    second = warning(
        Level.ORANGE, START + MINUTE, "tsunami-pressure/p2", stations=("buoy-2",), **sea
    )
    changes = live.advance([first, second], [], START + HOUR)
    assert told(changes) == [
        (0, Change.RAISED, Level.YELLOW),
        (1, Change.ESCALATED, Level.ORANGE),
    ]
    assert changes[1].stations == ("buoy-1", "buoy-2")


def test_an_only_pressure_station_is_enough() -> None:
    alone = Network(
        lab=NETWORK.lab,
        station=NETWORK.station,
        device=NETWORK.device,
        series=NETWORK.series[:2],
        area=NETWORK.area,
    )
    heard = warning(
        Level.RED,
        START,
        "tsunami-pressure/p1",
        stations=("buoy-1",),
        hazard=Hazard.TSUNAMI,
        area="north",
    )
    changes = Alerting(alone, scenario=False).advance([heard], [], START)
    assert told(changes) == [(0, Change.RAISED, Level.RED)]


def test_a_late_warning_counts_from_now_on(live: Alerting) -> None:
    live.advance([], [], START + HOUR)
    changes = live.advance([warning(Level.ORANGE, START)], [], START + HOUR)
    assert told(changes) == [(60, Change.RAISED, Level.ORANGE)]


def test_a_warning_from_the_future_is_refused(live: Alerting) -> None:
    with pytest.raises(ValueError, match="ahead of the clock"):
        live.advance([warning(Level.ORANGE, START + 1)], [], START)


def test_saved_state_of_another_form_is_refused(live: Alerting) -> None:
    with pytest.raises(SettingsError, match="form 99"):
        live.load(b'{"form": 99}')
    with pytest.raises(SettingsError, match="can't be read"):
        live.load(b"[]")


def test_every_state_can_be_reached_and_every_change_has_a_row() -> None:
    rows = [row for rows in TABLE.values() for row in rows.values()]
    assert {change for change, _ in rows} == set(Change)
    assert {state for _, state in rows} == set(State)
    assert {what for rows in TABLE.values() for what in rows} == set(Input)
