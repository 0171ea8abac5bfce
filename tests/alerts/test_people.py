"""What people can end, must say and need not: acknowledgements and all-clears."""

from __future__ import annotations

from alerts.engine import Alerting
from alerts.lifecycle import ActionKind, Change
from records.levels import Level
from records.times import HOUR, MINUTE
from tests.alerts.incidents import START, action, told, warning


def test_a_red_ends_by_two_people_and_a_note(live: Alerting) -> None:
    heard = [warning(Level.RED, START), warning(Level.GREEN, START + MINUTE)]
    done = [
        action(ActionKind.ACKNOWLEDGE, "Ayesha", START + 2 * MINUTE),
        action(ActionKind.ACKNOWLEDGE, "Li Wei", START + 3 * MINUTE),
        action(ActionKind.ALL_CLEAR, "Ayesha", START + 40 * MINUTE),
        action(ActionKind.ALL_CLEAR, "Ayesha", START + 41 * MINUTE, "water is back in its bed"),
        action(ActionKind.ALL_CLEAR, " ayesha ", START + 42 * MINUTE),
        action(ActionKind.ALL_CLEAR, "Li Wei", START + 43 * MINUTE),
    ]
    changes = live.advance(heard, done, START + HOUR)
    assert told(changes) == [
        (0, Change.RAISED, Level.RED),
        (2, Change.ACKNOWLEDGED, Level.RED),
        (31, Change.DUE, Level.RED),
        (41, Change.PROPOSED, Level.RED),
        (43, Change.CLEARED, Level.GREEN),
    ]
    assert [(c.person, c.note) for c in changes[-2:]] == [
        ("Ayesha", "water is back in its bed"),
        ("Li Wei", ""),
    ]


def test_a_red_that_is_still_said_cannot_be_ended_and_the_note_is_kept(live: Alerting) -> None:
    done = [action(ActionKind.ALL_CLEAR, "Ayesha", START + MINUTE, "I see nothing")]
    changes = live.advance([warning(Level.RED, START)], done, START + HOUR)
    assert told(changes) == [(0, Change.RAISED, Level.RED), (1, Change.NOTED, Level.RED)]
    assert changes[1].reason.values == {"level": "red"}


def test_a_red_that_returns_undoes_the_proposal(live: Alerting) -> None:
    heard = [
        warning(Level.RED, START),
        warning(Level.GREEN, START + MINUTE),
        warning(Level.RED, START + 10 * MINUTE),
    ]
    done = [
        action(ActionKind.ALL_CLEAR, "Ayesha", START + 5 * MINUTE, "looks over"),
        action(ActionKind.ALL_CLEAR, "Li Wei", START + 11 * MINUTE),
    ]
    assert told(live.advance(heard, done, START + HOUR)) == [
        (0, Change.RAISED, Level.RED),
        (5, Change.PROPOSED, Level.RED),
        (10, Change.RETURNED, Level.RED),
    ]


def test_people_may_end_what_a_dead_sensor_holds(live: Alerting) -> None:
    heard = [warning(Level.ORANGE, START), warning(Level.GREY, START + MINUTE)]
    done = [action(ActionKind.ALL_CLEAR, "Ayesha", START + HOUR, "gauge washed away, river low")]
    assert told(live.advance(heard, done, START + 2 * HOUR)) == [
        (0, Change.RAISED, Level.ORANGE),
        (1, Change.BLIND, Level.ORANGE),
        (60, Change.CLEARED, Level.GREEN),
    ]
    later = START + 3 * HOUR
    assert told(live.advance([warning(Level.ORANGE, later)], [], later)) == [
        (180, Change.RAISED, Level.ORANGE)
    ]


def test_people_ease_a_red_to_what_is_still_said(live: Alerting) -> None:
    heard = [warning(Level.RED, START), warning(Level.ORANGE, START + MINUTE)]
    done = [
        action(ActionKind.ALL_CLEAR, "Ayesha", START + 2 * MINUTE, "falling"),
        action(ActionKind.ALL_CLEAR, "Li Wei", START + 3 * MINUTE),
    ]
    assert told(live.advance(heard, done, START + HOUR)) == [
        (0, Change.RAISED, Level.RED),
        (2, Change.PROPOSED, Level.RED),
        (3, Change.EASED, Level.ORANGE),
    ]


def test_an_escalation_asks_for_a_new_acknowledgement(live: Alerting) -> None:
    heard = [warning(Level.ORANGE, START), warning(Level.RED, START + 2 * MINUTE)]
    done = [
        action(ActionKind.ACKNOWLEDGE, "Ayesha", START + MINUTE),
        action(ActionKind.ACKNOWLEDGE, "Ayesha", START + 3 * MINUTE),
    ]
    assert told(live.advance(heard, done, START + HOUR)) == [
        (0, Change.RAISED, Level.ORANGE),
        (1, Change.ACKNOWLEDGED, Level.ORANGE),
        (2, Change.ESCALATED, Level.RED),
        (3, Change.ACKNOWLEDGED, Level.RED),
    ]


def test_an_action_on_an_alert_that_is_over_changes_nothing(live: Alerting) -> None:
    assert live.advance([], [action(ActionKind.ACKNOWLEDGE, "Ayesha", START)], START) == []
