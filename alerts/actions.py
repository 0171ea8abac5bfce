"""What a person on duty can do about an alert, checked before it is handed in.

The stage decides a moment later and by the same rules; what it can't do then (somebody else was
faster) it does not do, and keeps the note.
"""

from __future__ import annotations

from alerts import memory
from alerts.lifecycle import ActionKind
from records.clock import Clock, WallClock
from records.errors import HoshyarError
from records.language import phrase
from records.statements import Action, Phrase
from store import clock, incidents, registry
from store.connection import Database

_WALL = WallClock()
_LONGEST = {"person": 100, "note": 2000}
REFUSALS = (
    NOBODY := "Say who you are.",
    TOO_LONG := "The text is too long: {most} characters at most.",
)


class Refused(HoshyarError):
    """An action is not possible now; `reason` says why, in a form that can be translated."""

    def __init__(self, reason: Phrase) -> None:
        super().__init__(phrase(reason, "en"))
        self.reason = reason


def acknowledge(db: Database, alert: str, person: str, note: str = "", wall: Clock = _WALL) -> None:
    """Take an alert on. Raises Refused, StoreUnavailable."""
    _hand_in(db, ActionKind.ACKNOWLEDGE, alert, person, note, wall)


def add_note(db: Database, alert: str, person: str, note: str, wall: Clock = _WALL) -> None:
    """Write something down about an alert. Raises Refused, StoreUnavailable."""
    _hand_in(db, ActionKind.NOTE, alert, person, note, wall)


def all_clear(db: Database, alert: str, person: str, note: str = "", wall: Clock = _WALL) -> None:
    """End an alert whose sources no longer say its level, or whose sources are silent.

    The first person for a red proposes, and a second confirms; a proposal needs a note. Raises
    Refused, StoreUnavailable.
    """
    _hand_in(db, ActionKind.ALL_CLEAR, alert, person, note, wall)


def _hand_in(
    db: Database, kind: ActionKind, alert: str, person: str, note: str, wall: Clock
) -> None:
    for name, text in (("person", person), ("note", note)):
        if len(text) > _LONGEST[name]:
            raise Refused(Phrase(text=TOO_LONG, values={"most": _LONGEST[name]}))
    if not person.strip():
        raise Refused(Phrase(text=NOBODY))
    scenario_at = clock.scenario(db)
    at = wall.now() if scenario_at is None else scenario_at
    action = Action(alert=alert, kind=kind, person=person.strip(), at=at, note=note.strip())
    network = registry.load(db).network
    alerting, _ = memory.recall(db, network, scenario=scenario_at is not None)
    refusal = alerting.refusal(action)
    if refusal is not None:
        raise Refused(refusal)
    incidents.act(db, action)
