"""Earthquakes: which stations fit one wave, and one recording played through the whole path."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoshyar import inprocess
from hoshyar.chunks import chunks
from models.association import Statement, Vote
from models.detector import Watched
from models.detectors.earthquake import Earthquake
from records import times
from records.case import Case
from records.levels import Level
from records.network import Device, Lab, Network, Station
from records.times import SECOND
from tests.cases.openeew import write

# About 111 km apart, from north to south: 37 s for the slowest wave.
NETWORK = Network(
    lab=(Lab(id="coast"),),
    station=tuple(
        Station(id=name, lab="coast", lat=lat, lon=-100.0)
        for name, lat in (("north", 18.0), ("middle", 17.0), ("south", 16.0))
    ),
    device=tuple(Device(id=name, station=name) for name in ("north", "middle", "south")),
    series=(),
)


def vote(station: str, at_s: float, level: Level = Level.ORANGE, axis: str = "z") -> Vote:
    watched = Watched(id=f"{station}-{axis}", quantity="acceleration", unit="Gal", station=station)
    return Vote(watched=watched, level=level, changed_at=round((1000 + at_s) * SECOND))


def said(*votes: Vote, before: dict[str, Statement] | None = None) -> list[tuple[Level, object]]:
    statements = Earthquake().associate(votes, NETWORK, before or {}, 0)
    return [(s.level, s.stations) for s in statements]


def test_three_stations_that_a_wave_joins_are_orange() -> None:
    found = said(vote("north", 0), vote("middle", 15), vote("south", 30))
    assert found == [(Level.ORANGE, ("middle", "north", "south"))]


def test_three_stations_that_no_wave_joins_are_yellow() -> None:
    found = said(vote("north", 0), vote("middle", 15), vote("south", 90))
    assert found == [(Level.YELLOW, ("middle", "north"))]


def test_three_axes_of_one_station_are_one_station() -> None:
    found = said(*(vote("north", 0, axis=axis) for axis in "xyz"))
    assert found == [(Level.YELLOW, ("north",))]


def test_nothing_is_said_while_nothing_shakes_and_silence_is_blindness() -> None:
    assert said(vote("north", 0, Level.GREEN)) == []
    assert said(vote("north", 0, Level.GREY)) == [(Level.GREY, ("north",))]


def test_a_quake_stands_while_one_of_its_stations_still_shakes() -> None:
    votes = (vote("north", 0), vote("middle", 15), vote("south", 30))
    before = {s.key: s for s in Earthquake().associate(votes, NETWORK, {}, 0)}
    last = vote("south", 60, Level.YELLOW)
    assert said(last, before=before) == [(Level.ORANGE, ("middle", "north", "south"))]
    assert said(vote("south", 90, Level.GREEN), before=before) == []


@pytest.mark.recordings
def test_a_recorded_quake_is_one_incident_declared_after_its_origin(
    recordings: Path, tmp_path: Path
) -> None:
    """M 5.0 of 2017-12-25, 20:23:11: three stations within 20 s of it, none before."""
    case = Case.load(write(recordings / "openeew", "2017_12_25", tmp_path / "case"))
    messages = list(case.messages())
    changes = inprocess.play(case, messages, list(chunks(case, messages)), lambda _: None)
    origin = times.parse("2017-12-25T20:23:11Z")
    declared = [c for c in changes if c.level >= Level.ORANGE]
    assert len({c.alert for c in declared}) == 1
    assert 0 < declared[0].at - origin < 20 * SECOND
    assert len(declared[0].stations) >= 3
