"""What CAP 1.2 asks about each hazard and level, as tables."""

from __future__ import annotations

from dataclasses import dataclass

from records.levels import Hazard, Level
from records.statements import AlertChange
from records.times import HOUR


@dataclass(frozen=True, slots=True)
class Profile:
    """CAP's category, whom it concerns, and the kind of response at yellow, orange and red."""

    category: str
    responses: tuple[str, str, str]
    public: bool = True


_LEAVE = ("Monitor", "Prepare", "Evacuate")
PROFILES: dict[Hazard, Profile] = {
    # CAP counts floods as meteorological, landslides and what comes from the ground as geophysical.
    Hazard.RIVER_FLOOD: Profile("Met", _LEAVE),
    Hazard.FLASH_FLOOD: Profile("Met", _LEAVE),
    Hazard.LAKE_OUTBURST: Profile("Geo", _LEAVE),
    Hazard.LANDSLIDE: Profile("Geo", _LEAVE),
    Hazard.EARTHQUAKE: Profile("Geo", ("Monitor", "Shelter", "Shelter")),
    Hazard.TSUNAMI: Profile("Geo", _LEAVE),
    Hazard.STORM_SURGE: Profile("Met", _LEAVE),
    Hazard.HIGH_WAVES: Profile("Met", ("Monitor", "Avoid", "Avoid")),
    Hazard.PLANT_FAULT: Profile("Infra", ("Monitor", "Assess", "Execute"), public=False),
    Hazard.SENSOR_HEALTH: Profile("Infra", ("Assess", "Assess", "Assess"), public=False),
    Hazard.UNWATCHED: Profile("Infra", ("Assess", "Assess", "Assess"), public=False),
}
RESTRICTION = "For people on duty in the joint lab and its plants."

_SEVERITY = {
    Level.GREEN: "Minor",
    Level.YELLOW: "Moderate",
    Level.ORANGE: "Severe",
    Level.RED: "Extreme",
}
_URGENCY = {Level.YELLOW: "Future", Level.ORANGE: "Expected", Level.RED: "Immediate"}


def response(change: AlertChange) -> str:
    if change.level is Level.GREEN:
        return "AllClear"
    return PROFILES[change.hazard].responses[change.level - Level.YELLOW]


def severity(change: AlertChange) -> str:
    return _SEVERITY[change.level]


def urgency(change: AlertChange) -> str:
    """How soon to act: by the lead time where there is one, else by the level.

    CAP: Immediate is now, Expected within the next hour, Future later than that.
    """
    if change.level is Level.GREEN:
        return "Past"
    if change.onset_at is None or change.level is Level.RED:
        return _URGENCY[change.level]
    return "Expected" if change.onset_at - change.at <= HOUR else "Future"


def certainty(change: AlertChange) -> str:
    """Observed where it is already there, Likely where it is announced, Possible if yellow."""
    if change.level <= Level.YELLOW:
        return "Possible" if change.level is Level.YELLOW else "Observed"
    ahead = change.onset_at is not None and change.onset_at > change.at
    return "Likely" if ahead or change.blind else "Observed"
