"""Whether what is stored fits together: counts, rows, roll-ups, packed days, followers, indexes.

All is seen as of one moment, while everything goes on. What a rule of the server enforces (keys,
foreign keys, columns) is not asked again, only whether each such rule is in force.
"""

from __future__ import annotations

from itertools import pairwise

from psycopg import sql

from store import accounts, scrutiny
from store.accounts import AT_MOST, Finding
from store.connection import Database

_RULES = {
    "batches": """
SELECT format('worker %s: %s batches from %s to %s are stored, its last one is %s', w.number,
              coalesce(n, 0), first, last, w.last_batch)
FROM worker w LEFT JOIN (SELECT worker, count(*) AS n, min(number) AS first, max(number) AS last
                         FROM batch GROUP BY worker) b ON b.worker = w.number
WHERE (n, first, last) IS DISTINCT FROM (w.last_batch, 1::int8, w.last_batch)
""",
    "totals": """
SELECT format('worker %s: its totals are %s, those of its batches %s', w.number,
              (w.stored, w.repeated, w.revised, w.quarantined, w.waveforms)::text, sums::text)
FROM worker w LEFT JOIN (SELECT worker, (sum(stored)::int8, sum(repeated)::int8,
    sum(revised)::int8, sum(quarantined)::int8, sum(waveforms)::int8) AS sums
    FROM batch GROUP BY worker) b ON b.worker = w.number
WHERE sums IS DISTINCT FROM (w.stored, w.repeated, w.revised, w.quarantined, w.waveforms)
""",
    "ledger": """
SELECT format('device %s, boot %s: sequences %s are settled and gone at once', device, boot,
              sequences * gone)
FROM settled WHERE sequences && gone
""",
    "followers": """
SELECT format('%s has come to %s of %s, which has %s', p.name, k.value, k.key, coalesce(n, 0))
FROM progress p CROSS JOIN LATERAL json_each_text(p.positions) k LEFT JOIN (
    SELECT number::text AS key, last_batch AS n FROM worker
    UNION ALL SELECT 'warning', max(number) FROM warning
    UNION ALL SELECT 'action', max(number) FROM action) there ON there.key = k.key
WHERE (k.key ~ '^[0-9]+$' OR k.key IN ('warning', 'action')) AND k.value::int8 > coalesce(n, 0)
""",
    "incidents": """
SELECT format('alert %s: its last change is %s, not %s', i.alert, newest, i.last_change)
FROM incident i JOIN (SELECT alert, max(number) AS newest FROM alert_change GROUP BY alert) c
    USING (alert) WHERE newest <> i.last_change
""",
    "indexes": """
SELECT format('index %s of table %s is not valid: run REINDEX INDEX %s', i.indexrelid::regclass,
              i.indrelid::regclass, i.indexrelid::regclass)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE NOT (i.indisvalid AND i.indisready) AND c.relnamespace = current_schema()::regnamespace
""",
    "constraints": """
SELECT format('constraint %s of table %s is not validated', conname, conrelid::regclass)
FROM pg_constraint WHERE NOT convalidated AND connamespace = current_schema()::regnamespace
""",
    "partitions": """
SELECT CASE WHEN relispartition THEN format('%s covers other days than its name says', relname)
            ELSE format('table %s is no partition of readings: attach it, or drop it', relname) END
FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
  AND relname ~ '^reading_[0-9]{8}_[0-9]{8}$'
  AND (NOT relispartition OR pg_get_expr(relpartbound, oid) <> format(
      'FOR VALUES FROM (%L) TO (%L)', substr(relname, 9, 8)::date || ' 00:00:00+00',
      substr(relname, 18, 8)::date || ' 00:00:00+00'))
""",
    "packed days": """
SELECT format('series %s, day %s: packed, but writers take days from %s on as rows', series, day,
              packed_before)
FROM packed, care WHERE day >= packed_before
UNION ALL
SELECT format('series %s, day %s: packed, and rows of it lie beside', p.series, p.day)
FROM packed p WHERE EXISTS (SELECT FROM reading r WHERE r.series = p.series
    AND r.measured_at >= to_timestamp(p.day * 86400.0)
    AND r.measured_at < to_timestamp((p.day + 1) * 86400.0))
""",
    "series": """
SELECT format('series %s has data and is not in the registry', series) FROM (
    SELECT series FROM packed UNION SELECT series FROM rollup WHERE step_s = 86400
    UNION SELECT series FROM waveform) s
WHERE NOT EXISTS (SELECT FROM series WHERE number = s.series)
""",
    "quarantine": """
SELECT format('message %s in quarantine: its device %s is not in the registry', number, device)
FROM quarantine q
WHERE device IS NOT NULL AND NOT EXISTS (SELECT FROM device WHERE number = q.device)
""",
}


def examine(db: Database, *, full: bool) -> list[Finding]:
    """What does not fit, at most `AT_MOST` a check; [] where all is well.

    Without `full` rows, roll-ups, packed days and packets are looked at in samples, the newest
    among them. Memory does not grow with the store. Raises StoreUnavailable.
    """
    accounts.prepare(db)
    scrutiny.prepare(db)
    with db.snapshot() as tables:
        found = [
            Finding(what, said)
            for what, statement in _RULES.items()
            for (said,) in db.run(f"{statement} LIMIT {AT_MOST}")
        ]
        found += _overlaps(db)
        found += [one for table in tables for one in _numbering(db, table)]
        found += accounts.examine(db, full=full)
        found += scrutiny.packed_days(db, full=full)
        found += scrutiny.packets(db, full=full)
        found += scrutiny.roll_ups(db, full=full)
    return found


def _overlaps(db: Database) -> list[Finding]:
    return [
        Finding("partitions", f"the days {one.first}-{one.end} and {two.first}-{two.end} overlap")
        for one, two in pairwise(db.flavour.spans(db))
        if two.first < one.end
    ]


def _numbering(db: Database, table: str) -> list[Finding]:
    """Rows whose number the server would give once more."""
    found = []
    for (column,) in db.run(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s)"
        " AND attidentity <> ''",
        (table,),
    ):
        asked = sql.SQL(
            "SELECT max({0})::int8, pg_sequence_last_value(pg_get_serial_sequence({1}, {2})"
            "::regclass) FROM {3}"
        ).format(sql.Identifier(column), table, column, sql.Identifier(table))
        most, last = db.run(asked)[0]
        if most is not None and most > (last or 0):
            found.append(Finding("numbering", f"table {table} has {column} {most}, past {last}"))
    return found
