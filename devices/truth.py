"""What really happens in a scenario: events, arrivals, crossings and peaks, for scoring."""

from __future__ import annotations

import numpy as np

from devices.accelerometers import ACCELEROMETERS, AXES, Accelerometer
from devices.instruments import INSTRUMENTS, Instrument
from devices.laws import COAST
from devices.places import stations
from devices.river import LAG_S
from devices.scenarios import BEARING_S, CREEP_S, OUTBURST_S, QUAKE_S, Scenario
from devices.seismic import P_MS, S_MS
from devices.upkeep import DeviceClock
from devices.world import World
from records.levels import Hazard
from records.network import Record
from records.times import SECOND

HORIZON_S = 7200
FELT_S = 60.0


class Event(Record, frozen=True):
    """A thing that happens: `begin_s` after the scenario's start."""

    hazard: Hazard
    area: str
    begin_s: float


class Course(Record, frozen=True):
    """One series over the two hours after the start; times in s after it.

    first, lowest and highest values in the series' unit; `arrival_s` is when the event's front
    reaches the place, for series that feel it; `crossed_s` when the truth first is at or above
    each limit.
    """

    series: str
    station: str
    unit: str
    first: float
    lowest: float
    highest: float
    highest_s: float
    arrival_s: float | None = None
    crossed_s: dict[str, float] = {}


class Shaking(Record, frozen=True):
    """What an accelerometer feels: arrivals in s after the start, the strongest of all axes."""

    device: str
    station: str
    distance_km: float
    p_s: float
    s_s: float
    strongest_gal: float
    strongest_s: float
    clock_offset_s: float


class Quake(Record, frozen=True):
    """The source (degrees, km, moment magnitude, s after the start) and what it does."""

    lat: float
    lon: float
    depth_km: float
    magnitude: float
    origin_s: float
    shaking: tuple[Shaking, ...]


class Truth(Record, frozen=True):
    scenario: str
    seed: int
    start_at: int
    events: tuple[Event, ...]
    courses: tuple[Course, ...]
    quake: Quake | None = None


_EVENTS = {
    Scenario.QUIET: (),
    Scenario.LAKE_OUTBURST: (
        Event(hazard=Hazard.LAKE_OUTBURST, area="upper-valley", begin_s=OUTBURST_S),
    ),
    Scenario.BEARING_FAILURE: (Event(hazard=Hazard.PLANT_FAULT, area="plant", begin_s=BEARING_S),),
    Scenario.TSUNAMI: (Event(hazard=Hazard.TSUNAMI, area="makran-coast", begin_s=QUAKE_S),),
    Scenario.EARTHQUAKE: (Event(hazard=Hazard.EARTHQUAKE, area="gilgit", begin_s=QUAKE_S),),
}


def truth(seed: int, scenario: Scenario, start_at: int) -> Truth:
    """The truth of one run of a scenario, begun at `start_at`."""
    world = World(seed, scenario, start_at)
    quiet = World(seed, Scenario.QUIET, start_at)
    return Truth(
        scenario=str(scenario),
        seed=seed,
        start_at=start_at,
        events=_EVENTS[scenario],
        courses=tuple(_course(world, quiet, row) for row in INSTRUMENTS),
        quake=_quake(world, seed) if scenario is Scenario.EARTHQUAKE else None,
    )


def _quake(world: World, seed: int) -> Quake:
    source = world.earthquake.source
    return Quake(
        lat=source.lat,
        lon=source.lon,
        depth_km=source.depth_km,
        magnitude=source.magnitude,
        origin_s=source.origin_s,
        shaking=tuple(_shaking(world, seed, row) for row in ACCELEROMETERS),
    )


def _shaking(world: World, seed: int, row: Accelerometer) -> Shaking:
    place = next(station for station in stations() if station.id == row.station)
    source = world.earthquake.source
    felt_s = source.origin_s + np.arange(0.0, FELT_S, 1.0 / row.rate_hz)
    seconds = world.start_at / SECOND + felt_s
    felt = [np.abs(world.earthquake.ground(seconds, place, axis)) for axis in AXES]
    strongest = np.max(felt, axis=0)
    clock = DeviceClock.of(seed, row.device, world.scenario)
    return Shaking(
        device=row.device,
        station=row.station,
        distance_km=round(source.distance_m(place) / 1000.0, 2),
        p_s=round(source.arrival_s(place, P_MS), 2),
        s_s=round(source.arrival_s(place, S_MS), 2),
        strongest_gal=round(float(strongest.max()), 2),
        strongest_s=round(float(felt_s[strongest.argmax()]), 2),
        clock_offset_s=round(clock.offset(world.start_at) / SECOND, 3),
    )


def _course(world: World, quiet: World, row: Instrument) -> Course:
    moments = world.start_at + np.arange(HORIZON_S + 1) * SECOND
    values = world.truth(row.series, moments)
    felt = bool(np.any(np.abs(values - quiet.truth(row.series, moments)) > row.noise))
    limits = {level: getattr(row.thresholds, level) for level in ("yellow", "orange", "red")}
    return Course(
        series=row.series,
        station=row.station,
        unit=row.unit,
        first=round(float(values[0]), 4),
        lowest=round(float(values.min()), 4),
        highest=round(float(values.max()), 4),
        highest_s=float(values.argmax()),
        arrival_s=arrival_s(world.scenario, row.station) if felt else None,
        crossed_s={
            level: float(np.argmax(values >= limit))
            for level, limit in limits.items()
            if limit is not None and bool(np.any(values >= limit))
        },
    )


def arrival_s(scenario: Scenario, station: str) -> float | None:
    """Seconds after the start at which the event's front reaches a station, or None."""
    if scenario is Scenario.LAKE_OUTBURST and station in LAG_S:
        return OUTBURST_S + LAG_S[station]
    if scenario is Scenario.LAKE_OUTBURST and station == "moraine":
        return CREEP_S
    if scenario is Scenario.TSUNAMI and station in COAST:
        return round(QUAKE_S + COAST[station][0].travel_s(), 1)
    if scenario is Scenario.BEARING_FAILURE and station == "plant":
        return BEARING_S
    return None
