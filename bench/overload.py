"""P1, case `overload`: ten times what ingest can store, for two minutes, through real firmware.

Ingest is a process of its own whose commits are paced to `CAP_PER_S`. Devices (`devices.device`,
each on its own connection, buffers in memory) sample 30,000 readings/s in messages of 50, hold what
no receipt covers, and go on until nothing is held; the cap is lifted when they have sampled all.
What receipts covered is looked up twice, value by value and in the ledger: under the cap, and at
the end. `python -m bench.overload ingest` and `... send PORT SECONDS START_AT` are the children.
"""

from __future__ import annotations

import os
import selectors
import sys
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

import msgspec
import numpy as np

from bench.child import started
from bench.servers import broker, database, hall
from devices.buffer import Buffer
from devices.device import Firmware, Receipt
from devices.link import Access, Link
from devices.ranges import Range, merged, outside
from devices.senml import Value
from ingest.service import Service
from records.clock import WallClock
from records.network import Network
from records.ports import free_port
from records.settings import BrokerAddress, Secret, Settings
from records.times import SECOND
from store import readings, stages
from store.connection import Database, connect
from store.figures import figures
from store.readings import Commit, Committed
from store.registry import Registry, load

CAP_PER_S = 3_000
DEVICES = 20
POINTS = 50
RATE_HZ = 30
OFFERED_S = 120
QUICK_S = 10
DRAIN_S = 1_500.0
LATE_AFTER_S = 600.0
BOOT = 1
_CARE_S = 5.0


def device(number: int) -> str:
    return f"rack-{number}"


def network() -> Network:
    named = [device(number) for number in range(DEVICES)]
    return hall(named, POINTS, late_after_s=LATE_AFTER_S)


def measured_at(start_at: int, seq: Any) -> Any:
    """Device time of a message, or of many (microseconds since 1970)."""
    return start_at + seq * SECOND // RATE_HZ


def thousandths(number: int, seq: Any, point: Any) -> Any:
    """A reading of device `number` in thousandths of [g]: of no two neighbours the same."""
    return 400 + (number * 31 + seq * 7919 + point * 104_729) % 1000


class Said(msgspec.Struct):
    """What the senders know: `receipted` are ranges of `seq` by device, `held` messages."""

    offered: int
    spent_s: float
    held: int
    gone: int
    receipted: list[list[Range]]

    @property
    def settled(self) -> int:
        """Messages that receipts covered."""
        return sum(last - first + 1 for ranges in self.receipted for first, last in ranges)


class Noted(Firmware):
    """Notes what its receipts covered."""

    receipted: list[Range]

    def settle(self, receipt: Receipt) -> None:
        super().settle(receipt)
        covered = outside(0, receipt.through, receipt.missing)
        self.receipted = merged([*self.receipted, *covered])


class Rack:
    """All devices of the bench on one loop; `seconds` of samples from `start_at` on."""

    def __init__(self, port: int, seconds: int, start_at: int) -> None:
        self._count = seconds * RATE_HZ
        self._start_at = start_at
        self._selector = selectors.DefaultSelector()
        self._buffer = Buffer(":memory:")
        access = Access(BrokerAddress("127.0.0.1", port, tls=False), "", Secret(""), "")
        self._devices = [
            Noted(
                device(number),
                self._buffer,
                late_after_s=LATE_AFTER_S,
                capacity=self._count,
                first_boot=BOOT,
            )
            for number in range(DEVICES)
        ]
        self._links = []
        for firmware in self._devices:
            firmware.receipted = []
            link = Link("bench", firmware, access, self._selector, dict, WallClock().now)
            self._links.append(link)
        self._cared_s = float("-inf")
        self._began_s = time.monotonic()

    def offer(self) -> Said:
        """Sample at the set rate until all is sampled."""
        while self._devices[0].next_seq < self._count:
            due = int((time.monotonic() - self._began_s) * RATE_HZ)
            self._turn(min(due, self._count) - self._devices[0].next_seq)
        return self._said()

    def drain(self) -> Said:
        """Go on until nothing is held, `DRAIN_S` at the longest."""
        began_s = time.monotonic()
        while self._held() and time.monotonic() - began_s < DRAIN_S:
            self._turn(0)
        return self._said()

    def _turn(self, samples: int) -> None:
        tick_s = time.monotonic()
        if tick_s - self._cared_s >= _CARE_S:
            self._cared_s = tick_s
            for link in self._links:
                if link.open:
                    link.keep_alive()
                else:
                    link.connect()
        with self._buffer.transaction():
            for selected, mask in self._selector.select(0.01):
                selected.data.serve(mask)
            for _ in range(samples):
                for number, firmware in enumerate(self._devices):
                    self._sample(number, firmware)
            for link in self._links:
                link.send(tick_s)
                link.watch()

    def _sample(self, number: int, firmware: Firmware) -> None:
        seq = firmware.next_seq
        values = [
            Value("vibration", f"p{point}", "[g]", thousandths(number, seq, point) / 1000)
            for point in range(POINTS)
        ]
        firmware.record(measured_at(self._start_at, seq), values)

    def _held(self) -> int:
        return sum(self._buffer.count(firmware.device) for firmware in self._devices)

    def _said(self) -> Said:
        return Said(
            offered=sum(firmware.next_seq for firmware in self._devices),
            spent_s=time.monotonic() - self._began_s,
            held=self._held(),
            gone=sum(last - first + 1 for x in self._devices for _, (first, last) in x.gone),
            receipted=[firmware.receipted for firmware in self._devices],
        )


def send(port: int, seconds: int, start_at: int) -> None:
    """Says a line when all is sampled, and another one when all is settled."""
    rack = Rack(port, seconds, start_at)
    for part in (rack.offer, rack.drain):
        print(msgspec.json.encode(part()).decode(), flush=True)
    sys.stdin.readline()


def capped_ingest() -> None:
    """Ingest that stores `CAP_PER_S` until it reads a line."""
    lifted = threading.Event()

    def lift() -> None:
        sys.stdin.readline()
        lifted.set()

    def commit(db: Database, work: Commit) -> Committed:
        lifted.wait(len(work.readings) / CAP_PER_S)
        return readings.commit(db, work)

    threading.Thread(target=lift, daemon=True).start()
    Service(Settings.read(os.environ), threading.Event(), commit=commit).run()


def lost(db: Database, known: Registry, said: Said, start_at: int) -> int:
    """Readings that receipts covered and that the ledger or the store has not, or has otherwise."""
    settled = readings.ledger(db)
    count = 0
    for number, ranges in enumerate(said.receipted):
        key = (known.device_number[device(number)], BOOT)
        promised = [np.arange(first, last + 1) for first, last in ranges]
        seq = np.concatenate([np.zeros(0, np.int64), *promised])
        in_ledger = np.zeros(len(seq), bool)
        for first, last in settled.get(key, ()):
            in_ledger |= (first <= seq) & (seq <= last)
        count += int((~in_ledger).sum()) * POINTS
        for point in range(POINTS):
            right = _stored(db, known, number, point, start_at)
            count += int((~np.isin(seq[in_ledger], right)).sum())
    return count


def _stored(db: Database, known: Registry, number: int, point: int, start_at: int) -> Any:
    """Numbers of the messages whose reading of this point is in the store with its value."""
    series = known.series_number[f"{device(number)}-{point}"]
    until_at = measured_at(start_at, OFFERED_S * RATE_HZ)
    found = readings.between(db, [series], start_at, until_at)
    seq = np.rint((found.measured_at - start_at) * RATE_HZ / SECOND).astype(np.int64)
    same = found.measured_at == measured_at(start_at, seq)
    same &= found.value == thousandths(number, seq, point) / 1000
    return seq[same]


def highest_mb(pid: int) -> float:
    """Most resident memory of a process so far, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def measure(server: str, folder: Path, kind: str, *, quick: bool) -> dict[str, Any]:
    """The record of the case; `is_kept` says whether it is as it has to be."""
    port = free_port()
    with broker(kind, folder, port), database(server, "bench_overload", network()) as dsn:
        environment = {"HOSHYAR_DSN": dsn, "HOSHYAR_BROKER": f"mqtt://127.0.0.1:{port}"}
        with (
            started("bench.overload", "ingest", **environment) as stage,
            connect(dsn, stage="bench") as db,
        ):
            while [s.state for s in stages.all(db)] != ["running"]:
                time.sleep(0.05)
            return {"broker": kind} | _overloaded(stage, db, port, QUICK_S if quick else OFFERED_S)


def _overloaded(stage: Popen[str], db: Database, port: int, seconds: int) -> dict[str, Any]:
    """Offer, look, lift the cap, wait until all is drained, and look again."""
    known, start_at = load(db), WallClock().now() // SECOND * SECOND
    arguments = ("send", str(port), str(seconds), str(start_at))
    with started("bench.overload", *arguments) as senders:
        assert senders.stdout
        assert stage.stdin
        under = msgspec.json.decode(senders.stdout.readline(), type=Said)
        missed = lost(db, known, under, start_at)
        stage.stdin.write("lift\n")
        stage.stdin.flush()
        lifted_s = time.monotonic()
        end = msgspec.json.decode(senders.stdout.readline(), type=Said)
        drained_s = time.monotonic() - lifted_s
        missed = max(missed, lost(db, known, end, start_at))
    return {
        "id": "P1",
        "case": "overload",
        "value": round(highest_mb(stage.pid), 1),
        "unit": "MB",
        "beside": {
            "offered_per_s": round(under.offered * POINTS / under.spent_s),
            "receipted": under.settled * POINTS,
            "held": under.held * POINTS,
            "lost": missed,
            "receipted_at_last": end.settled * POINTS,
            "held_at_last": end.held * POINTS,
            "gone": end.gone * POINTS,
            "stored": figures(db, 0).readings_stored,
            "drained_s": round(drained_s, 1),
        },
        "n": under.offered * POINTS,
    }


def is_kept(record: dict[str, Any]) -> bool:
    """Nothing that was receipted is lost, and everything was drained, once each."""
    beside = record["beside"]
    everything = beside["receipted_at_last"] == beside["stored"] == record["n"]
    return everything and not (beside["lost"] or beside["held_at_last"] or beside["gone"])


if __name__ == "__main__":
    if sys.argv[1] == "ingest":
        capped_ingest()
    else:
        send(*map(int, sys.argv[2:]))
