"""`hoshyar alert`: the desk without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alerts import actions
from alerts.lines import fields, telling
from alerts.naming import sentence
from hoshyar.access import opened
from records import times
from records.errors import InputError
from store import incidents, registry


def open_incidents(data: Path | None) -> list[dict[str, Any]]:
    """Incidents that are not over: an alert line's fields, and who acknowledged it, since when.

    The reason is that of the level, whatever people have done about it since.
    """
    with opened(data) as db:
        current = incidents.current(db)
        network = registry.load(db).network
        why = {i.last.alert: telling(incidents.history(db, i.last.alert)) for i in current}
    return [
        {
            **fields(incident.last, network),
            "reason": sentence(why[incident.last.alert].reason, network, "en"),
            "opened_at": times.text(incident.opened_at),
            "acknowledged_by": incident.acknowledged_by,
        }
        for incident in current
    ]


def acknowledge(alert: str, person: str, note: str, data: Path | None) -> None:
    """Hand it to the alerts stage. Raises InputError where that is not possible now."""
    with opened(data) as db:
        try:
            actions.acknowledge(db, alert, person, note)
        except actions.Refused as refused:
            raise InputError(f"{refused} See `hoshyar alert list`.") from refused
