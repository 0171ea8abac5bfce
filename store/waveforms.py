"""Waveform packets in the store: each once, other content for the same key as a revision."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.times import SECOND, from_datetime, to_datetime
from store.connection import Database

COLUMNS = (
    "start_at, end_at, received_at, rate_hz, batch, series, length, beyond, flag, checks, worker,"
    " wide, late, samples"
)
_ADD = (
    f"INSERT INTO waveform ({COLUMNS}) VALUES ({', '.join(['%s'] * 14)})"
    " ON CONFLICT (series, start_at) DO NOTHING RETURNING 1"
)
_KEEP = f"INSERT INTO waveform_revision ({COLUMNS}, until_at, until_worker, until_batch)"
_REPLACE = (
    f"UPDATE waveform SET ({COLUMNS}) = ROW ({', '.join(['%s'] * 14)})"
    " WHERE series = %s AND start_at = %s"
)


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """One packet of a series, or one that was read back.

    series       the registry's number
    start_at     raw device time of the first sample, microseconds since 1970 UTC
    received_at  arrival of the message, microseconds
    rate_hz      samples a second
    samples      float32 or float64, in the series' unit, finite
    flag         live QARTOD flag of the packet as a whole
    checks       bits of `records.levels.Check` that set it
    beyond       how many samples are outside the gross range
    late         its end is over the series' `late_after`
    """

    series: int
    start_at: int
    received_at: int
    rate_hz: float
    samples: NDArray[np.float32] | NDArray[np.float64]
    flag: int
    checks: int
    beyond: int
    late: bool

    @property
    def end_at(self) -> int:
        """Time of the last sample, microseconds."""
        return self.start_at + round((len(self.samples) - 1) / self.rate_hz * SECOND)


def merge(
    db: Database, packets: Sequence[Waveform], worker: int, batch: int, *, revise: bool
) -> int:
    """Inside a transaction: store what is new. Returns how many packets were stored or revised.

    The same packet again changes nothing. Other content for the same key is a revision: by arrival,
    so what arrived before the stored one becomes its past. With `revise` false nothing stored
    changes.
    """
    changed = 0
    # In one order, so that two writers can't wait for each other; equal keys stay as they came.
    for packet in sorted(packets, key=lambda packet: (packet.series, packet.start_at)):
        row = _row(packet, worker, batch)
        if db.run(_ADD, row):
            changed += 1
        elif revise:
            changed += _revise(db, packet, row, worker, batch)
    return changed


def _revise(db: Database, packet: Waveform, row: tuple[Any, ...], worker: int, batch: int) -> int:
    key = (packet.series, to_datetime(packet.start_at))
    where = "WHERE series = %s AND start_at = %s"
    stored = _versions(db, f"SELECT {COLUMNS} FROM waveform {where} FOR UPDATE", key)[0]
    past = _versions(
        db, f"SELECT {COLUMNS} FROM waveform_revision {where} ORDER BY received_at", key
    )
    before = [old for old in past if old.received_at <= packet.received_at][-1:]
    after = [old for old in (*past, stored) if old.received_at > packet.received_at][:1]
    if stored.received_at <= packet.received_at:
        before, after = [stored], []
    if any(_same(other, packet) for other in (*before, *after)):
        return 0
    if not after:
        keep = f"{_KEEP} SELECT {COLUMNS}, %s, %s, %s FROM waveform {where}"
        db.run(keep, (to_datetime(packet.received_at), worker, batch, *key))
        db.run(_REPLACE, (*row, *key))
        return 1
    # It is the past of what is stored: true from its arrival until that of the next.
    if before:
        db.run(
            f"UPDATE waveform_revision SET until_at = %s, until_worker = %s, until_batch = %s"
            f" {where} AND received_at = %s",
            (row[2], worker, batch, *key, to_datetime(before[0].received_at)),
        )
    marks = ", ".join(["%s"] * len(row))
    db.run(
        f"{_KEEP} SELECT {marks}, received_at, worker, batch FROM (SELECT * FROM waveform {where}"
        f" UNION ALL SELECT {COLUMNS} FROM waveform_revision {where}) v WHERE received_at = %s",
        (*row, *key, *key, to_datetime(after[0].received_at)),
    )
    return 1


def _row(packet: Waveform, worker: int, batch: int) -> tuple[Any, ...]:
    return (
        to_datetime(packet.start_at),
        to_datetime(packet.end_at),
        to_datetime(packet.received_at),
        packet.rate_hz,
        batch,
        packet.series,
        len(packet.samples),
        packet.beyond,
        packet.flag,
        packet.checks,
        worker,
        packet.samples.dtype == np.float64,
        packet.late,
        _deflated(packet.samples),
    )


def _versions(db: Database, statement: str, values: Sequence[Any]) -> list[Waveform]:
    return [_packet(row) for row in db.run(statement, values)]


def _packet(row: tuple[Any, ...]) -> Waveform:
    start, _, received, rate_hz, _, series, length, beyond, flag, checks, _, wide, late, data = row
    return Waveform(
        series=series,
        start_at=from_datetime(start),
        received_at=from_datetime(received),
        rate_hz=rate_hz,
        samples=_inflated(data, length, wide=wide),
        flag=flag,
        checks=checks,
        beyond=beyond,
        late=late,
    )


def _same(one: Waveform, other: Waveform) -> bool:
    return (
        one.rate_hz == other.rate_hz
        and one.samples.dtype == other.samples.dtype
        and np.array_equal(one.samples, other.samples)
    )


def _deflated(samples: NDArray[Any]) -> bytes:
    width = samples.dtype.itemsize
    planes = samples.astype(f"<f{width}").view(np.uint8).reshape(-1, width).T
    return zlib.compress(planes.tobytes(), 1)


def _inflated(data: bytes, length: int, *, wide: bool) -> NDArray[Any]:
    width = 8 if wide else 4
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(width, length)
    whole = np.ascontiguousarray(planes.T).view(f"<f{width}").ravel()
    return whole.astype(np.float64 if wide else np.float32, copy=False)


def is_whole(data: bytes, length: int, *, wide: bool) -> bool:
    """Whether stored samples can be read back."""
    try:
        return len(_inflated(data, length, wide=wide)) == length
    except (zlib.error, ValueError):
        return False


def packets(db: Database, series: int, from_at: int, to_at: int) -> list[Waveform]:
    """The packets of a series with a sample from `from_at` up to before `to_at`, by start."""
    return _versions(
        db,
        f"SELECT {COLUMNS} FROM waveform"
        " WHERE series = %s AND start_at < %s AND end_at >= %s ORDER BY start_at",
        (series, to_datetime(to_at), to_datetime(from_at)),
    )
