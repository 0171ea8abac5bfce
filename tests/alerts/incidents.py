"""Warnings, what people do, and the lines that come of them."""

from __future__ import annotations

from typing import Any

from alerts.lifecycle import ActionKind
from records.levels import Hazard, Level
from records.network import Area, Device, Lab, Network, Series, Station
from records.statements import Action, AlertChange, HazardWarning, Phrase
from records.times import MINUTE, parse

START = parse("2026-03-01T00:00:00Z")
HOLD = 30 * MINUTE

NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(
        Station(id="gauge-1", lab="north", lat=36, lon=74, area="valley"),
        Station(id="buoy-1", lab="north", lat=20, lon=120),
        Station(id="buoy-2", lab="north", lat=21, lon=121),
    ),
    device=(
        Device(id="d1", station="gauge-1"),
        Device(id="d2", station="buoy-1"),
        Device(id="d3", station="buoy-2"),
    ),
    series=(
        Series(id="s1", station="gauge-1", device="d1", quantity="stage", unit="m"),
        Series(id="p1", station="buoy-1", device="d2", quantity="water_column_height", unit="m"),
        Series(id="p2", station="buoy-2", device="d3", quantity="water_column_height", unit="m"),
    ),
    area=(Area(id="valley", lab="north"),),
)


def warning(level: Level, at: int, source: str = "stage-limit/s1", **changed: Any) -> HazardWarning:
    detector = source.partition("/")[0]
    values: dict[str, Any] = {
        "source": source,
        "detector": detector,
        "version": "1",
        "hazard": Hazard.RIVER_FLOOD,
        "area": "valley",
        "level": level,
        "stations": ("gauge-1",),
        "simulated": False,
        "decided_at": at,
        "reason": Phrase(text="Stage over {limit}.", values={"limit": 2.5}),
    }
    return HazardWarning(**values | changed)


def action(kind: ActionKind, person: str, at: int, note: str = "", alert: str = "") -> Action:
    return Action(
        alert=alert or "river-flood-valley-20260301T000000Z",
        kind=kind,
        person=person,
        at=at,
        note=note,
    )


def told(changes: list[AlertChange]) -> list[tuple[int, str, Level]]:
    """Minutes since the start, change and level of each line."""
    return [((c.at - START) // MINUTE, c.change, c.level) for c in changes]
