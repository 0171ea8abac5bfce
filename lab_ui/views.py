"""View models: the picture as plain JSON in one language. Pure functions of their arguments.

Moments in what they return are milliseconds since 1970, as browsers count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab_ui import geography, words
from lab_ui.picture import Last, Picture
from lab_ui.texts import any_draft, texts
from records import times
from records.clock import Clock
from records.language import phrase, say
from records.levels import Level
from records.network import Series, Station
from records.statements import AlertChange
from store.incidents import Incident
from store.registry import Registry

STREAMS = 12  # charts that the wall shows at a time
EVIDENCE = 6  # charts beside an incident on the desk
SHORTEST_WINDOW = 10 * times.MINUTE
WINDOW_INTERVALS = 120  # a series that is sampled seldom shows as many samples at least

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


def window(series: Series) -> int:
    """How far back the wall's chart of a series goes, in microseconds."""
    return max(SHORTEST_WINDOW, int(WINDOW_INTERVALS * (series.interval_s or 0) * times.SECOND))


def station_name(station: Station, language: str) -> str:
    return words.named(station.names, station.name, station.id, language)


def area_name(registry: Registry, identity: str, language: str) -> str:
    """The name of an area; a lab that serves as its stations' area has the lab's name."""
    for area in registry.network.area:
        if area.id == identity:
            return words.named(area.names, "", identity, language)
    names = {lab.id: lab.name for lab in registry.network.lab}
    return words.named({}, names.get(identity, ""), identity, language)


def series_view(registry: Registry, series: Series, language: str) -> View:
    """What never changes about a series while the registry stays the same."""
    quantity = words.quantity(series.quantity, language)
    limits = series.thresholds
    return {
        "n": registry.series_number[series.id],
        "id": series.id,
        "station": series.station,
        "place": station_name(registry.station(series.station), language),
        "short": words.short(station_name(registry.station(series.station), language)),
        "point": "" if series.point == "main" else series.point,
        "quantity": quantity,
        "unit": words.unit(series.unit),
        "digits": words.digits(series.quantity),
        "window_ms": window(series) // 1000,
        "blind_ms": series.blind_after_s() * 1000,
        "limits": [limits.yellow, limits.orange, limits.red],
        "simulated": registry.simulated(registry.series_number[series.id]),
    }


def wall(picture: Picture, language: str, *, kiosk: bool) -> View:
    """Everything of the wall that the hub's frames don't bring."""
    registry = picture.registry
    return {
        "language": language,
        "kiosk": kiosk,
        "texts": texts(language),
        "version": registry.version,
        "series": [series_view(registry, s, language) for s in registry.network.series],
        "pages": pages(registry),
        "map": map_view(registry, language),
    }


def pages(registry: Registry) -> list[list[int]]:
    """Series numbers by twelves: first one of each quantity, in turn, then all, by station."""
    series = registry.network.series
    if len(series) <= STREAMS:
        return [[registry.series_number[s.id] for s in series]]
    chosen = [registry.series_number[s.id] for s in telling(series)]
    everything = [registry.series_number[s.id] for s in series]
    return [
        chosen,
        *(everything[i : i + STREAMS] for i in range(0, len(everything), STREAMS)),
    ]


def telling(series: Sequence[Series]) -> list[Series]:
    """Twelve series that tell most at a glance: those with limits first, quantity by quantity."""
    ordered = sorted(series, key=lambda s: s.thresholds.red is None)
    turns: dict[str, int] = {}
    ranked = []
    for place, one in enumerate(ordered):
        turns[one.quantity] = turns.get(one.quantity, 0) + 1
        ranked.append((turns[one.quantity], place, one))
    chosen = [one for _, _, one in sorted(ranked, key=lambda row: row[:2])[:STREAMS]]
    places = {one.id: place for place, one in enumerate(series)}
    return sorted(chosen, key=lambda one: places[one.id])


def map_view(registry: Registry, language: str) -> View:
    """Frames and stations for the map; it projects with each frame's middle latitude."""
    stations = registry.network.station
    return {
        "frames": [
            {
                "title": frame_title(registry, frame, language),
                "bounds": frame.bounds,
                "stations": frame.stations,
                "region": geography.within_region(frame),
            }
            for frame in geography.frames(stations)
        ],
        "areas": [
            [degree for lat, lon in area.polygon for degree in (lon, lat)]
            for area in registry.network.area
            if area.polygon
        ],
        "stations": [
            {
                "id": s.id,
                "name": station_name(s, language),
                "short": words.short(station_name(s, language)),
                "lat": s.lat,
                "lon": s.lon,
                "upstream": s.downstream_of,
            }
            for s in stations
        ],
    }


def frame_title(registry: Registry, frame: geography.Frame, language: str) -> str:
    """The name of the lab whose stations these are, or of each of them."""
    labs = dict.fromkeys(registry.station(station).lab for station in frame.stations)
    return " · ".join(words.short(area_name(registry, lab, language)) for lab in labs)


def state(picture: Picture, clock: Clock, language: str) -> View:
    """Incidents, levels, stages: what changes seldom, whole."""
    registry = picture.registry
    numbers = registry.series_number
    return {
        "k": "state",
        "status": picture.status().value,
        "levels": {numbers[i]: int(v) for i, v in picture.series_levels().items() if i in numbers},
        "stations": {i: int(v) for i, v in picture.station_levels().items()},
        "incidents": [card(picture, i, language) for i in picture.open_incidents()],
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


def card(picture: Picture, incident: Incident, language: str) -> View:
    """One incident as the queue, the wall and the desk show it."""
    registry, change = picture.registry, incident.last
    return {
        "id": change.alert,
        "level": int(change.level),
        "word": say(words.LEVELS[change.level], language),
        "meaning": say(words.MEANINGS[change.level], language),
        "hazard": say(words.HAZARDS[change.hazard], language),
        "area": area_name(registry, change.area, language),
        "station_ids": change.stations,
        "stations": [place_name(registry, s, language) for s in change.stations],
        "reason": phrase(picture.reasons.get(change.alert, change.reason), language),
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


def place_name(registry: Registry, station: str, language: str) -> str:
    known = {s.id: s for s in registry.network.station}
    return station_name(known[station], language) if station in known else station


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


def history_row(change: AlertChange, language: str) -> View:
    """One line of an incident's history."""
    return {
        "at": milliseconds(change.at),
        "change": words.change(change.change, language),
        "level": int(change.level),
        "word": say(words.LEVELS[change.level], language),
        "reason": phrase(change.reason, language),
        "person": change.person,
        "note": change.note,
    }


def unwatched(picture: Picture, clock: Clock, language: str) -> list[View]:
    """What nobody is watching, since when (None: it never was), stages before series."""
    registry = picture.registry
    rows: list[View] = [
        {"what": say(words.STAGES.get(name, name), language), "id": name, "since": since}
        for name, since in picture.dead_stages(clock.now())
    ]
    for identity, since in picture.silent_series(picture.now(clock)):
        series = registry.series(registry.series_number[identity])
        place = station_name(registry.station(series.station), language)
        what = f"{place} · {words.quantity(series.quantity, language)}"
        rows.append({"what": what, "id": identity, "since": since})
    return [{**row, "since": milliseconds(row["since"])} for row in rows]


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


def series_of(registry: Registry, station: str) -> list[int]:
    """Numbers of a station's series, in the registry's order."""
    return [registry.series_number[s.id] for s in registry.network.series if s.station == station]


def facts(registry: Registry, station: Station, language: str) -> list[View]:
    """What the registry says of a station; `plain` values run left to right in any language."""
    devices = [d for d in registry.network.device if d.station == station.id]
    upstream = station.downstream_of
    rows: list[tuple[str, str, bool]] = [
        (say("Station", language), station.id, True),
        (say("Lab", language), area_name(registry, station.lab, language), False),
        (
            say("Area", language),
            area_name(registry, registry.area_of_station(station.id), language),
            False,
        ),
        (say("Position", language), f"{station.lat:.4f}, {station.lon:.4f}", True),
    ]
    if station.elevation_m is not None:
        rows.append((say("Elevation", language), f"{station.elevation_m:g} m", True))
    if station.river_km is not None:
        rows.append((say("River kilometre", language), f"{station.river_km:g} km", True))
    if upstream:
        rows.append(
            (say("Downstream of", language), place_name(registry, upstream, language), False)
        )
    if station.travel_s is not None:
        rows.append((say("Travel time", language), f"{station.travel_s / 60:.1f} min", True))
    rows.append((say("Devices", language), ", ".join(d.id for d in devices), True))
    if any(d.simulated for d in devices):
        rows.append((say("Origin of data", language), say("simulated", language), False))
    return [{"name": name, "value": value, "plain": plain} for name, value, plain in rows]
