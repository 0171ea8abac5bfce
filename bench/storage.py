"""P4 and P5: bytes a reading on disk, statistics from roll-ups, a year of one series to numpy.

Readings as devices send them: a level, a temperature, a pressure and a vibration, each with noise
and no more digits than its instrument has; arrivals some tens of milliseconds late, twenty commits
a minute. The server is the embedded one, or the one that HOSHYAR_TEST_DSN names; then, for its
bytes alone, the TimescaleDB for tests, where `scripts/test` has installed it: in WASM its speed
says nothing. It takes some ten minutes, so not with --quick.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from records.network import Device, Lab, Network, Series, Station
from records.readings import ReadingBatch
from records.times import DAY, HOUR, MINUTE, SECOND, to_datetime
from store import queries, registry, summaries
from store.binary import STORED, pack
from store.connection import Database, connect
from store.embedded import EmbeddedServer
from store.migrations import migrate
from store.rollups import roll_up
from tests import needs, timescale
from tests.databases import made

RAW_BYTES = 20
TODAY = 20_000
MINUTES = DAY // MINUTE
BATCHES_A_MINUTE = 20
SERIES = 1_000
COPY = f"COPY reading ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)"
Result = dict[str, Any]


@contextmanager
def server() -> Iterator[str]:
    """Address of an empty, migrated database."""
    given = os.environ.get("HOSHYAR_TEST_DSN")
    with tempfile.TemporaryDirectory(prefix="hoshyar-bench-") as folder:
        embedded = EmbeddedServer(Path(folder) / "postgres")
        address = given or embedded.start(lambda _: None)
        try:
            with made(address, "template0") as name:
                dsn = psycopg.conninfo.make_conninfo(address, dbname=name)
                migrate(dsn)
                yield dsn
        finally:
            if not given:
                embedded.stop()


def network() -> Network:
    return Network(
        lab=(Lab(id="bench"),),
        station=(Station(id="hall", lab="bench", lat=35, lon=74),),
        device=(Device(id="d", station="hall", simulated=True),),
        series=tuple(
            Series(id=f"s{n}", station="hall", device="d", quantity="stage", unit="m",
                   interval_s=60, point=f"p{n}")
            for n in range(SERIES + 1)
        ),
    )  # fmt: skip


def values(rng: np.random.Generator, series: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Shape (count, series): what instruments of four kinds say in one day, a row a minute."""
    noise = rng.normal(size=(count, len(series)))
    walk = noise.cumsum(axis=0)
    day = np.sin(np.arange(count) * 2 * np.pi / MINUTES)[:, None]
    kinds = (
        np.round(2.0 + 0.002 * walk + 0.002 * rng.normal(size=walk.shape), 3),  # level, m
        np.round(12.0 + 6 * day + 0.05 * walk, 2),  # temperature, Cel
        np.round(870.0 + 0.02 * walk + 0.1 * noise, 1),  # pressure, hPa
        np.round(np.abs(0.08 * noise), 4),  # vibration, g
    )
    return np.choose(series % 4, kinds)


def store_day(db: Database, rng: np.random.Generator, series: NDArray[np.int32], day: int) -> int:
    """A day of these series, a reading a minute; returns how many."""
    offset = (series * 37 % 60) * SECOND
    minutes = day * DAY + np.arange(MINUTES) * MINUTE
    measured_at = (minutes[:, None] + offset).ravel()
    count = len(measured_at)
    received_at = measured_at + 40_000 + rng.gamma(2.0, 20_000, count).astype(np.int64)
    readings = ReadingBatch(
        np.tile(series, MINUTES),
        measured_at,
        received_at,
        values(rng, series, MINUTES).ravel(),
        np.ones(count, np.uint8),
        np.zeros(count, np.uint16),
        np.zeros(count, np.bool_),
    )
    begun = db.run("SELECT coalesce(max(number), 0) FROM batch")[0][0]
    part = (received_at - day * DAY) * BATCHES_A_MINUTE // MINUTE
    batch = begun + 1 + part
    order = np.lexsort((measured_at, readings.series))
    with db.transaction():
        db.flavour.make_ready(db, [day], TODAY)
        db.copy_in(COPY, pack(readings.take(order), 0, batch[order]))
        _say_batches(db, batch, measured_at, received_at)
    return count


def _say_batches(
    db: Database, batch: NDArray[Any], measured_at: NDArray[Any], received_at: NDArray[Any]
) -> None:
    number, at = np.unique(batch, return_index=True)
    stored = np.bincount(batch - batch.min())[number - batch.min()]
    last = int(number[-1])
    db.run(
        "INSERT INTO worker VALUES (0, %s, 0, 0, 0, 0, NULL)"
        " ON CONFLICT (number) DO UPDATE SET last_batch = excluded.last_batch",
        (last,),
    )
    span = to_datetime(int(measured_at.min())), to_datetime(int(measured_at.max()))
    db.run(
        "INSERT INTO batch SELECT 0, n, to_timestamp(s), to_timestamp(s), 'd', 'r', c, 0, 0, 0,"
        " %s, %s FROM unnest(%s::int8[], %s::float8[], %s::int[]) b (n, s, c)",
        (*span, number.tolist(), (received_at[at] / SECOND).tolist(), stored.tolist()),
    )


def timed(work: Callable[[], Any], times: int) -> float:
    """Median seconds."""
    found = []
    for _ in range(times):
        began_s = time.perf_counter()
        work()
        found.append(time.perf_counter() - began_s)
    return statistics.median(found)


def year(db: Database, dsn: str, days: int) -> list[Result]:
    """One series to numpy, beside binary COPY TO of the same rows, before and after packing."""
    rng, series = np.random.default_rng(1), np.array([SERIES + 1], np.int32)
    count = sum(store_day(db, rng, series, TODAY - 1 - day) for day in reversed(range(days)))
    db.run("ANALYZE reading")
    span = (TODAY - days) * DAY, TODAY * DAY
    out = f"COPY (SELECT * FROM reading WHERE series = {SERIES + 1}) TO STDOUT (FORMAT BINARY)"

    def copied() -> None:
        with psycopg.connect(dsn) as link, link.cursor().copy(out) as copy:
            assert sum(len(piece) for piece in copy) > RAW_BYTES * count

    def read() -> None:
        assert len(queries.between(db, [SERIES + 1], *span)) == count

    copy_s = timed(copied, 3)
    results = [_rate(f"{days} days of one series, rows", count, timed(read, 3), copy_s)]
    while db.flavour.compact_before(db, TODAY):
        pass
    return [*results, _rate(f"{days} days of one series, packed", count, timed(read, 3), copy_s)]


def _rate(case: str, count: int, took_s: float, copy_s: float) -> Result:
    beside = {"copy_to": round(count / copy_s), "ratio": round(copy_s / took_s, 2)}
    return _result("P4", case, round(count / took_s), "readings/s", beside, count)


def _result(
    promise: str, case: str, value: float, unit: str, beside: Mapping[str, float], n: int
) -> Result:
    return {"id": promise, "case": case, "value": value, "unit": unit, "beside": beside, "n": n}


def month(db: Database, days: int, series: int) -> list[Result]:
    """Bytes a reading before and after compaction, then what statistics cost."""
    db.run("DELETE FROM packed")
    rng = np.random.default_rng(2)
    before = db.flavour.size_bytes(db)
    some, rest = np.split(np.arange(1, SERIES + 1, dtype=np.int32), [series])
    began_s = time.perf_counter()
    count = sum(store_day(db, rng, some, TODAY - 1 - day) for day in reversed(range(days)))
    copied_s = time.perf_counter() - began_s
    bytes_a_row = (db.flavour.size_bytes(db) - before) / count
    last_day = store_day(db, rng, rest, TODAY - 1)
    began_s = time.perf_counter()
    while roll_up(db, TODAY * DAY):
        pass
    rolled_s = time.perf_counter() - began_s
    db.run("ANALYZE reading")
    db.run("ANALYZE rollup")
    results = [_last_day(db)]
    began_s = time.perf_counter()
    while db.flavour.compact_before(db, TODAY):
        pass
    packed_s = time.perf_counter() - began_s
    whole = count + last_day
    packed = db.run("SELECT coalesce(sum(count), 0)::int8 FROM packed")[0][0]
    kind = "postgres" if packed else "timescale"
    small = (db.flavour.size_bytes(db) - before) / whole
    beside = {"raw": RAW_BYTES}
    month_of = f"{kind}, {days} days of {series} series"
    return [
        _result("P5", f"{month_of}, rows", round(bytes_a_row, 1), "bytes", beside, count),
        _result("P5", f"{month_of}, compact", round(small, 1), "bytes", beside, whole),
        *results,
        _result("P5", "roll-ups", round(whole / rolled_s), "readings/s", {}, whole),
        _result("P5", "compaction", round(whole / packed_s), "readings/s",
                {"store": round(count / copied_s)}, whole),
    ]  # fmt: skip


def _last_day(db: Database) -> Result:
    numbers = list(range(1, SERIES + 1))
    from_at, to_at = (TODAY - 1) * DAY, TODAY * DAY
    plain = (
        "SELECT series, date_bin('1 hour', measured_at, 'epoch'), avg(value) FROM reading"
        " WHERE series = ANY(%s) AND measured_at >= %s AND measured_at < %s GROUP BY 1, 2"
    )

    def kept() -> None:
        found = summaries.between(db, numbers, HOUR, from_at, to_at)
        assert len(found["total"] / found["count"]) == 24 * SERIES

    def asked() -> None:
        values = (numbers, to_datetime(from_at), to_datetime(to_at))
        assert len(db.run(plain, values)) == 24 * SERIES

    beside = {"plain_query": round(1000 * timed(asked, 3), 1)}
    case = "last-day hourly mean of 1,000 series"
    return _result("P4", case, round(1000 * timed(kept, 9), 1), "ms", beside, 24 * SERIES)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench storage", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="two days, 100 series, 20 days")
    options = parser.parse_args()
    days, series, long = (2, 100, 20) if options.quick else (30, 500, 365)
    with server() as dsn, connect(dsn, stage="bench") as db:
        registry.enrol(db, network())
        results = year(db, dsn, long) + month(db, days, series)
    if not options.quick and shutil.which("node") and (needs.PGLITE / "node_modules").is_dir():
        with (
            tempfile.TemporaryDirectory(prefix="hoshyar-bench-") as folder,
            timescale.running(f"{folder}/data") as dsn,
            connect(dsn, stage="bench") as db,
        ):
            registry.enrol(db, network())
            results += month(db, days, series)[:2]
    if options.json:
        print(msgspec.json.encode(results).decode())
        return
    for one in results:
        beside = ", ".join(f"{name} {value}" for name, value in one["beside"].items())
        print(f"{one['id']} {one['case']:<44} {one['value']:>12} {one['unit']:<10} {beside}")


if __name__ == "__main__":
    main()
