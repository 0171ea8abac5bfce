"""`hoshyar alert`: the desk without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alerts.lifecycle import ActionKind
from alerts.lines import fields
from hoshyar.access import opened
from records import times
from records.clock import WallClock
from records.errors import InputError
from records.statements import Action
from store import incidents


def open_incidents(data: Path | None) -> list[dict[str, Any]]:
    """Incidents that are not over: an alert line's fields, and who acknowledged it, since when."""
    with opened(data) as db:
        current = incidents.current(db)
    return [
        {
            **fields(incident.last),
            "opened_at": times.text(incident.opened_at),
            "acknowledged_by": incident.acknowledged_by,
        }
        for incident in current
    ]


def acknowledge(alert: str, person: str, note: str, data: Path | None) -> None:
    """Hand it to the alerts stage. Raises InputError for an incident that isn't open."""
    with opened(data) as db:
        if alert not in {incident.last.alert for incident in incidents.current(db)}:
            raise InputError(f"no open incident has the id {alert!r}: see `hoshyar alert list`")
        incidents.act(db, Action(alert, ActionKind.ACKNOWLEDGE, person, WallClock().now(), note))
