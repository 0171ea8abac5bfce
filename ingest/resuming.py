"""What a worker needs of the store before it takes messages of the devices it owns."""

from __future__ import annotations

from collections.abc import Set

from ingest import limits
from ingest.checks import Checks
from ingest.homes import Homes
from ingest.intake import Intake
from ingest.recent import WINDOW
from records.readings import concatenate
from records.settings import Settings
from store import births, clocks, numbering, positions, quarantine, readings
from store.connection import Database
from store.registry import Registry


def resumed(
    db: Database, known: Registry, settings: Settings, shards: Set[int], now_at: int
) -> Intake:
    """An intake that stands where the store stands, for the devices of these shards.

    Raises StoreUnavailable.
    """
    intake = Intake(
        known,
        scenario=settings.clock == "scenario",
        worker=settings.worker,
        max_payload_bytes=settings.max_payload_bytes,
    )
    homes = Homes(known)
    wanted = Checks(limits.table(known)).history(sorted(_series(known, shards)))
    owned = {number for id_, number in known.device_number.items() if homes.of(id_) in shards}
    intake.resume(
        {key: ranges for key, ranges in readings.ledger(db).items() if key[0] in owned},
        concatenate([readings.latest(db, numbers, count) for count, numbers in wanted.items()]),
        quarantine.digests(db, now_at - WINDOW),
        {key: ranges for key, ranges in readings.gone(db).items() if key[0] in owned},
        [state for state in clocks.load(db) if state.device in owned],
        [one for one in positions.newest(db) if one.device in owned],
        [one for one in numbering.load(db) if one.device in owned],
        births.load(db),
    )
    return intake


def takes_over(before: Registry, after: Registry, shards: Set[int]) -> bool:
    """Whether some series that others fed until now is fed by a device of these shards."""
    gained = _series(after, shards) - _series(before, shards)
    return bool(gained & set(before.series_number.values()))


def _series(known: Registry, shards: Set[int]) -> set[int]:
    """Numbers of the series that devices of these shards feed."""
    homes = Homes(known)
    return {
        known.series_number[series.id]
        for series in known.network.series
        if homes.of(series.device) in shards
    }
