"""Waveform packets through ingest and store to the detectors: the same warnings as a replay."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

from hoshyar.chunks import Chunk, chunks
from hoshyar.inprocess import Memory, in_stored_order
from ingest.arrivals import Arrival
from ingest.intake import Intake
from models.engine import Engine
from models.service import Follower
from records.case import Case, Message
from records.clock import ScenarioClock
from records.foreign import Feed
from records.levels import Level
from records.statements import HazardWarning
from records.times import SECOND, from_seconds
from store import clock, foreign, readings, registry, warnings
from store.connection import Database, connect
from store.directory import Registry
from tests.cases.openeew import write

TOPIC = "iot-2/type/OpenEEW/id/{}/evt/status/fmt/json"
BEGIN_S = 1_700_000_000
Form = Callable[[Case], list[Arrival]]
PLACES = {"a1": (16.0, -98.0), "b2": (16.2, -98.1), "c3": (16.1, -97.8), "d4": (16.4, -98.3)}


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        yield database


def quake(folder: Path, rate: float) -> Path:
    """Two minutes of four stations, one with a clock half an hour slow; shaking comes
    to all within seconds, and each clock, delay and second of samples is as ragged as real ones."""
    folder.mkdir()
    random = np.random.default_rng(5)
    head = f'name = "made"\nstart = {np.datetime64(BEGIN_S - 5, "s")}Z\n[[lab]]\nid = "lab"\n'
    head += '[[file]]\npath = "*.jsonl"\nformat = "openeew-jsonl"\n[[detector]]\n'
    head += 'name = "earthquake"\n'
    for number, (name, (lat, lon)) in enumerate(PLACES.items()):
        head += f'[[station]]\nid = "{name}"\nlab = "lab"\nlat = {lat}\nlon = {lon}\n'
        head += f'[[device]]\nid = "{name}"\nstation = "{name}"\n'
        slow_s = 1800.0 if name == "c3" else float(random.normal(0, 0.2))
        lines = []
        for second in range(120):
            count = round(rate * (second + 1)) - round(rate * second)
            shaking = 40.0 if 90 + 2 * number <= second < 105 else 0.3
            last_s = BEGIN_S + second + number / 7
            said: dict[str, Any] = {
                "device_id": name,
                "sr": rate,
                "device_t": last_s - slow_s,
                "cloud_t": last_s + float(random.gamma(2, 0.1)),
            }
            for axis in "xyz":
                said[axis] = random.normal(0, shaking, count).round(3).tolist()
            if second == 60 and name == "a1":
                said["x"][0] = 5000.0  # more than any ground: the sample is passed over
            lines.append(json.dumps(said))
        lines[31:33] = lines[32:30:-1]
        lines.insert(50, lines[48])
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (folder / "case.toml").write_text(head)
    return folder


def raw(case: Case) -> list[tuple[int, str, bytes]]:
    """(arrival, device, message) of the case's files, in order of arrival, then device."""
    found = []
    for path in sorted(case.folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            said = json.loads(line)
            found.append((from_seconds(said["cloud_t"]), said["device_id"].lower(), line))
    return sorted(found, key=lambda row: row[:2])


def as_openeew(case: Case) -> list[Arrival]:
    return [Arrival(TOPIC.format(name), line, at) for at, name, line in raw(case)]


def as_cbor(case: Case) -> list[Arrival]:
    """A packet an axis, as devices of our own send them, with the arrival on a replay's label."""
    seq = dict.fromkeys((name for _, name, _ in raw(case)), 0)
    arrivals = []
    for at, name, line in raw(case):
        said = json.loads(line)
        for axis in "xyz":
            samples = np.array(said[axis])
            lead_s = (len(samples) - 1) / said["sr"]
            start_at = from_seconds(said["device_t"]) - round(lead_s * SECOND)
            packet = {
                "boot": 1, "seq": seq[name], "received_at": at,
                "n": f"{axis}:acceleration", "start": start_at / SECOND, "rate": said["sr"],
                "samples": cbor2.CBORTag(86, samples.astype("<f8").tobytes()),
            }  # fmt: skip
            seq[name] += 1
            topic = f"hoshyar/v1/{case.network.lab[0].id}/{name}/waveform"
            arrivals.append(Arrival(topic, cbor2.dumps(packet), at))
    return arrivals


def replayed(case: Case, messages: Sequence[Message]) -> list[HazardWarning]:
    """As `hoshyar replay --speed max` decides."""
    known = Registry.of(in_stored_order(case.network))
    intake, memory = Intake(known, scenario=True), Memory()
    engine = Engine(known, started_at=case.start_at)
    said = []
    for chunk in chunks(case, messages):
        some = messages[chunk.first : chunk.end]
        work = intake.take([Arrival(m.topic, m.payload, m.received_at) for m in some])
        said += engine.advance(memory.news(work.readings), chunk.until_at)
    return said


def stored(
    db: Database, case: Case, arrivals: Sequence[Arrival], steps: Sequence[Chunk], cut: int
) -> list[HazardWarning]:
    """As ingest and the models' stage decide, in commits of at most `cut` messages."""
    registry.enrol(db, case.network, ScenarioClock(case.start_at))
    devices = {device.id: device.id for device in case.network.device}
    upper = {name.upper(): name for name in devices}
    feed = Feed(name="quakes", topic=TOPIC.format("+"), format="openeew", devices=devices | upper)
    foreign.save(db, [feed])
    clock.set_scenario(db, case.start_at)
    intake = Intake(registry.load(db), scenario=True)
    follower = Follower(db, scenario=True, clock=ScenarioClock(case.start_at))
    follower.step()
    first = 0
    for step in steps:
        while first < len(arrivals) and arrivals[first].received_at <= step.until_at:
            some = [a for a in arrivals[first : first + cut] if a.received_at <= step.until_at]
            work = intake.take(some)
            assert work.quarantined == ()
            readings.commit(db, work)
            first += len(some)
        clock.set_scenario(db, step.until_at)
        follower.step()
    assert first == len(arrivals)
    return [warning for _, warning in warnings.after(db, 0)]


@pytest.mark.promise("R4")
@pytest.mark.parametrize(
    ("form", "cut", "rate"), [(as_openeew, 7, 31.25), (as_openeew, 999, 33.3), (as_cbor, 50, 33.3)]
)
def test_packets_through_the_store_give_the_warnings_of_the_replay(
    db: Database, tmp_path: Path, form: Form, cut: int, rate: float
) -> None:
    case = Case.load(quake(tmp_path / "case", rate))
    messages = list(case.messages())
    expected = replayed(case, messages)
    assert Level.ORANGE in {warning.level for warning in expected}
    assert "c3" in {station for warning in expected for station in warning.stations}
    found = stored(db, case, form(case), list(chunks(case, messages)), cut)
    assert found == expected
    assert db.run("SELECT count(*) FROM reading") == [(0,)]


@pytest.mark.recordings
@pytest.mark.parametrize("kind", ["embedded"])
def test_a_recorded_quake_as_packets_gives_the_warnings_of_its_replay(
    db: Database, recordings: Path, tmp_path: Path
) -> None:
    case = Case.load(write(recordings / "openeew", "2018_1_8", tmp_path / "case"))
    messages = list(case.messages())
    expected = replayed(case, messages)
    assert Level.ORANGE in {warning.level for warning in expected}
    found = stored(db, case, as_openeew(case), list(chunks(case, messages)), 200)
    assert found == expected
