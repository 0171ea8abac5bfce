"""What lies below a place along the river, and how long a wave needs to get there."""

from __future__ import annotations

from dataclasses import dataclass

from records.network import Network


@dataclass(frozen=True, slots=True)
class Reach:
    """An area below a place: its stations in order of travel time.

    `travel_s` is to the first of them in seconds, None where some part of the way is not known.
    """

    area: str
    stations: tuple[str, ...]
    travel_s: float | None


def reaches_below(network: Network, station_id: str) -> list[Reach]:
    """The areas below a station, nearest first; its own area where nothing lies below it."""
    labs = {s.id: s.area or s.lab for s in network.station}
    travel = _travel(network, station_id)
    if not travel:
        return [Reach(labs[station_id], (), None)]
    order = sorted(travel, key=lambda name: (travel[name] is None, travel[name] or 0.0, name))
    by_area: dict[str, list[str]] = {}
    for name in order:
        by_area.setdefault(labs[name], []).append(name)
    return [Reach(area, tuple(names), travel[names[0]]) for area, names in by_area.items()]


def _travel(network: Network, station_id: str) -> dict[str, float | None]:
    """Seconds from the station to each one below it."""
    found: dict[str, float | None] = {}
    front: list[tuple[str, float | None]] = [(station_id, 0.0)]
    while front:
        upper, so_far = front.pop()
        for station in network.station:
            if station.downstream_of == upper and station.id not in found:
                found[station.id] = _sum(so_far, station.travel_s)
                front.append((station.id, found[station.id]))
    # A circle in the registry must not make a place lie below itself.
    found.pop(station_id, None)
    return found


def _sum(so_far: float | None, more: float | None) -> float | None:
    return None if so_far is None or more is None else so_far + more
