"""Waveform packets in the store: each once, other content for the same key as a revision."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch, empty
from records.times import SECOND, from_datetime, to_datetime
from records.waveforms import moments
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


def samples(packets: Sequence[Waveform]) -> ReadingBatch:
    """Every sample as a row, packet by packet, each with the flag and checks of its packet."""
    if not packets:
        return empty()
    length = np.array([len(packet.samples) for packet in packets], np.intp)
    which = np.repeat(np.arange(len(packets)), length)
    place = np.arange(len(which)) - np.repeat(np.cumsum(length) - length, length)

    def column(name: str, dtype: type) -> NDArray[Any]:
        return np.array([getattr(packet, name) for packet in packets], dtype)[which]

    return ReadingBatch(
        series=column("series", np.int32),
        measured_at=moments(column("start_at", np.int64), column("rate_hz", np.float64), place),
        received_at=column("received_at", np.int64),
        value=np.concatenate([packet.samples for packet in packets]).astype(np.float64),
        flag=column("flag", np.uint8),
        checks=column("checks", np.uint16),
        late=column("late", np.bool_),
    )


def telling(packets: Sequence[Waveform]) -> ReadingBatch:
    """A row a packet: the sample that is farthest from the packet's middle value."""
    length = np.array([len(packet.samples) for packet in packets], np.intp)
    apart = [np.abs(packet.samples - np.median(packet.samples)).argmax() for packet in packets]
    row: NDArray[np.intp] = np.cumsum(length) - length + np.array(apart, np.intp)
    return samples(packets).take(row)


class Counted(NamedTuple):
    """How much of a batch's packets was stored, or is a revision."""

    packets: int
    samples: int


def merge(
    db: Database, packets: Sequence[Waveform], worker: int, batch: int, *, revise: bool
) -> Counted:
    """Inside a transaction: store what is new.

    The same packet again changes nothing. Other content for the same key is a revision: by arrival,
    so what arrived before the stored one becomes its past. With `revise` false nothing stored
    changes.
    """
    changed: list[int] = []
    # In one order, so that two writers can't wait for each other; equal keys stay as they came.
    for packet in sorted(packets, key=lambda packet: (packet.series, packet.start_at)):
        row = _row(packet, worker, batch)
        if db.run(_ADD, row) or (revise and _revise(db, packet, row, worker, batch)):
            changed.append(len(packet.samples))
    return Counted(len(changed), sum(changed))


def _revise(db: Database, packet: Waveform, row: tuple[Any, ...], worker: int, batch: int) -> bool:
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
        return False
    if not after:
        keep = f"{_KEEP} SELECT {COLUMNS}, %s, %s, %s FROM waveform {where}"
        db.run(keep, (to_datetime(packet.received_at), worker, batch, *key))
        db.run(_REPLACE, (*row, *key))
        return True
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
    return True


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


def of_batches(
    db: Database, worker: int, first: int, last: int
) -> list[tuple[int, list[Waveform]]]:
    """Each of a worker's batches from `first` to `last` that has packets, with them, also with
    those that were replaced since: a batch never changes."""
    where = "WHERE worker = %s AND batch BETWEEN %s AND %s"
    rows = db.run(
        f"SELECT {COLUMNS} FROM waveform {where} UNION ALL"
        f" SELECT {COLUMNS} FROM waveform_revision {where}",
        (worker, first, last) * 2,
    )
    found: dict[int, list[Waveform]] = {}
    for row in rows:
        found.setdefault(row[4], []).append(_packet(row))
    return sorted(found.items())


def packets(db: Database, series: int, from_at: int, to_at: int) -> list[Waveform]:
    """The packets of a series with a sample from `from_at` up to before `to_at`, by start."""
    return _versions(
        db,
        f"SELECT {COLUMNS} FROM waveform"
        " WHERE series = %s AND start_at < %s AND end_at >= %s ORDER BY start_at",
        (series, to_datetime(to_at), to_datetime(from_at)),
    )


def latest(db: Database, series: Sequence[int], count: int) -> list[Waveform]:
    """The `count` newest packets of each of these series."""
    rows = db.run(
        f"SELECT {', '.join('w.' + name.strip() for name in COLUMNS.split(','))}"
        " FROM unnest(%s::int[]) s (number), LATERAL (SELECT * FROM waveform"
        " WHERE series = s.number ORDER BY start_at DESC LIMIT %s) w",
        (list(series), count),
    )
    return [_packet(row) for row in rows]
