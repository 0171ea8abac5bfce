"""P1, cases `poison` and `repeats`: what those who misbehave cost all the others.

`poison`: one message in a hundred more, which is refused. `repeats`: one device in a hundred says
each message ten times. One publisher, one broker, one ingest; turns without and with the trouble
follow each other, each drained before the next, so whatever else the machine does, both have their
share of it. The value is the processor time of ingest and its database backend for each message of
those who behave, as the median over pairs of neighbouring turns; that of the rate stands beside it.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

from bench import publisher
from bench.child import started
from bench.runs import WAIT_S, Run, allow, backend_of, cpu_s, ready_ingest
from bench.servers import broker, database
from records.ports import free_port
from store.connection import connect
from store.figures import figures

TROUBLES = {"poison": "1 % poison", "repeats": "a device that repeats"}
READINGS = 10
PAIRS = 12
# Messages; a publisher's lead is no longer than that, so a broker's queue holds it.
TURN = 8_000


def turns(dsn: str, port: int, trouble: str, readings: int, pairs: int, turn: int) -> list[Run]:
    """One run a turn: without, with, without, ..."""
    messages = 2 * pairs * turn
    arguments = ("127.0.0.1", str(port), str(messages), str(readings), "readings", "0")
    found: list[Run] = []
    with (
        ready_ingest(dsn, port) as stage,
        connect(dsn, stage="bench") as db,
        started("bench.publisher", *arguments, trouble, str(turn)) as sender,
    ):
        assert sender.stdin
        assert sender.stdout
        sender.stdout.readline()
        pids = (stage.pid, backend_of(db, "hoshyar-ingest"))
        sent = 0
        for number in range(2 * pairs):
            sent += turn + (publisher.extra(trouble, turn) if number % 2 else 0)
            began_s, began_cpu_s = time.monotonic(), [cpu_s(pid) for pid in pids]
            allow(sender.stdin, sent)
            while figures(db, 0).readings_stored < (number + 1) * turn * readings:
                time.sleep(0.005)
                if time.monotonic() - began_s > WAIT_S:
                    raise SystemExit(f"bench: turn {number} was not stored")
            spent_s = time.monotonic() - began_s
            cpu = [cpu_s(pid) - began for pid, began in zip(pids, began_cpu_s, strict=True)]
            found.append(Run(turn / spent_s, *(spent / turn * 1e6 for spent in cpu)))
    return found


def record(server: str, folder: Path, kind: str, trouble: str, part: int) -> dict[str, Any]:
    """The record of one case."""
    quick = part > 1
    port, pairs, turn = free_port(), PAIRS // (2 if quick else 1), TURN // (4 if quick else 1)
    with broker(kind, folder, port), database(server, f"bench_{trouble}") as dsn:
        found = turns(dsn, port, trouble, READINGS, pairs, turn)
    well, ill = found[::2], found[1::2]
    costs = [100 * (y.cpu_us / x.cpu_us - 1) for x, y in zip(well, ill, strict=True)]
    slower = [
        100 * (1 - y.messages_per_s / x.messages_per_s) for x, y in zip(well, ill, strict=True)
    ]
    return {
        "id": "P1",
        "case": f"{TROUBLES[trouble]}, cost to the others",
        "broker": kind,
        "value": round(median(costs), 1),
        "unit": "% of CPU",
        "beside": {
            "of_rate": round(median(slower), 1),
            "us_a_message_without": round(median(run.cpu_us for run in well), 2),
            "us_a_message_with": round(median(run.cpu_us for run in ill), 2),
            "readings_a_message": READINGS,
            "pairs": pairs,
        },
        "n": 2 * pairs * turn,
    }
