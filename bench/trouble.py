"""P1, cases `poison` and `repeats`: what those who misbehave cost all the others.

`poison`: one message in a hundred more, which is refused. `repeats`: one device in a hundred says
each message ten times. One publisher, one broker, one ingest; short turns without and with the
trouble follow each other, each drained before the next, and which of a pair comes first alternates.
So whatever else the machine does, and whatever grows with time, both have their share of it.

The value is by how much fewer messages a second of those who behave go through with it than
without, as the median over pairs; beside it stand the interval that holds the median with 95 %
confidence (by ranks, whatever the distribution) and the bar. Only an interval that is all below the
bar shows anything. `of_cpu` is by how much more processor time of ingest and its database backend
one of their messages takes, likewise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from scipy.stats import quantile_test

from bench import publisher
from bench.child import started
from bench.runs import WAIT_S, Run, allow, backend_of, cpu_s, ready_ingest
from bench.servers import broker, database
from records.ports import free_port
from store.connection import connect
from store.figures import figures

TROUBLES = {"poison": "1 % poison", "repeats": "a device that repeats"}
# At most so much may it cost, %.
BARS = {"poison": 3, "repeats": 5}
READINGS_A_MESSAGE = {"poison": (1, 10), "repeats": (10,)}
PAIRS = 40
# Until portions have their size, the tables their first rows and the program its memory.
WARM_UP_PAIRS = 2
# Messages; a publisher's lead is no longer than that, so a broker's queue holds it.
TURN = 4_000


def turns(dsn: str, port: int, trouble: str, readings: int, pairs: int, turn: int) -> list[Run]:
    """One run a turn, with the trouble where `publisher.is_troubled`."""
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
            sent += turn + (publisher.extra(trouble, turn) if publisher.is_troubled(number) else 0)
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


def record(
    server: str, folder: Path, kind: str, trouble: str, readings: int, part: int
) -> dict[str, Any]:
    """The record of one case at so many readings a message."""
    quick = part > 1
    port, pairs, turn = free_port(), PAIRS // (4 if quick else 1), TURN // (4 if quick else 1)
    with broker(kind, folder, port), database(server, f"bench_{trouble}_{readings}") as dsn:
        found = turns(dsn, port, trouble, readings, pairs + WARM_UP_PAIRS, turn)
    numbered = list(enumerate(found))[2 * WARM_UP_PAIRS :]
    well = [run for number, run in numbered if not publisher.is_troubled(number)]
    ill = [run for number, run in numbered if publisher.is_troubled(number)]
    costs = [100 * (y.cpu_us / x.cpu_us - 1) for x, y in zip(well, ill, strict=True)]
    slower = [
        100 * (1 - y.messages_per_s / x.messages_per_s) for x, y in zip(well, ill, strict=True)
    ]
    low, high = interval(slower)
    cpu_low, cpu_high = interval(costs)
    return {
        "id": "P1",
        "case": f"{TROUBLES[trouble]}, {readings} a message, cost to the others",
        "broker": kind,
        "value": round(median(slower), 1),
        "unit": "% of rate",
        "beside": {
            "low": round(low, 1),
            "high": round(high, 1),
            "bar": BARS[trouble],
            "of_cpu": round(median(costs), 1),
            "of_cpu_low": round(cpu_low, 1),
            "of_cpu_high": round(cpu_high, 1),
            "us_a_message_without": round(median(run.cpu_us for run in well), 2),
            "us_a_message_with": round(median(run.cpu_us for run in ill), 2),
            "pairs": pairs,
        },
        "verdict": verdict(low, high, BARS[trouble]),
        "n": 2 * pairs * turn,
    }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """What holds the median with 95 % confidence, by the ranks of at least six values."""
    found: Any = quantile_test(values).confidence_interval(0.95)
    return float(found.low), float(found.high)


def verdict(low: float, high: float, bar: float) -> str:
    """What an interval says of a bar."""
    if high < bar:
        return "under the bar"
    return "over the bar" if low >= bar else "not shown"
