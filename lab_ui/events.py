"""Which open incidents are one event, and in which order an officer takes them on.

One flood wave makes an incident in every area that it will come through, and river floods beside
them. Those that rest on the same station, or are floods of the same area, directly or over others,
and are real or simulated alike, are one event.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from records.levels import Hazard
from store.incidents import Incident

# With less time than this nobody could be warned any more: the areas further down come first.
TOO_SHORT_S = 60.0
FLOODS = {Hazard.RIVER_FLOOD, Hazard.FLASH_FLOOD, Hazard.LAKE_OUTBURST}
Urgency = tuple[int, bool]


def urgency(incident: Incident) -> Urgency:
    """The worst first; of equals those that nobody has acknowledged."""
    return -int(incident.last.level), incident.acknowledged_by is not None


def in_order(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """By urgency; of equals, an event's stand together, those with the least time left first."""
    by_time = sorted(incidents, key=lambda one: (urgency(one), _time_left(one), -one.opened_at))
    place = {one.last.alert: at for at, one in enumerate(by_time)}
    event = {one.last.alert: at for at, members in enumerate(events(by_time)) for one in members}

    def key(one: Incident) -> tuple[Urgency, int, int]:
        return urgency(one), event[one.last.alert], place[one.last.alert]

    return tuple(sorted(by_time, key=key))


def events(incidents: Sequence[Incident]) -> list[list[Incident]]:
    """The incidents by event, events and their members in the order given."""
    found: list[list[Incident]] = []
    for incident in incidents:
        related = [members for members in found if any(_related(incident, m) for m in members)]
        if not related:
            found.append([incident])
            continue
        first, *others = related
        for members in others:
            first += members
            found.remove(members)
        first.append(incident)
    given = {one.last.alert: at for at, one in enumerate(incidents)}
    return [sorted(members, key=lambda one: given[one.last.alert]) for members in found]


def of(incident: Incident, incidents: Sequence[Incident]) -> list[Incident]:
    """The others of the event that an incident belongs to, in the order given."""
    alert = incident.last.alert
    for members in events(incidents):
        if any(one.last.alert == alert for one in members):
            return [one for one in members if one.last.alert != alert]
    return []


def _related(one: Incident, other: Incident) -> bool:
    if one.last.status is not other.last.status:
        return False
    if one.last.area == other.last.area and {one.last.hazard, other.last.hazard} <= FLOODS:
        return True
    return not set(one.last.stations).isdisjoint(other.last.stations)


def _time_left(incident: Incident) -> tuple[bool, float]:
    """Told from the last change, so that nothing changes its place while somebody reads it."""
    lead_s = incident.last.lead_s
    if lead_s is None or incident.last.onset_at is None:
        return True, math.inf
    return lead_s < TOO_SHORT_S, incident.last.onset_at
