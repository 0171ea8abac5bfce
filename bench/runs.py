"""One run of a benchmark of ingest: published messages until they are taken, and what that cost."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import IO

from bench import publisher
from bench.child import started
from bench.servers import network
from ingest.arrivals import Arrival
from ingest.intake import Intake
from records.times import DAY, SECOND
from store import registry, stages
from store.binary import STORED, pack
from store.connection import Database, connect
from store.figures import figures

# After so many of its messages, so far apart, ingest knows what a device's clock is off by. Until
# then it looks at each message's time by itself, in a device's first ten seconds alone.
_CLOCK_MESSAGES = 3
_CLOCK_EVERY_S = 5.5
# A broker's queue holds the lead without losing any.
LEAD_BYTES = 6_000_000
WAIT_S = 300.0


@dataclass(frozen=True)
class Run:
    """How fast, and what a message cost the process that took it and its database backend."""

    messages_per_s: float
    cpu_us_a_message: float
    backend_us_a_message: float = 0.0

    @property
    def cpu_us(self) -> float:
        """Of a message, of both."""
        return self.cpu_us_a_message + self.backend_us_a_message


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, all its threads, seconds."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def play(
    port: int,
    messages: int,
    readings: int,
    pids: Sequence[int],
    taken: Callable[[], int],
    *,
    acquainted: bool,
) -> Run:
    """Publish and wait until all messages are taken; `taken` says how many are.

    `pids` are the process that takes them and perhaps its backend; `acquainted`: the first messages
    of each device are sent some seconds before, and not counted.
    """
    lead = LEAD_BYTES // len(publisher.payload(0, readings, 0.0))
    arguments = ("127.0.0.1", str(port), str(messages), str(readings))
    with started("bench.publisher", *arguments) as sender:
        assert sender.stdin
        assert sender.stdout
        sender.stdout.readline()
        first = _become_acquainted(sender.stdin, taken) if acquainted else 0
        done, began_s, began_cpu_s = first, time.monotonic(), [cpu_s(pid) for pid in pids]
        while done < messages:
            allow(sender.stdin, done + lead)
            time.sleep(0.02)
            done = taken()
            if time.monotonic() - began_s > WAIT_S:
                raise SystemExit(f"bench: only {done} of {messages} messages were taken")
        spent_s = time.monotonic() - began_s
        cpu = [cpu_s(pid) - began for pid, began in zip(pids, began_cpu_s, strict=True)]
        counted = messages - first
        return Run(counted / spent_s, *(spent / counted * 1e6 for spent in cpu))


def _become_acquainted(pipe: IO[str], taken: Callable[[], int]) -> int:
    """Let every device send its first messages, until all are taken: how many those are."""
    first = 0
    for number in range(_CLOCK_MESSAGES):
        time.sleep(_CLOCK_EVERY_S if number else 0.0)
        first += publisher.DEVICES
        allow(pipe, first)
    until_s = time.monotonic() + WAIT_S
    while (done := taken()) < first:
        time.sleep(0.02)
        if time.monotonic() > until_s:
            raise SystemExit(f"bench: only {done} of the first {first} messages were taken")
    return first


def allow(pipe: IO[str], messages: int) -> None:
    with suppress(BrokenPipeError):  # it may have sent everything and be gone
        pipe.write(f"{messages}\n")
        pipe.flush()


@contextmanager
def ready_ingest(dsn: str, port: int) -> Iterator[Popen[str]]:
    """A stage that takes what comes."""
    with (
        started("ingest", HOSHYAR_DSN=dsn, HOSHYAR_BROKER=f"mqtt://127.0.0.1:{port}") as stage,
        connect(dsn, stage="bench") as db,
    ):
        while [s.state for s in stages.all(db)] != ["running"]:
            time.sleep(0.05)
        yield stage


def through_ingest(dsn: str, port: int, messages: int, readings: int, *, acquainted: bool) -> Run:
    """From the publisher into the store. `acquainted` as `play`."""
    with ready_ingest(dsn, port) as stage, connect(dsn, stage="bench") as db:
        return play(
            port,
            messages,
            readings,
            (stage.pid, backend_of(db, "hoshyar-ingest")),
            lambda: figures(db, 0).readings_stored // readings,
            acquainted=acquainted,
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

        return play(port, messages, readings, (counter.pid,), taken, acquainted=False)


def copied(dsn: str, messages: int, readings: int) -> Run:
    """Binary COPY of the same rows, from memory, into the table with its keys: by the backend."""
    known = registry.Registry.of(network())
    start_s = float(int(time.time()))
    arrivals = [
        Arrival(
            publisher.topic_of(n),
            publisher.payload(n, readings, publisher.sampled_s(n, readings, start_s)),
            int(start_s * SECOND),
        )
        for n in range(messages)
    ]
    data = pack(Intake(known).take(arrivals).readings, 0, 1)
    with connect(dsn, stage="bench") as db:
        day = int(start_s * SECOND) // DAY
        db.flavour.make_ready(db, [day, day + 1], day)
        backend = backend_of(db, "hoshyar-bench")
        began_s, began_cpu_s = time.monotonic(), cpu_s(backend)
        db.copy_in(f"COPY reading ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)", data)
        spent_s = time.monotonic() - began_s
        return Run(messages / spent_s, 0.0, (cpu_s(backend) - began_cpu_s) / messages * 1e6)


def backend_of(db: Database, name: str) -> int:
    """Process id of the backend of a stage's session."""
    found = db.run(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        (name,),
    )
    return int(found[0][0])
