"""How many stations must agree, and for how long it must be over, by hazard."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from records.levels import Hazard, Level
from records.network import Network
from records.times import HOUR, MINUTE, SECOND

# Timers of the life cycle fire on multiples of this, so that no wake-up of a process can matter.
GRID = 10 * SECOND
# An alert that stands is said again before anybody may take it for expired.
RENEW_AFTER = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Together:
    """Stations of one detector that must agree on orange or red; fewer count as yellow.

    Where `quantity` is given and the area has fewer stations that measure it, those are enough.
    """

    stations: int
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """When an incident of a hazard rises and falls.

    hold        microseconds for which a source must have been seen below a level to leave it
    stations    stations, of any detector, that must agree on a level to raise it
    together    further demands on single detectors, by name
    """

    hold: int = 10 * MINUTE
    stations: int = 1
    together: Mapping[str, Together] | None = None

    def demand(self, detector: str) -> Together | None:
        return (self.together or {}).get(detector)


_DEFAULT = Policy()
# Holds follow how the hazard behaves: tsunami waves come for hours (warning centres wait two
# hours after the last damaging wave), a flood's crest passes slowly, shaking ends in minutes.
POLICIES: Mapping[Hazard, Policy] = {
    Hazard.RIVER_FLOOD: Policy(hold=30 * MINUTE),
    Hazard.FLASH_FLOOD: Policy(hold=30 * MINUTE),
    Hazard.LAKE_OUTBURST: Policy(hold=30 * MINUTE),
    Hazard.LANDSLIDE: Policy(hold=60 * MINUTE),
    Hazard.EARTHQUAKE: Policy(hold=5 * MINUTE, together={"earthquake": Together(3)}),
    Hazard.TSUNAMI: Policy(
        hold=2 * HOUR, together={"tsunami-pressure": Together(2, "water_column_height")}
    ),
    Hazard.STORM_SURGE: Policy(hold=60 * MINUTE),
    Hazard.HIGH_WAVES: Policy(hold=60 * MINUTE),
    Hazard.PLANT_FAULT: Policy(hold=30 * MINUTE),
}


def policy(hazard: Hazard) -> Policy:
    return POLICIES.get(hazard, _DEFAULT)


class Measurers:
    """Which stations of an area measure a quantity, real and simulated ones apart."""

    def __init__(self, network: Network) -> None:
        simulated = {device.id: device.simulated for device in network.device}
        area = {station.id: station.area or station.lab for station in network.station}
        self._stations: dict[tuple[str, str, bool], set[str]] = {}
        for series in network.series:
            place = (series.quantity, area[series.station], simulated[series.device])
            self._stations.setdefault(place, set()).add(series.station)

    def of(self, quantity: str, area: str, simulated: bool) -> Set[str]:
        return self._stations.get((quantity, area, simulated), frozenset())


def needed(demand: Together | None, level: Level, measurers: int) -> int:
    """Stations of one detector that must agree on `level`; `measurers`: how many there are."""
    if demand is None or level <= Level.YELLOW:
        return 1
    return max(1, min(demand.stations, measurers)) if demand.quantity else demand.stations
