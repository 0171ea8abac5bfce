"""Writing: one commit of a worker is one transaction, whatever is in it.

Rows strictly newer than their series' newest stored time, and alone with their key, go straight
into the table by binary COPY. The others are staged and compared with what is stored: the same
value again is a repeat and changes nothing; another value is a revision, and the row it replaces
moves to table `revision` with the span of receipt in which it was the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from records.clock import WallClock
from records.readings import ReadingBatch
from records.times import DAY, to_datetime
from store import births, clocks, ledger, numbering, positions, quarantine, staging, waveforms
from store.binary import STORED, pack
from store.connection import Database
from store.positions import Position
from store.quarantine import Quarantined
from store.text import storable

_COPY = f"COPY reading ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)"
_WALL = WallClock()
_ATTEMPTS = 5


class Mended(NamedTuple):
    """A message in quarantine that became rows after all: its SHA-256, its arrival (µs)."""

    digest: bytes
    received_at: int


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What a device says of itself; `device` is the registry's number, `battery_v` in volt."""

    device: int
    state: str
    boot: int | None
    firmware: str
    battery_v: float | None
    lat: float | None
    lon: float | None
    received_at: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What one worker settles at once: all of it, or nothing.

    `received_at` is the latest arrival in it; `decoder` and `rules` are versions (provenance);
    `gone` are numbers whose messages the devices have lost; `clocks` are those that changed, and
    `unnumbered` the devices that were newly heard without a number; `births` are those of
    Sparkplug, and `mended` what of the quarantine they gave a meaning to.
    """

    worker: int
    received_at: int
    decoder: str
    rules: str
    readings: ReadingBatch
    settled: tuple[ledger.Settled, ...] = ()
    gone: tuple[ledger.Settled, ...] = field(default=(), kw_only=True)
    quarantined: tuple[Quarantined, ...] = ()
    statuses: tuple[DeviceStatus, ...] = ()
    waveforms: tuple[waveforms.Waveform, ...] = field(default=(), kw_only=True)
    clocks: tuple[clocks.ClockState, ...] = field(default=(), kw_only=True)
    unnumbered: tuple[numbering.Unnumbered, ...] = field(default=(), kw_only=True)
    births: tuple[births.Birth, ...] = field(default=(), kw_only=True)
    mended: tuple[Mended, ...] = field(default=(), kw_only=True)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to store."""
        news = (self.settled, self.gone, self.quarantined, self.statuses, self.waveforms)
        return bool(len(self.readings) or any(news) or self.unnumbered or self.births)


@dataclass(frozen=True, slots=True)
class Committed:
    """The batch's number on its worker's line; the three counts add up to its readings."""

    number: int
    stored: int
    repeated: int
    revised: int


def commit(db: Database, work: Commit) -> Committed:
    """Store it all in one transaction, then notify `batch`.

    The notice is a statement of its own: in the transaction it would hold a lock of the whole
    database until the commit is on the disk, and every other worker would wait for that.

    A commit whose sequences are in part settled already (sent again because its outcome was
    unknown, or built on an old ledger) adds what is missing and revises nothing.
    Raises StoreUnavailable; then nothing is stored, or all of it and the answer was lost.
    """
    done = _persist(db, work)
    tell(db, work.worker, done.number)
    return done


def tell(db: Database, worker: int, number: int) -> None:
    """Wake the followers of a worker's batch; inside a transaction, with its commit."""
    db.run("SELECT pg_notify('batch', %s)", (f"{worker}:{number}",))


def _persist(db: Database, work: Commit) -> Committed:
    direct = True
    for _ in range(_ATTEMPTS - 1):
        try:
            return _attempt(db, work, direct)
        except (psycopg.errors.UniqueViolation, psycopg.errors.CheckViolation):
            # Another writer was first with a key, or retention took a partition away.
            db.newest.forget()
            direct = False
    return _attempt(db, work, direct)


def _attempt(db: Database, work: Commit, direct: bool) -> Committed:
    with db.transaction():
        number, packed_before = next_number(db, work)
        again = ledger.settle(db, work.settled)
        ledger.declare_gone(db, work.gone)
        fresh = _is_fresh(db, work.readings) if direct and not again else None
        if fresh is not None:
            fresh &= work.readings.measured_at >= packed_before * DAY
        counts = _store(db, work, number, fresh, packed_before, revise=not again)
        quarantine.keep(db, work.quarantined, work.worker, number, direct=direct and not again)
        quarantined = len(work.quarantined) - _mend(db, work, number)
        say_statuses(db, work.statuses)
        packets = waveforms.merge(db, work.waveforms, work.worker, number, revise=not again)
        clocks.save(db, work.clocks)
        numbering.save(db, work.unnumbered)
        births.save(db, work.births)
        record(db, work, Committed(number, *counts), quarantined)
        count_waveforms(db, work.worker, number, packets)
    if len(work.readings):
        db.newest.raise_to(work.readings.series, work.readings.measured_at)
    return Committed(number, *counts)


def next_number(db: Database, work: Commit) -> tuple[int, int]:
    """The batch's number on its worker's line, which is held until the transaction ends, and the
    day before which rows may be packed (`store.packed`)."""
    # The row stays locked until the end of the transaction: numbers appear in their order.
    rows = db.run(
        "INSERT INTO worker VALUES (%s, 1, 0, 0, 0, 0, NULL)"
        " ON CONFLICT (number) DO UPDATE SET last_batch = worker.last_batch + 1"
        " RETURNING last_batch, (SELECT packed_before FROM care)",
        (work.worker,),
    )
    return rows[0][0], rows[0][1]


def _is_fresh(db: Database, readings: ReadingBatch) -> NDArray[np.bool_]:
    """Which rows can't collide with a stored one or with each other."""
    asked = db.newest.unknown(readings.series)
    if asked:
        db.newest.learn(newest_of(db, asked), asked)
    order = np.lexsort((readings.measured_at, readings.series))
    series, measured_at = readings.series[order], readings.measured_at[order]
    twice = (series[1:] == series[:-1]) & (measured_at[1:] == measured_at[:-1])
    alone = np.ones(len(readings), np.bool_)
    alone[order[1:][twice]] = False
    alone[order[:-1][twice]] = False
    return alone & (readings.measured_at > db.newest.of(readings.series))


def _store(
    db: Database,
    work: Commit,
    number: int,
    fresh: NDArray[np.bool_] | None,
    packed_before: int,
    *,
    revise: bool,
) -> tuple[int, int, int]:
    readings = work.readings
    if not len(readings):
        return 0, 0, 0
    days = [int(day) for day in np.unique(readings.measured_at // DAY)]
    db.flavour.make_ready(db, days, work.received_at // DAY)
    if fresh is None:
        fresh = np.zeros(len(readings), np.bool_)
    straight, careful = readings.take(fresh), readings.take(~fresh)
    if len(straight):
        # In the order of the key: neighbouring index entries are then filled together.
        order = np.lexsort((straight.measured_at, straight.series))
        db.copy_in(_COPY, pack(straight.take(order), work.worker, number))
    stored, revised = staging.merge(
        db, careful, work.worker, number, packed_before=packed_before, revise=revise
    )
    repeated = len(careful) - stored - revised
    return len(straight) + stored, repeated, revised


def _mend(db: Database, work: Commit, number: int) -> int:
    """Take out of quarantine what became rows in this commit; `rerun` says so."""
    if not work.mended:
        return 0
    rows = db.run(
        "WITH ended AS (DELETE FROM quarantine q USING unnest(%s::bytea[], %s::timestamptz[])"
        " m (digest, received_at) WHERE q.digest = m.digest AND q.received_at = m.received_at"
        " RETURNING q.number, q.topic, q.reason, q.received_at, q.digest)"
        " INSERT INTO rerun SELECT number, topic, reason, received_at, digest, %s, %s, %s, %s"
        " FROM ended RETURNING 1",
        (
            [one.digest for one in work.mended],
            [to_datetime(one.received_at) for one in work.mended],
            "ingest",
            to_datetime(work.received_at),
            work.worker,
            number,
        ),
    )
    return len(rows)


def say_statuses(db: Database, statuses: tuple[DeviceStatus, ...]) -> None:
    """What devices say of themselves, where nothing newer is known."""
    if statuses:
        db.run_many(
            "UPDATE device SET state = %s, boot = %s, firmware = %s, battery_v = %s, lat = %s,"
            " lon = %s, status_at = %s"
            " WHERE number = %s AND (status_at IS NULL OR status_at <= %s)",
            [
                (
                    storable(said.state),
                    said.boot,
                    storable(said.firmware),
                    said.battery_v,
                    said.lat,
                    said.lon,
                    to_datetime(said.received_at),
                    said.device,
                    to_datetime(said.received_at),
                )
                # In one order, so that two workers can't wait for each other.
                for said in sorted(statuses, key=lambda said: (said.device, said.received_at))
            ],
        )
        positions.note(
            db,
            [
                Position(said.device, said.received_at, said.lat, said.lon)
                for said in statuses
                if said.lat is not None and said.lon is not None
            ],
        )


def record(db: Database, work: Commit, done: Committed, quarantined: int) -> None:
    """The batch and its worker's totals."""
    measured = work.readings.measured_at
    span = (measured.min(), measured.max()) if len(measured) else (None, None)
    first, last = (None if at is None else to_datetime(int(at)) for at in span)
    counts = (done.stored, done.repeated, done.revised, quarantined)
    db.run(
        "WITH total AS (UPDATE worker SET stored = stored + %s, repeated = repeated + %s,"
        " revised = revised + %s, quarantined = quarantined + %s,"
        " received_at = greatest(received_at, %s) WHERE number = %s)"
        " INSERT INTO batch VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *counts,
            to_datetime(work.received_at) if len(measured) or work.waveforms else None,
            work.worker,
            work.worker,
            done.number,
            to_datetime(work.received_at),
            to_datetime(_WALL.now()),
            work.decoder,
            work.rules,
            *counts,
            first,
            last,
        ),
    )


def count_waveforms(db: Database, worker: int, number: int, counted: waveforms.Counted) -> None:
    """Packets of a batch, beside its readings."""
    if counted.packets:
        db.run(
            "WITH total AS (UPDATE worker SET waveforms = waveforms + %s WHERE number = %s)"
            " UPDATE batch SET waveforms = %s, samples = %s WHERE worker = %s AND number = %s",
            (counted.packets, worker, *counted, worker, number),
        )


def newest_of(db: Database, series: list[int]) -> dict[int, int]:
    """The newest stored time (microseconds) of these series; no entry for one without any."""
    rows = db.run(
        "SELECT s.number, (extract(epoch FROM greatest(r.at, p.at)) * 1000000)::int8"
        " FROM unnest(%s::int[]) s (number) LEFT JOIN LATERAL (SELECT measured_at AS at"
        " FROM reading WHERE series = s.number ORDER BY measured_at DESC LIMIT 1) r ON true"
        " LEFT JOIN LATERAL (SELECT last_at AS at FROM packed WHERE series = s.number"
        " ORDER BY day DESC LIMIT 1) p ON true WHERE r.at IS NOT NULL OR p.at IS NOT NULL",
        (series,),
    )
    return dict(rows)
