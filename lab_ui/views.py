"""View models: the picture as plain JSON in one language. Pure functions of their arguments.

Moments in what they return are milliseconds since 1970, as browsers count.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from alerts.wording import instruction
from lab_ui import events, places, words
from lab_ui.picture import Last, Picture
from lab_ui.sentences import sentence
from lab_ui.texts import any_draft, texts
from records.clock import Clock
from records.language import say
from records.levels import Level
from records.statements import AlertChange
from store.incidents import Incident
from store.registry import Registry

EVIDENCE = 6  # charts beside an incident on the desk

View = dict[str, Any]


def milliseconds(moment_at: int | None) -> int | None:
    return None if moment_at is None else moment_at // 1000


def last_row(number: int, last: Last) -> list[int | float]:
    """[series number, measured, value, flag, received]."""
    return [
        number,
        last.measured_at // 1000,
        last.value,
        int(last.flag),
        last.received_at // 1000,
    ]


def wall(picture: Picture, language: str, *, kiosk: bool) -> View:
    """Everything of the wall that the hub's frames don't bring."""
    registry = picture.registry
    return {
        "language": language,
        "kiosk": kiosk,
        "texts": texts(language),
        "version": registry.version,
        "series": [places.series_view(registry, s, language) for s in registry.network.series],
        "pages": places.pages(registry),
        "map": places.map_view(registry, language),
    }


def state(picture: Picture, clock: Clock, language: str) -> View:
    """Incidents, levels, stages: what changes seldom, whole."""
    registry = picture.registry
    numbers = registry.series_number
    return {
        "k": "state",
        "status": picture.status().value,
        "levels": {numbers[i]: int(v) for i, v in picture.series_levels().items() if i in numbers},
        "stations": {i: int(v) for i, v in picture.station_levels().items()},
        "incidents": cards(picture, language),
        "watching": watching(picture, clock),
        "stages": stages(picture, clock, language),
        "quarantined": picture.quarantined,
        "stale": milliseconds(picture.stale_since),
    }


def stages(picture: Picture, clock: Clock, language: str) -> list[View]:
    dead = dict(picture.dead_stages(clock.now()))
    beats = {stage.name: stage for stage in picture.stages}
    names = [*dict.fromkeys([*dead, *beats])]
    return [
        {
            "name": name,
            "word": say(words.STAGES.get(name, name), language),
            "up": name not in dead,
            "detail": beats[name].detail if name in beats else "",
            "beat": milliseconds(beats[name].beat_at) if name in beats else None,
        }
        for name in sorted(names)
    ]


def cards(picture: Picture, language: str) -> list[View]:
    """Every open incident, as they should be taken on.

    `follows` is the hazard of the card before, where both are one event, at one level, and taken
    on or not alike: such a card can be short.
    """
    opened = picture.open_incidents()
    event = {
        one.last.alert: place
        for place, members in enumerate(events.events(opened))
        for one in members
    }
    shown = [card(picture, incident, language) for incident in opened]
    for place, (before, one) in enumerate(pairwise(opened), 1):
        together = event[before.last.alert] == event[one.last.alert]
        if together and events.urgency(before) == events.urgency(one):
            shown[place]["follows"] = before.last.hazard.value
    return shown


def card(picture: Picture, incident: Incident, language: str) -> View:
    """One incident as the queue, the wall and the desk show it."""
    registry, change = picture.registry, incident.last
    telling = picture.reasons.get(change.alert, change)
    reason = sentence(telling.reason, registry, language)
    names = [places.short_name(registry, station, language) for station in change.stations]
    return {
        "id": change.alert,
        "level": int(change.level),
        "word": say(words.LEVELS[change.level], language),
        "meaning": say(words.MEANINGS[change.level], language),
        "hazard": say(words.HAZARDS[change.hazard], language),
        "hazard_id": change.hazard.value,
        "follows": "",
        "area": places.area_name(registry, change.area, language),
        "event": [where(picture, one, language) for one in others(picture, incident)],
        "station_ids": change.stations,
        "stations": [places.place_name(registry, s, language) for s in change.stations],
        "reason": reason,
        "said": milliseconds(telling.at),
        "place": "" if any(name in reason for name in names) else " · ".join(names),
        "instruction": instruction(change, language),
        "detector": change.detector,
        "status": change.status.value,
        "status_word": say(words.STATUSES[change.status], language),
        "blind": change.blind,
        "onset": milliseconds(change.onset_at),
        "opened": milliseconds(incident.opened_at),
        "changed": milliseconds(change.at),
        "acknowledged_by": incident.acknowledged_by,
        "acknowledged": milliseconds(incident.acknowledged_at),
    }


def others(picture: Picture, incident: Incident) -> list[Incident]:
    """The other incidents of the same event."""
    return events.of(incident, picture.open_incidents())


def where(picture: Picture, incident: Incident, language: str) -> str:
    """An incident in a few words: its area, and its hazard."""
    area = places.area_name(picture.registry, incident.last.area, language)
    return f"{area} ({say(words.HAZARDS[incident.last.hazard], language)})"


def closed(picture: Picture, language: str) -> list[View]:
    """Incidents that are over, the last ended first."""
    return [
        {
            "id": one.last.alert,
            "at": milliseconds(one.last.at),
            "level": int(one.worst),
            "hazard": say(words.HAZARDS[one.last.hazard], language),
            "area": places.area_name(picture.registry, one.last.area, language),
            "reason": sentence(one.last.reason, picture.registry, language),
            "person": one.last.person,
            "status": one.last.status.value,
            "status_word": say(words.STATUSES[one.last.status], language),
        }
        for one in picture.closed
    ]


def evidence(picture: Picture, incident: Incident) -> list[int]:
    """Numbers of the series at an incident's stations, the most abnormal first, few enough."""
    registry, stations = picture.registry, incident.last.stations
    levels = picture.series_levels()
    numbered = [registry.series_number[s.id] for s in registry.network.series]
    here = [n for n in numbered if registry.series(n).station in stations]

    def tells_less(number: int) -> tuple[int, bool, int]:
        series = registry.series(number)
        level = levels.get(series.id, Level.GREEN)
        return -int(level), series.thresholds.red is None, stations.index(series.station)

    return sorted(here, key=tells_less)[:EVIDENCE]


def history_row(change: AlertChange, registry: Registry, language: str) -> View:
    """One line of an incident's history."""
    return {
        "at": milliseconds(change.at),
        "change": words.change(change.change, language),
        "level": int(change.level),
        "word": say(words.LEVELS[change.level], language),
        "reason": sentence(change.reason, registry, language),
        "person": change.person,
        "note": change.note,
    }


def unwatched(picture: Picture, clock: Clock, language: str) -> list[View]:
    """What nobody is watching, since when: stages that are down, then sources that are silent."""
    rows: list[View] = [
        {"what": say(words.STAGES.get(name, name), language), "id": name, "since": since}
        for name, since in picture.dead_stages(clock.now())
    ]
    for source in picture.unwatched:
        hazard = say(words.HAZARDS[source.hazard], language)
        area = places.area_name(picture.registry, source.area, language)
        what = f"{hazard} · {area}"
        rows.append({"what": what, "id": source.source, "since": source.since_at})
    return [{**row, "since": milliseconds(row["since"])} for row in rows]


def watching(picture: Picture, clock: Clock) -> bool:
    """True where no stage is down and nothing that should be heard is silent."""
    silent_now = picture.silent_series(picture.now(clock))
    return not (picture.dead_stages(clock.now()) or picture.unwatched or silent_now)


def silent(picture: Picture, clock: Clock, language: str) -> list[View]:
    """Series without a reading for too long, since when (None: there never was one)."""
    registry = picture.registry
    rows: list[View] = []
    for identity, since in picture.silent_series(picture.now(clock)):
        series = registry.series(registry.series_number[identity])
        place = places.short_name(registry, series.station, language)
        what = f"{place} · {words.quantity(series.quantity, language)}"
        rows.append({"what": what, "id": identity, "since": milliseconds(since)})
    return rows


def bar(picture: Picture, language: str) -> View:
    """What the line at the top needs beside the hub's frames."""
    registry = picture.registry
    return {
        "language": language,
        "version": registry.version,
        "draft": any_draft(language),
        "series": [
            {"n": registry.series_number[s.id], "blind_ms": s.blind_after_s() * 1000}
            for s in registry.network.series
        ],
    }
