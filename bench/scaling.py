"""What a second ingest worker gives: two pinned to a core each, beside one pinned to one.

Measured is what a worker does with messages that it has got: decode, check, commit (ledger and rows
in a real database), each worker for the devices of the shards that it holds the leases of. The
messages lie ready in memory. Broker and publisher are left out, since on two cores they would take
from the second worker what they left idle beside the first; PostgreSQL is in, on the same cores.

`python -m bench.scaling DSN WORKER WORKERS MESSAGES READINGS` is one worker.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack

from bench import publisher
from bench.child import started
from ingest.arrivals import Arrival
from ingest.intake import Intake
from ingest.shards import SHARDS, Moves, shard_of
from ingest.tenure import Tenure
from records.times import SECOND
from store import readings, registry
from store.connection import connect

BATCH = 2_500
READINGS = 10
MESSAGES = 60_000


def arrivals(owned: set[int], messages: int, size: int, start_s: float) -> list[Arrival]:
    """Those of all the messages whose devices are of these shards."""
    moments = [publisher.sampled_s(number, size, start_s) for number in range(messages)]
    return [
        Arrival(
            publisher.topic_of(number),
            publisher.payload(number, size, at_s),
            round(at_s * SECOND) + number % publisher.DEVICES,
        )
        for number, at_s in enumerate(moments)
        if shard_of(publisher.device(number)) in owned
    ]


def work(dsn: str, worker: int, workers: int, messages: int, size: int) -> None:
    """One worker; says `ready`, waits for a line, and says how many seconds it took."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[worker % len(cores)]})
    with connect(dsn, stage="bench") as db:
        tenure = Tenure(db, worker)
        if not tenure.join():
            raise SystemExit("bench: the worker is taken")
        share = range(worker, SHARDS, workers)
        owned = tenure.take(Moves((), len(share), tuple(share)))
        taken = arrivals(owned, messages, size, float(int(time.time())))
        intake = Intake(registry.load(db), worker=worker)
        print("ready", flush=True)
        sys.stdin.readline()
        for first in range(0, len(taken), BATCH):
            readings.commit(db, intake.take(taken[first : first + BATCH]))
        print("done", flush=True)
        sys.stdin.readline()


def rate(dsn: str, workers: int, messages: int, size: int) -> float:
    """Readings a second of so many workers together, the slowest one's end being the end."""
    with ExitStack() as stack:
        arguments = [str(n) for n in (workers, messages, size)]
        children = [
            stack.enter_context(started("bench.scaling", dsn, str(n), *arguments))
            for n in range(workers)
        ]
        for word in ("ready", "done"):
            for child in children:
                assert child.stdout
                if child.stdout.readline().strip() != word:
                    raise SystemExit("bench: a worker failed")
            if word == "ready":
                began_s = time.monotonic()
                for child in children:
                    assert child.stdin
                    child.stdin.write("go\n")
                    child.stdin.flush()
        return messages * size / (time.monotonic() - began_s)


if __name__ == "__main__":
    work(sys.argv[1], *map(int, sys.argv[2:]))
