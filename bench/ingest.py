"""P1: readings a second committed, with all checks, and what a reading costs ingest.

A publisher, a broker, ingest and PostgreSQL share this machine, as they would a small server.
Beside it, in the same run: a paho subscriber that only counts, and binary COPY of the same rows.
The case `overload` (see `bench.overload`) fails where something receipted is lost or not drained.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from bench import overload, publisher, scaling
from bench.child import started
from bench.servers import KINDS, MOSQUITTO, broker, database, network
from ingest.intake import Arrival, Intake
from records.ports import free_port
from records.times import DAY, SECOND
from store import registry, stages
from store.binary import STORED, pack
from store.connection import connect
from store.embedded import EmbeddedServer
from store.figures import figures

READINGS_A_MESSAGE = (1, 10, 50)
CASES = (*map(str, READINGS_A_MESSAGE), "workers", "overload")
# Enough for some seconds each on two cores; a broker's queue holds the lead without losing any.
MESSAGES = {1: 150_000, 10: 60_000, 50: 20_000}
LEAD_BYTES = 6_000_000
WAIT_S = 300.0


@dataclass(frozen=True)
class Run:
    """How fast, and what a message cost the process that took it."""

    messages_per_s: float
    cpu_us_a_message: float


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def play(port: int, messages: int, readings: int, pid: int, taken: Callable[[], int]) -> Run:
    """Publish and wait until all messages are taken; `taken` says how many are."""
    lead = LEAD_BYTES // len(publisher.payload(0, readings, 0.0))
    arguments = ("127.0.0.1", str(port), str(messages), str(readings))
    with started("bench.publisher", *arguments) as sender:
        assert sender.stdin
        assert sender.stdout
        sender.stdout.readline()
        began_s, began_cpu_s = time.monotonic(), cpu_s(pid)
        done = 0
        while done < messages:
            allow(sender.stdin, done + lead)
            time.sleep(0.02)
            done = taken()
            if time.monotonic() - began_s > WAIT_S:
                raise SystemExit(f"bench: only {done} of {messages} messages were taken")
        spent_s = time.monotonic() - began_s
        return Run(messages / spent_s, (cpu_s(pid) - began_cpu_s) / messages * 1e6)


def allow(pipe: IO[str], messages: int) -> None:
    with suppress(BrokenPipeError):  # it may have sent everything and be gone
        pipe.write(f"{messages}\n")
        pipe.flush()


def through_ingest(dsn: str, port: int, messages: int, readings: int) -> Run:
    """From the publisher into the store."""
    with (
        started("ingest", HOSHYAR_DSN=dsn, HOSHYAR_BROKER=f"mqtt://127.0.0.1:{port}") as stage,
        connect(dsn, stage="bench") as db,
    ):
        while [s.state for s in stages.all(db)] != ["running"]:
            time.sleep(0.05)
        return play(
            port,
            messages,
            readings,
            stage.pid,
            lambda: figures(db, 0).readings_stored // readings,
        )


def only_counted(port: int, messages: int, readings: int) -> Run:
    """From the publisher to a subscriber that does nothing."""
    with started("bench.counter", "127.0.0.1", str(port)) as counter:
        assert counter.stdout
        counter.stdout.readline()
        pipe = counter.stdout.fileno()
        count = 0

        def taken() -> int:
            nonlocal count
            if select.select([pipe], [], [], 0)[0]:
                lines = os.read(pipe, 65536).split()
                count = int(lines[-1]) if lines else count
            return count

        return play(port, messages, readings, counter.pid, taken)


def copied(dsn: str, messages: int, readings: int) -> float:
    """Rows a second of COPY, from memory, into the table with its key."""
    known = registry.Registry.of(network())
    start_s = float(int(time.time()))
    arrivals = [
        Arrival(
            f"hoshyar/v1/bench/{publisher.device(n)}/readings",
            publisher.payload(n, readings, start_s),
            int(start_s * SECOND),
        )
        for n in range(messages)
    ]
    data = pack(Intake(known).take(arrivals).readings, 0, 1)
    with connect(dsn, stage="bench") as db:
        day = int(start_s * SECOND) // DAY
        db.flavour.make_ready(db, [day, day + 1], day)
        began_s = time.monotonic()
        db.copy_in(f"COPY reading ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)", data)
        return messages * readings / (time.monotonic() - began_s)


def measure(server: str, folder: Path, kind: str, messages: int, readings: int) -> list[Any]:
    """The records of one case on one broker."""
    name = f"bench_{kind}_{readings}"
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(broker(kind, folder, port))
        dsn = stack.enter_context(database(server, name))
        count = only_counted(port, messages, readings)
        run = through_ingest(dsn, port, messages, readings)
    with database(server, f"{name}_copy") as dsn:
        copy = copied(dsn, messages, readings)
    return records(kind, messages, readings, run, count, copy)


def measured(
    case: str, server: str, folder: Path, brokers: Sequence[str], *, quick: bool
) -> list[dict[str, Any]]:
    """The records of one of `CASES`; what needs no comparison of brokers runs on the first."""
    part = 8 if quick else 1
    if case == "workers":
        return [two_workers(server, part)]
    if case == "overload":
        return [overload.measure(server, folder, brokers[0], quick=quick)]
    messages = MESSAGES[int(case)] // part
    return [x for kind in brokers for x in measure(server, folder, kind, messages, int(case))]


def two_workers(server: str, part: int) -> dict[str, Any]:
    """The record of a second worker, see `bench.scaling`."""
    rates = []
    for workers in (1, 2):
        with database(server, f"bench_workers_{workers}") as dsn:
            rates.append(scaling.rate(dsn, workers, scaling.MESSAGES // part, scaling.READINGS))
    return {
        "id": "P1",
        "case": "two workers",
        "value": round(rates[1] / rates[0], 2),
        "unit": "x one",
        "beside": {"one worker": round(rates[0]), "two workers": round(rates[1])},
        "n": scaling.MESSAGES // part * scaling.READINGS,
    }


def records(
    kind: str, messages: int, readings: int, run: Run, count: Run, copy: float
) -> list[dict[str, Any]]:
    plain = kind == "mosquitto" or not MOSQUITTO
    case = f"{readings} a message" + ("" if plain else ", embedded broker")
    common = {"id": "P1", "broker": kind, "n": messages * readings}
    speed = {
        "case": case,
        "value": round(run.messages_per_s * readings),
        "unit": "readings/s",
        "beside": {"copy": round(copy), "count_only": round(count.messages_per_s * readings)},
    }
    cost = {
        "case": f"{case}, CPU of ingest",
        "value": round(run.cpu_us_a_message / readings, 2),
        "unit": "us/reading",
        "beside": {"count_only": round(count.cpu_us_a_message / readings, 2)},
    }
    return [common | speed, common | cost]


def table(found: list[dict[str, Any]]) -> str:
    lines = [f"{'case':42} {'value':>12} {'unit':11} beside"]
    for record in found:
        beside = ", ".join(f"{name} {value:,}" for name, value in record["beside"].items())
        lines.append(f"{record['case']:42} {record['value']:>12,} {record['unit']:11} {beside}")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(prog="scripts/bench ingest", description=__doc__)
    options.add_argument("--json", action="store_true", help="a list of records instead of a table")
    options.add_argument("--quick", action="store_true", help="end within 60 s")
    options.add_argument("--broker", choices=("mosquitto", "embedded"), help="on this one only")
    options.add_argument("--case", choices=CASES, help="this one only")
    chosen = options.parse_args()
    brokers = [chosen.broker] if chosen.broker else KINDS
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedServer(folder / "postgres")
        dsn = server.start(lambda line: print(line, file=sys.stderr))
        try:
            for case in [chosen.case] if chosen.case else CASES:
                print(f"case {case}", file=sys.stderr)
                found += measured(case, dsn, folder, brokers, quick=chosen.quick)
        finally:
            server.stop()
    print(msgspec.json.encode(found).decode() if chosen.json else table(found))
    if not all(overload.is_kept(record) for record in found if record["case"] == "overload"):
        raise SystemExit("bench: under overload something receipted was lost, or is not drained")


if __name__ == "__main__":
    main()
