"""The ledger of settled sequence numbers: what a receipt may promise a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store.connection import Database

Ranges = tuple[tuple[int, int], ...]

# Devices in one order, so that two workers can't wait for each other.
_NEWS = """news AS (
    SELECT device, boot, range_agg(sequences::int8multirange) AS sequences
    FROM unnest(%s::int[], %s::bigint[], %s::text[]) n (device, boot, sequences)
    GROUP BY device, boot ORDER BY device, boot)"""


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
    values = _values(settled)
    if values is None:
        return False
    rows = db.run(
        f"WITH {_NEWS},"
        " known AS (SELECT coalesce(bool_or(s.sequences && n.sequences), false) AS again"
        "  FROM news n JOIN settled s USING (device, boot)),"
        " added AS (INSERT INTO settled SELECT * FROM news ON CONFLICT (device, boot)"
        "  DO UPDATE SET sequences = settled.sequences + excluded.sequences,"
        "  gone = settled.gone - excluded.sequences RETURNING 1)"
        " SELECT again FROM known",
        values,
    )
    return bool(rows[0][0])


def declare_gone(db: Database, lost: Sequence[Settled]) -> None:
    """Note what devices have lost, but for what is settled, inside a transaction after `settle`."""
    values = _values(lost)
    if values is not None:
        db.run(
            f"WITH {_NEWS} INSERT INTO settled SELECT device, boot, '{{}}', sequences FROM news"
            " ON CONFLICT (device, boot)"
            " DO UPDATE SET gone = settled.gone + excluded.gone - settled.sequences",
            values,
        )


def ledger(db: Database) -> dict[tuple[int, int], Ranges]:
    """Settled inclusive ranges of every (device number, boot)."""
    return _ranges(db, "sequences")


def gone(db: Database) -> dict[tuple[int, int], Ranges]:
    """Inclusive ranges of every (device number, boot) that were declared lost and never came."""
    return _ranges(db, "gone")


def _values(items: Sequence[Settled]) -> tuple[list[int], list[int], list[str]] | None:
    """What `_NEWS` takes; None where there is nothing to write."""
    news = [item for item in items if item.ranges]
    if not news:
        return None
    return (
        [item.device for item in news],
        [item.boot for item in news],
        [_multirange(item.ranges) for item in news],
    )


def _ranges(db: Database, column: str) -> dict[tuple[int, int], Ranges]:
    rows = db.run(
        "SELECT device, boot, array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)"
        f" FROM settled, unnest({column}) r GROUP BY device, boot ORDER BY device, boot"
    )
    return {
        (device, boot): tuple(zip(first, last, strict=True)) for device, boot, first, last in rows
    }


def _multirange(ranges: Ranges) -> str:
    return "{" + ",".join(f"[{first},{last}]" for first, last in ranges) + "}"
