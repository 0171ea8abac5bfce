"""The ledger of settled sequence numbers: what a receipt may promise a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store.connection import Database

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """Sequence numbers of one device and boot, as inclusive ranges.

    `device` is the registry's number. Numbers are from 0 to 2**63 - 2.
    """

    device: int
    boot: int
    ranges: Ranges


def settle(db: Database, settled: Sequence[Settled]) -> bool:
    """Add to the ledger, inside a transaction; True when some of it was settled already."""
    news = [item for item in settled if item.ranges]
    if not news:
        return False
    # Devices in one order, so that two workers can't wait for each other.
    news = sorted(news, key=lambda item: (item.device, item.boot))
    values = (
        [item.device for item in news],
        [item.boot for item in news],
        [_multirange(item.ranges) for item in news],
    )
    rows = db.run(
        "WITH news AS (SELECT device, boot, range_agg(sequences::int8multirange) AS sequences"
        "  FROM unnest(%s::int[], %s::bigint[], %s::text[]) n (device, boot, sequences)"
        "  GROUP BY device, boot ORDER BY device, boot),"
        " known AS (SELECT coalesce(bool_or(s.sequences && n.sequences), false) AS again"
        "  FROM news n JOIN settled s USING (device, boot)),"
        " added AS (INSERT INTO settled SELECT * FROM news ON CONFLICT (device, boot)"
        "  DO UPDATE SET sequences = settled.sequences + excluded.sequences RETURNING 1)"
        " SELECT again FROM known",
        values,
    )
    return bool(rows[0][0])


def ledger(db: Database) -> dict[tuple[int, int], Ranges]:
    """Settled inclusive ranges of every (device number, boot)."""
    rows = db.run(
        "SELECT device, boot, array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)"
        " FROM settled, unnest(sequences) r GROUP BY device, boot ORDER BY device, boot"
    )
    return {
        (device, boot): tuple(zip(first, last, strict=True)) for device, boot, first, last in rows
    }


def _multirange(ranges: Ranges) -> str:
    return "{" + ",".join(f"[{first},{last}]" for first, last in ranges) + "}"
