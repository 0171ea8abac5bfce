"""Places on the map: projection, and which stations share a frame.

The projection is the plain one: x = lon * cos(middle latitude), y = -lat, both in degrees, so
that a degree is as long to the east as to the south near the middle of the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from records.network import Station

REGION = (36.0, 6.0, 104.0, 50.0)  # west, south, east, north of the regional base map
HOME = (58.0, 22.0, 82.0, 38.0)  # what is shown while no station is enrolled
SMALLEST_SPAN = 0.06  # degrees; a frame around one station still shows some land
NEAR = 0.12  # share of the whole extent within which stations belong together
ALWAYS_NEAR = 0.3  # degrees within which they do, however small the whole is


@dataclass(frozen=True, slots=True)
class Frame:
    """A map window: `bounds` west, south, east, north in degrees; ids of its stations."""

    bounds: tuple[float, float, float, float]
    stations: tuple[str, ...]

    @property
    def middle_lat(self) -> float:
        return (self.bounds[1] + self.bounds[3]) / 2


def project(lon: float, lat: float, middle_lat: float) -> tuple[float, float]:
    """Degrees east and north to plane degrees, y to the south."""
    return lon * math.cos(math.radians(middle_lat)), -lat


def bounds(stations: Sequence[Station], margin: float) -> tuple[float, float, float, float]:
    """The extent of these stations, with a margin as a share of its longer side."""
    west, east = min(s.lon for s in stations), max(s.lon for s in stations)
    south, north = min(s.lat for s in stations), max(s.lat for s in stations)
    pad = max(margin * max(east - west, north - south), SMALLEST_SPAN / 2)
    return west - pad, south - pad, east + pad, north + pad


def frames(stations: Sequence[Station]) -> tuple[Frame, ...]:
    """The whole first, then one close-up for each group of stations that lie near each other.

    A network that is one group needs no close-up. Groups come with the largest first.
    """
    if not stations:
        return (Frame(HOME, ()),)
    groups = clusters(stations)
    ids = tuple(s.id for s in stations)
    if len(groups) == 1:
        return (Frame(bounds(stations, 0.18), ids),)
    whole = Frame(bounds(stations, 0.3), ids)
    return (
        whole,
        *(Frame(bounds(group, 0.18), tuple(s.id for s in group)) for group in groups),
    )


def clusters(stations: Sequence[Station]) -> list[list[Station]]:
    """Stations in groups: each lies near another of its group."""
    west, south, east, north = bounds(stations, 0)
    reach = max(NEAR * math.hypot(east - west, north - south), ALWAYS_NEAR)
    groups: list[list[Station]] = []
    for station in stations:
        near = [g for g in groups if any(distance(station, s) <= reach for s in g)]
        merged = [s for group in near for s in group] + [station]
        groups = [g for g in groups if g not in near] + [merged]
    return sorted(groups, key=lambda group: (-len(group), group[0].id))


def distance(one: Station, other: Station) -> float:
    """Degrees of latitude between two stations, on the plane."""
    middle = (one.lat + other.lat) / 2
    ax, ay = project(one.lon, one.lat, middle)
    bx, by = project(other.lon, other.lat, middle)
    return math.hypot(ax - bx, ay - by)


def within_region(frame: Frame) -> bool:
    west, south, east, north = frame.bounds
    return west >= REGION[0] and south >= REGION[1] and east <= REGION[2] and north <= REGION[3]
