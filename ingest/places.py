"""The live location test: which series' devices say that they are not where their station is."""

from __future__ import annotations

from collections.abc import Iterable

from records.distance import great_circle_m
from records.rules import shipped
from store.positions import Position
from store.registry import Registry

NOWHERE: frozenset[int] = frozenset()


class Places:
    """Positions of devices as they were said last, by the registry's numbers."""

    def __init__(self, registry: Registry, said: Iterable[Position] = ()) -> None:
        self._said = {one.device: (one.lat, one.lon) for one in said}
        self.use(registry)

    def use(self, registry: Registry) -> None:
        """Go on with a changed registry."""
        stations = {station.id: station for station in registry.network.station}
        rules = registry.rules or shipped()
        # (series, latitude, longitude, limit in m) of each device whose series have a limit.
        self._limits: dict[int, list[tuple[int, float, float, float]]] = {}
        for series in registry.network.series:
            rule, device = rules.of(series).location, registry.device_number.get(series.device)
            if rule is not None and device is not None:
                station = stations[series.station]
                limit = (
                    registry.series_number[series.id],
                    station.lat,
                    station.lon,
                    rule.suspect_m,
                )
                self._limits.setdefault(device, []).append(limit)
        self._astray: dict[int, frozenset[int]] = {}
        for device in self._said:
            self._look(device)

    def move(self, device: int, lat: float, lon: float) -> None:
        """A device says where it is."""
        self._said[device] = (lat, lon)
        self._look(device)

    def astray(self, device: int) -> frozenset[int]:
        """The series of this device whose station is too far from where it says it is."""
        return self._astray.get(device, NOWHERE)

    def _look(self, device: int) -> None:
        lat, lon = self._said[device]
        limits = self._limits.get(device, ())
        found = frozenset(
            number
            for number, there_lat, there_lon, limit_m in limits
            if great_circle_m(lat, lon, there_lat, there_lon) > limit_m
        )
        if found:
            self._astray[device] = found
        else:
            self._astray.pop(device, None)
