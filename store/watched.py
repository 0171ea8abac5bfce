"""What trained models were seen to do on live readings, by UTC day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from records.times import DAY, to_datetime
from store.connection import Database


@dataclass(frozen=True, slots=True)
class Watch:
    """Rows that a model should score, did score, would have warned at; scores by bin."""

    rows: int
    scored: int
    warned: int
    scores: tuple[int, ...]


def add(
    db: Database, model: int, day: int, rows: int, scored: int, warned: int, scores: Sequence[int]
) -> None:
    """Count this to a day (since 1970-01-01 UTC)."""
    db.run(
        "INSERT INTO model_watch AS w VALUES (%s, %s, %s, %s, %s, %s::int8[])"
        " ON CONFLICT (model, day) DO UPDATE SET rows = w.rows + excluded.rows,"
        " scored = w.scored + excluded.scored, warned = w.warned + excluded.warned,"
        " scores = (SELECT array_agg(a + b ORDER BY place) FROM unnest(w.scores, excluded.scores)"
        " WITH ORDINALITY AS both_bins (a, b, place))",
        (model, to_datetime(day * DAY).date(), rows, scored, warned, list(scores)),
    )


def since(db: Database, model: int, day: int) -> Watch | None:
    """Everything from this day on, None where nothing was seen."""
    rows = db.run(
        "SELECT rows, scored, warned, scores FROM model_watch WHERE model = %s AND day >= %s",
        (model, to_datetime(day * DAY).date()),
    )
    if not rows:
        return None
    bins = zip(*(scores for *_, scores in rows), strict=True)
    return Watch(
        sum(row[0] for row in rows),
        sum(row[1] for row in rows),
        sum(row[2] for row in rows),
        tuple(sum(one) for one in bins),
    )
