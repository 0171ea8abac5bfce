"""The clocks of devices: their state as ingest left it, and what it was at any time since.

An *offset* is receipt less device time, its lower envelope: positive where the clock is slow. The
shortest transport delay is in it, since nobody can tell the two apart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from records.times import HOUR, from_datetime, to_datetime
from store.connection import Database

NO_BOOT = -1
# What is kept in mind of a device that restarts and sends of several boots at once.
BOOTS_A_DEVICE = 4
# No quartz in use drifts faster; what is not seen again is believed that much less each second.
LARGEST_DRIFT = 1e-4


class Trial(NamedTuple):
    """An offset that may be the new one: since when, its lag (µs), and what spoke for it."""

    at: int
    lag: int
    low: int
    high: int
    near: int
    others: int


class ClockState(NamedTuple):
    """One device's clock in one boot (`NO_BOOT` where it says none). Moments and spans in µs.

    begun_at, changed_at  arrivals of the first message and of the last that changed this
    known                 the offset was observed; before that it counts as 0
    offset, offset_at     receipt less device time, and the arrival that showed it
    spread                how much the lags differed while it was observed
    claim, claim_at       the offset when it was accepted, and when
    trial                 another offset that is being observed
    """

    device: int
    boot: int
    begun_at: int
    changed_at: int
    known: bool = False
    offset: int = 0
    offset_at: int = 0
    spread: int = 0
    claim: int = 0
    claim_at: int = 0
    trial: Trial | None = None


_COLUMNS = (
    "device, boot, begun_at, changed_at, known, offset_us, offset_at, spread_us, claim_us,"
    " claim_at, trial"
)
_SAVE = (
    f"INSERT INTO device_clock ({_COLUMNS}, hour_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (device, boot, hour_at) DO UPDATE SET (changed_at, known, offset_us, offset_at,"
    " spread_us, claim_us, claim_at, trial) = (excluded.changed_at, excluded.known,"
    " excluded.offset_us, excluded.offset_at, excluded.spread_us, excluded.claim_us,"
    " excluded.claim_at, excluded.trial)"
)


def save(db: Database, clocks: Sequence[ClockState]) -> None:
    """Keep what these clocks are now, inside a transaction."""
    if clocks:
        db.run_many(_SAVE, [_values(clock) for clock in sorted(clocks)])


def load(db: Database) -> list[ClockState]:
    """The newest clocks of every device, at most `BOOTS_A_DEVICE`, in the order they began."""
    rows = db.run(
        f"SELECT {_SELECTED} FROM (SELECT *, row_number() OVER (PARTITION BY device ORDER BY"
        " begun_at DESC, boot DESC) AS place FROM (SELECT DISTINCT ON (device, boot) * FROM"
        " device_clock ORDER BY device, boot, hour_at DESC) newest) ranked"
        " WHERE place <= %s ORDER BY begun_at, device, boot",
        (BOOTS_A_DEVICE,),
    )
    return [_state(row) for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """For n device times: what to add to get the true time, and how sure that is.

    offset       float64  s; positive where the clock is slow, NaN where nothing is known
    drift        float64  s/s, between the observations around that time, 0 where there is but one
    uncertainty  float64  s; the spread of the lags observed, more with the distance from them
    """

    offset: NDArray[np.float64]
    drift: NDArray[np.float64]
    uncertainty: NDArray[np.float64]


def corrections(db: Database, device: int, measured_at: NDArray[np.int64]) -> Corrections:
    """The clock of a device (registry's number) at these device times (µs since 1970, any order).

    Between two observations of one boot the offset is interpolated; outside them, and between two
    boots, that of the nearest counts.
    """
    rows = db.run(
        "SELECT boot, offset_us, (extract(epoch FROM offset_at) * 1000000)::int8, spread_us"
        " FROM device_clock WHERE device = %s AND known ORDER BY offset_at, boot",
        (device,),
    )
    count = len(measured_at)
    if not rows:
        return Corrections(np.full(count, np.nan), np.zeros(count), np.full(count, np.nan))
    boot, offset, at, spread = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    shown = at - offset  # what the device's clock showed then
    order = np.argsort(shown, kind="stable")
    boot, offset, spread, shown = boot[order], offset[order], spread[order], shown[order]
    after = np.searchsorted(shown, measured_at, side="right")
    left, right = np.maximum(after - 1, 0), np.minimum(after, len(shown) - 1)
    span = shown[right] - shown[left]
    same = (boot[left] == boot[right]) & (span > 0)
    drift = np.where(same, (offset[right] - offset[left]) / np.maximum(span, 1), 0.0)
    to_left, to_right = np.abs(measured_at - shown[left]), np.abs(shown[right] - measured_at)
    nearest = np.where(to_left <= to_right, left, right)
    found = np.where(same, offset[left] + drift * to_left, offset[nearest])
    far = np.minimum(to_left, to_right)
    return Corrections(found / 1e6, drift, (spread[nearest] + LARGEST_DRIFT * far) / 1e6)


# As in the index `device_clock_wrong`: over a minute.
_WRONG = (
    "SELECT DISTINCT device FROM device_clock"
    " WHERE known AND (abs(offset_us) > 60000000 OR abs(claim_us) > 60000000)"
)
_OBSERVED = (
    "SELECT DISTINCT c.device, seen.at, seen.offset_us FROM device_clock c CROSS JOIN LATERAL"
    " (VALUES (c.offset_at, c.offset_us), (c.claim_at, c.claim_us)) seen (at, offset_us)"
    " WHERE c.known AND c.device = ANY(%s)"
)


def observations(db: Database) -> dict[int, list[tuple[int, int]]]:
    """Arrival and offset (µs) as the ledger saw them, of devices whose clock was ever off by more
    than a minute: where an offset was believed, and since when."""
    # Asked for apart: the server has no idea how few they are, and would read the whole ledger.
    wrong = [device for (device,) in db.run(_WRONG)]
    found: dict[int, list[tuple[int, int]]] = {}
    for device, at, offset in db.run(_OBSERVED, (wrong,)) if wrong else ():
        found.setdefault(device, []).append((from_datetime(at), offset))
    return found


def feeders(db: Database, devices: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    """Since when (µs) which device fed each series that one of these ever fed, by time."""
    if not devices:
        return {}
    rows = db.run(
        "SELECT series, from_at, device FROM deployment WHERE series IN (SELECT series"
        " FROM deployment WHERE device = ANY(%s)) ORDER BY series, from_at",
        (sorted(devices),),
    )
    found: dict[int, list[tuple[int, int]]] = {}
    for series, from_at, device in rows:
        found.setdefault(series, []).append((from_datetime(from_at), device))
    return found


_MOMENTS = frozenset({"begun_at", "changed_at", "offset_at", "claim_at"})
_SELECTED = ", ".join(
    f"(extract(epoch FROM {name}) * 1000000)::int8" if name in _MOMENTS else name
    for name in _COLUMNS.split(", ")
)


def _values(clock: ClockState) -> tuple[object, ...]:
    moments = [
        to_datetime(at)
        for at in (clock.begun_at, clock.changed_at, clock.offset_at, clock.claim_at)
    ]
    return (
        clock.device,
        clock.boot,
        moments[0],
        moments[1],
        clock.known,
        clock.offset,
        moments[2],
        clock.spread,
        clock.claim,
        moments[3],
        list(clock.trial or ()),
        to_datetime(clock.changed_at // HOUR * HOUR),
    )


def _state(row: tuple[Any, ...]) -> ClockState:
    return ClockState._make((*row[:-1], Trial(*row[-1]) if row[-1] else None))
