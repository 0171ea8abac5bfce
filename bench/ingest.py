"""P1: readings a second committed, with all checks, and what a reading costs ingest.

A publisher, a broker, ingest and PostgreSQL share this machine, as they would a small server.
Beside it, in the same run: a paho subscriber that only counts, and binary COPY of the same rows.
The cases `poison` and `repeats` are `bench.trouble`'s.
The case `overload` (see `bench.overload`) fails where something receipted is lost or not drained.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec

from bench import overload, scaling, trouble
from bench.runs import Run, copied, only_counted, through_ingest
from bench.servers import KINDS, MOSQUITTO, broker, database
from records.ports import free_port
from store.embedded import EmbeddedServer

READINGS_A_MESSAGE = (1, 10, 50)
CASES = (*map(str, READINGS_A_MESSAGE), *trouble.TROUBLES, "workers", "overload")
# Enough for some seconds each on two cores.
MESSAGES = {1: 150_000, 10: 60_000, 50: 20_000}
# In turns, so that both sides of a ratio have their share of what else the machine does.
ROUNDS = 2


def measure(
    server: str, folder: Path, kind: str, messages: int, readings: int, *, quick: bool
) -> list[Any]:
    """The records of one case on one broker. Quick: one round, of devices that nobody knows yet."""
    rounds = 1 if quick else ROUNDS
    name = f"bench_{kind}_{readings}"
    runs: dict[str, list[Run]] = {"count": [], "ingest": [], "copy": []}
    for _ in range(rounds):
        port = free_port()
        with broker(kind, folder, port), database(server, name) as dsn:
            runs["count"].append(only_counted(port, messages, readings))
            run = through_ingest(dsn, port, messages, readings, acquainted=not quick)
            runs["ingest"].append(run)
        with database(server, f"{name}_copy") as dsn:
            runs["copy"].append(copied(dsn, messages, readings))
    n = messages * readings * rounds
    return records(kind, readings, n, {name: average(x) for name, x in runs.items()})


def average(runs: Sequence[Run]) -> Run:
    """As if they had been one run."""
    return Run(
        len(runs) / sum(1 / run.messages_per_s for run in runs),
        mean(run.cpu_us_a_message for run in runs),
        mean(run.backend_us_a_message for run in runs),
    )


def measured(
    case: str, server: str, folder: Path, brokers: Sequence[str], *, quick: bool
) -> list[dict[str, Any]]:
    """The records of one of `CASES`; what needs no comparison of brokers runs on the first."""
    part = 8 if quick else 1
    if case == "workers":
        return [two_workers(server, part)]
    if case == "overload":
        return [overload.measure(server, folder, brokers[0], quick=quick)]
    if case in trouble.TROUBLES:
        return [
            trouble.record(server, folder, brokers[0], case, readings, part)
            for readings in trouble.READINGS_A_MESSAGE[case]
        ]
    messages, readings = MESSAGES[int(case)] // part, int(case)
    return [
        record
        for kind in brokers
        for record in measure(server, folder, kind, messages, readings, quick=quick)
    ]


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


def records(kind: str, readings: int, n: int, runs: dict[str, Run]) -> list[dict[str, Any]]:
    """The rate, what a reading costs, and both as ratios. `n` readings were stored."""
    plain = kind == "mosquitto" or not MOSQUITTO
    case = f"{readings} a message" + ("" if plain else ", embedded broker")
    common = {"id": "P1", "broker": kind, "n": n}
    count, run, copy = runs["count"], runs["ingest"], runs["copy"]
    rates = {name: round(x.messages_per_s * readings) for name, x in runs.items()}
    costs = {
        "ingest": round(run.cpu_us_a_message / readings, 2),
        "backend": round(run.backend_us_a_message / readings, 2),
        "copy": round(copy.backend_us_a_message / readings, 2),
        "count_only": round(count.cpu_us_a_message / readings, 2),
    }
    found = (
        (
            case,
            rates["ingest"],
            "readings/s",
            {"copy": rates["copy"], "count_only": rates["count"]},
        ),
        (
            f"{case}, rate against counting",
            round(run.messages_per_s / count.messages_per_s, 2),
            "x count_only",
            {"ingest": rates["ingest"], "count_only": rates["count"]},
        ),
        (
            f"{case}, CPU of ingest",
            costs["ingest"],
            "us/reading",
            {"count_only": costs["count_only"], "backend": costs["backend"]},
        ),
        (
            f"{case}, CPU against COPY",
            round(run.cpu_us / copy.cpu_us, 2) if copy.cpu_us else None,
            "x copy",
            {name: costs[name] for name in ("ingest", "backend", "copy")},
        ),
    )
    names = ("case", "value", "unit", "beside")
    return [common | dict(zip(names, record, strict=True)) for record in found]


def table(found: list[dict[str, Any]]) -> str:
    lines = [f"{'case':42} {'value':>12} {'unit':11} beside"]
    for record in found:
        beside = ", ".join(f"{name} {value:,}" for name, value in record["beside"].items())
        said = f"{record['verdict']}: {beside}" if "verdict" in record else beside
        lines.append(f"{record['case']:42} {record['value']:>12,} {record['unit']:11} {said}")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(prog="scripts/bench ingest", description=__doc__)
    options.add_argument("--json", action="store_true", help="a list of records instead of a table")
    options.add_argument("--quick", action="store_true", help="end within 60 s, on one broker")
    options.add_argument("--broker", choices=("mosquitto", "embedded"), help="on this one only")
    options.add_argument("--case", choices=CASES, help="this one only")
    chosen = options.parse_args()
    brokers = [chosen.broker] if chosen.broker else KINDS[: 1 if chosen.quick else None]
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
