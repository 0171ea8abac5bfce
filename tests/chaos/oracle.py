"""What must be true when it has settled, from three witnesses: generator, wire and store."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.chaos.generator import Made, Probe
from tests.chaos.schedule import PLENTY, Schedule
from tests.chaos.witness import Message, Witness

# A reading: (series id, moment in microseconds since 1970).
Key = tuple[str, int]


@dataclass
class Verdict:
    """Counts of readings, and the first few examples of what is wrong.

    sent        made by the generator
    receipted   in messages that a receipt of ingest's covered
    stored      rows
    lost        receipted and not stored with the right value, or in no store, buffer or `gone`
    invented    rows that nobody measured, or with another value; receipts for what was never sent
    duplicates  rows with a key that another row has, and revisions
    unsettled   still in a buffer, or not yet taken from the sensor
    unfounded   promises (acknowledgements, receipts) that the committed ledger did not bear out
    """

    sent: int = 0
    receipted: int = 0
    stored: int = 0
    gone: int = 0
    lost: int = 0
    invented: int = 0
    duplicates: int = 0
    unsettled: int = 0
    unfounded: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (
            self.lost or self.invented or self.duplicates or self.unsettled or self.unfounded
        )

    def blame(self, what: str, whom: object) -> None:
        if len(self.examples) < 12:
            self.examples.append(f"{what}: {whom}")


@dataclass
class Buffers:
    """What the devices' own files say: which message holds which sample, and what they hold."""

    sample: dict[Message, int]
    held: set[Message]
    gone: set[Message]
    taken: dict[str, int]

    @classmethod
    def read(cls, paths: list[Path]) -> Buffers:
        found = cls({}, set(), set(), {})
        for path in paths:
            if path.exists():
                found._add(path)
        return found

    def _add(self, path: Path) -> None:
        with sqlite3.connect(path) as db:
            for name, text in db.execute("SELECT name, text FROM note"):
                word, device, *key = name.split("/")
                if word == "message":
                    self.sample[device, int(key[0]), int(key[1])] = int(text)
                elif word == "done":
                    self.taken[device] = int(text)
            self.held.update(db.execute("SELECT device, boot, seq FROM message"))
            for device, boot, first, last in db.execute("SELECT * FROM gone"):
                self.gone.update((device, boot, seq) for seq in range(first, last + 1))
        db.close()


def series_id(device: str, point: str) -> str:
    return f"{device}-{point}"


def stored_rows(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[Key, float]]:
    rows = connection.execute(
        "SELECT s.id, (extract(epoch FROM r.measured_at) * 1000000)::int8, r.value"
        " FROM reading r JOIN series s ON s.number = r.series"
    )
    return [((str(id_), int(str(at))), float(str(value))) for id_, at, value in rows]


def judge(
    schedule: Schedule,
    made: Made,
    rows: list[tuple[Key, float]],
    revisions: int,
    buffers: Buffers,
    witness: Witness,
) -> Verdict:
    verdict = Verdict(stored=len(rows), unfounded=len(witness.unfounded))
    stored = dict(rows)
    verdict.duplicates = len(rows) - len(stored) + revisions
    truth = _truth(schedule.probes, made)
    verdict.sent = len(truth)
    for key, value in stored.items():
        if truth.get(key) != value:
            verdict.invented += 1
            verdict.blame("invented", (key, value))
    _receipts(schedule, made, stored, buffers, witness, verdict)
    _fates(schedule, made, stored, buffers, witness, verdict)
    verdict.examples += [f"unfounded: {text}" for text in witness.unfounded[:5]]
    return verdict


def _truth(probes: tuple[Probe, ...], made: Made) -> dict[Key, float]:
    return {
        (series_id(probe.device, point), at): value
        for probe in probes
        for at, values in made[probe.device]
        for point, value in zip(probe.points, values, strict=True)
    }


def _receipts(
    schedule: Schedule,
    made: Made,
    stored: Mapping[Key, float],
    buffers: Buffers,
    witness: Witness,
    verdict: Verdict,
) -> None:
    points = {probe.device: probe.points for probe in schedule.probes}
    covered: set[Key] = set()
    for (device, boot), numbers in witness.covered.items():
        for seq in numbers:
            sample = buffers.sample.get((device, boot, seq))
            if sample is None:
                verdict.invented += 1
                verdict.blame("a receipt for what was never sent", (device, boot, seq))
                continue
            at, values = made[device][sample]
            keys = [(series_id(device, point), at) for point in points[device]]
            right = [stored.get(k) == v for k, v in zip(keys, values, strict=True)]
            if all(right) or seq not in witness.gone[device, boot]:
                covered.update(keys)
            if not all(right) and seq not in witness.gone[device, boot]:
                verdict.lost += right.count(False)
                verdict.blame("receipted and lost", (device, boot, seq, sample))
    verdict.receipted = len(covered)


def _fates(
    schedule: Schedule,
    made: Made,
    stored: Mapping[Key, float],
    buffers: Buffers,
    witness: Witness,
    verdict: Verdict,
) -> None:
    """Every sample is in the store, in a buffer, not yet taken, or declared gone.

    A device that never was full has no right to declare anything gone.
    """
    said = {
        (device, boot, seq) for (device, boot), numbers in witness.gone.items() for seq in numbers
    }
    may_lose = schedule.capacity < PLENTY
    homes: dict[tuple[str, int], list[Message]] = {}
    for message, sample in buffers.sample.items():
        homes.setdefault((message[0], sample), []).append(message)
    fates: Counter[str] = Counter()
    for probe in schedule.probes:
        for sample, (at, values) in enumerate(made[probe.device]):
            keys = [(series_id(probe.device, point), at) for point in probe.points]
            if all(stored.get(k) == v for k, v in zip(keys, values, strict=True)):
                continue
            messages = homes.get((probe.device, sample), [])
            if sample >= buffers.taken.get(probe.device, 0) or buffers.held & {*messages}:
                fates["unsettled"] += len(keys)
            elif may_lose and (said | buffers.gone) & {*messages}:
                fates["gone"] += len(keys)
            else:
                fates["lost"] += len(keys)
                verdict.blame("neither stored nor held nor gone", (probe.device, sample, messages))
    verdict.unsettled = fates["unsettled"] + len(buffers.held)
    verdict.gone = fates["gone"]
    verdict.lost += fates["lost"]
