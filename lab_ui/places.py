"""What the registry says, as plain JSON in one language: names, series, pages, the map.

Pure functions of their arguments; nothing here changes while the registry stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from alerts import naming
from lab_ui import geography, words
from records import times
from records.language import say
from records.network import Series, Station
from store.registry import Registry

STREAMS = 12  # charts that the wall shows at a time
SHORTEST_WINDOW = 10 * times.MINUTE
WINDOW_INTERVALS = 120  # a series that is sampled seldom shows as many samples at least

View = dict[str, Any]


def window(series: Series) -> int:
    """How far back the wall's chart of a series goes, in microseconds."""
    return max(SHORTEST_WINDOW, int(WINDOW_INTERVALS * (series.interval_s or 0) * times.SECOND))


def station_name(station: Station, language: str) -> str:
    return words.named(station.names, station.name, station.id, language)


def short_name(registry: Registry, station: str, language: str) -> str:
    return naming.short(place_name(registry, station, language))


def area_name(registry: Registry, identity: str, language: str) -> str:
    """The name of an area; a lab that serves as its stations' area has the lab's name."""
    for area in registry.network.area:
        if area.id == identity:
            return words.named(area.names, "", identity, language)
    names = {lab.id: lab.name for lab in registry.network.lab}
    return words.named({}, names.get(identity, ""), identity, language)


def place_name(registry: Registry, station: str, language: str) -> str:
    known = {s.id: s for s in registry.network.station}
    return station_name(known[station], language) if station in known else station


def series_view(registry: Registry, series: Series, language: str) -> View:
    """What never changes about a series while the registry stays the same."""
    quantity = words.quantity(series.quantity, language)
    limits = series.thresholds
    return {
        "n": registry.series_number[series.id],
        "id": series.id,
        "station": series.station,
        "place": station_name(registry.station(series.station), language),
        "short": naming.short(station_name(registry.station(series.station), language)),
        "point": "" if series.point == "main" else series.point,
        "quantity": quantity,
        "unit": words.unit(series.unit),
        "digits": words.digits(series.quantity),
        "window_ms": window(series) // 1000,
        "blind_ms": series.blind_after_s() * 1000,
        "limits": [limits.yellow, limits.orange, limits.red],
        "simulated": registry.simulated(registry.series_number[series.id]),
    }


def series_of(registry: Registry, station: str) -> list[int]:
    """Numbers of a station's series, in the registry's order."""
    return [registry.series_number[s.id] for s in registry.network.series if s.station == station]


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
                "short": naming.short(station_name(s, language)),
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
    return " · ".join(naming.short(area_name(registry, lab, language)) for lab in labs)


def facts(registry: Registry, station: Station, best_effort: Set[str], language: str) -> list[View]:
    """What the registry says of a station; `plain` values run left to right in any language.

    `best_effort` are the ids of devices that send without numbers.
    """
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
    if unnumbered := [d.id for d in devices if d.id in best_effort]:
        rows.append((say("Best effort", language), ", ".join(unnumbered), True))
    if any(d.simulated for d in devices):
        rows.append((say("Origin of data", language), say("simulated", language), False))
    return [{"name": name, "value": value, "plain": plain} for name, value, plain in rows]
