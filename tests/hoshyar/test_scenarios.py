"""What each scenario of the simulated devices leads to, through the pure cores of all stages."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby

import numpy as np
import pytest

from alerts.engine import Alerting
from devices import waveform
from devices.accelerometers import ACCELEROMETERS, AXES
from devices.history import history
from devices.instruments import INSTRUMENTS
from devices.network import network
from devices.places import stations
from devices.scenarios import Scenario
from devices.senml import Value, encode
from devices.truth import truth
from devices.upkeep import DeviceClock
from devices.waveform import Stretch
from devices.world import World
from hoshyar.inprocess import in_stored_order
from ingest.arrivals import Arrival
from ingest.intake import Intake
from models import packets
from models.engine import Engine
from records import times
from records.levels import Hazard, Level, Status
from records.readings import concatenate
from records.statements import AlertChange
from records.times import SECOND
from records.topics import device_topic
from records.waveforms import moments
from store.directory import Registry

START_AT = times.parse("2026-07-01T06:00:00Z")
SEED = 3


def arrivals(scenario: Scenario, minutes: float) -> list[Arrival]:
    """Nine hours of the sea, then everything that all devices send for so long."""
    world = World(SEED, scenario, START_AT)
    labs = {station.id: station.lab for station in stations()}
    found = [
        Arrival(sent.topic, sent.payload.encode(), sent.received_at)
        for sent in history(SEED, START_AT)
    ]
    for device, instruments in groupby(INSTRUMENTS, key=lambda row: row.device):
        rows = list(instruments)
        step = round(rows[0].interval_s * SECOND)
        moments = np.arange(START_AT, START_AT + round(minutes * 60 * SECOND), step, dtype=np.int64)
        values = [world.measured(row, moments).tolist() for row in rows]
        topic = device_topic(labs[rows[0].station], device, "readings")
        for seq, moment in enumerate(moments.tolist()):
            said = [
                Value(row.quantity, row.point, row.unit, of_row[seq])
                for row, of_row in zip(rows, values, strict=True)
            ]
            found.append(Arrival(topic, encode(device, 1, seq, moment, said), moment + SECOND // 5))
    return sorted(found, key=lambda arrival: (arrival.received_at, arrival.topic))


def shaken(scenario: Scenario, minutes: float, seed: int) -> list[Arrival]:
    """What the accelerometers alone send for so long, each by its own clock."""
    world = World(seed, scenario, START_AT)
    found = []
    for row in ACCELEROMETERS:
        clock = DeviceClock.of(seed, row.device, scenario)
        topic = device_topic("gilgit", row.device, "waveform")
        place = np.arange(round(row.rate_hz))
        for second in range(round(60 * minutes)):
            true_at = START_AT + second * SECOND
            for axis_number, axis in enumerate(AXES):
                samples = world.samples(row, axis, moments(true_at, row.rate_hz, place))
                stretch = Stretch(
                    "acceleration", axis, "Gal", clock.read(true_at), row.rate_hz, samples
                )
                payload = waveform.encode(1, 3 * second + axis_number, stretch)
                found.append(Arrival(topic, payload, true_at + SECOND + SECOND // 5 + axis_number))
    return sorted(found, key=lambda arrival: (arrival.received_at, arrival.topic))


def lived(
    scenario: Scenario, minutes: float, sent: list[Arrival] | None = None
) -> list[AlertChange]:
    registry = Registry.of(in_stored_order(network()))
    sent = sent or arrivals(scenario, minutes)
    intake, alerting = Intake(registry), Alerting(registry.network, scenario=False)
    engine = Engine(registry, started_at=sent[0].received_at - 1)
    changes: list[AlertChange] = []
    for first in range(0, len(sent), 2000):
        chunk = sent[first : first + 2000]
        commit = intake.take(chunk)
        assert commit.quarantined == ()
        now_at = chunk[-1].received_at
        rows = concatenate([commit.readings, packets.rows(registry, commit.waveforms)])
        changes += alerting.advance(engine.advance(rows, now_at), [], now_at)
    return changes


def first_at(changes: list[AlertChange], level: Level) -> dict[tuple[Hazard, str], float]:
    """Seconds from the scenario's start to the first line at this level, by hazard and area."""
    found: dict[tuple[Hazard, str], list[float]] = defaultdict(list)
    for change in changes:
        if change.level >= level:
            found[change.hazard, change.area].append((change.at - START_AT) / SECOND)
    return {key: min(values) for key, values in found.items()}


def test_a_quiet_hour_raises_nothing() -> None:
    assert lived(Scenario.QUIET, 60) == []


def test_an_outburst_is_orange_then_red_for_the_village_long_before_the_wave() -> None:
    changes = lived(Scenario.LAKE_OUTBURST, 8)
    village = (Hazard.LAKE_OUTBURST, "village")
    orange, red = first_at(changes, Level.ORANGE)[village], first_at(changes, Level.RED)[village]
    event = truth(SEED, Scenario.LAKE_OUTBURST, START_AT)
    begin_s = event.events[0].begin_s
    assert begin_s < orange < red < 300
    wave_s = min(
        course.arrival_s
        for course in event.courses
        if course.series.startswith("village-gauge-stage") and course.arrival_s is not None
    )
    leads = [c.lead_s for c in changes if (c.hazard, c.area) == village and c.lead_s is not None]
    assert leads
    assert red + min(leads) == pytest.approx(wave_s, rel=0.25)
    assert {change.status for change in changes} == {Status.EXERCISE}


def test_a_failing_bearing_is_a_fault_of_the_plant_and_of_nothing_else() -> None:
    changes = lived(Scenario.BEARING_FAILURE, 8)
    assert set(first_at(changes, Level.RED)) == {(Hazard.PLANT_FAULT, "plant")}
    begin_s = truth(SEED, Scenario.BEARING_FAILURE, START_AT).events[0].begin_s
    assert begin_s < first_at(changes, Level.ORANGE)[Hazard.PLANT_FAULT, "plant"] < 300


def test_a_tsunami_is_known_at_sea_before_it_is_at_the_coast() -> None:
    changes = lived(Scenario.TSUNAMI, 14)
    orange = first_at(changes, Level.ORANGE)
    assert {hazard for hazard, _ in orange} == {Hazard.TSUNAMI}
    event = truth(SEED, Scenario.TSUNAMI, START_AT)
    at_the_coast_s = min(
        course.arrival_s
        for course in event.courses
        if course.series.endswith("sea-level") and course.arrival_s is not None
    )
    assert event.events[0].begin_s < min(orange.values()) < at_the_coast_s - 600


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_earthquake_is_declared_by_stations_that_felt_it_and_no_sooner(seed: int) -> None:
    """The station whose clock is half an hour slow is one of those that may say so."""
    changes = lived(Scenario.EARTHQUAKE, 2, shaken(Scenario.EARTHQUAKE, 2, seed))
    quake = truth(seed, Scenario.EARTHQUAKE, START_AT).quake
    assert quake is not None
    declared = [change for change in changes if change.level >= Level.ORANGE]
    assert {change.hazard for change in changes} == {Hazard.EARTHQUAKE}
    assert {change.status for change in changes} == {Status.EXERCISE}
    assert min(one.p_s for one in quake.shaking) < (changes[0].at - START_AT) / SECOND
    arrivals_s = sorted(one.p_s for one in quake.shaking)
    first_s = (declared[0].at - START_AT) / SECOND
    assert arrivals_s[2] < first_s < max(one.s_s for one in quake.shaking) + 3
    assert len(declared[0].stations) >= 3


def test_accelerometers_on_quiet_ground_raise_nothing() -> None:
    assert lived(Scenario.QUIET, 5, shaken(Scenario.QUIET, 5, SEED)) == []
