"""A store with two series and trial rules, and its final verdicts beside those of one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from ingest import verdicts
from ingest.qartod import Stretch, judge
from ingest.spans import Judged, runs
from records.clock import WallClock
from records.readings import ReadingBatch
from records.rules import (
    Attenuated,
    FlatLine,
    Gap,
    GrossRange,
    Limit,
    Neighbour,
    Rules,
    Season,
    Spike,
    Tests,
)
from records.times import DAY, HOUR, SECOND
from store import quality, queries, readings, registry
from store.connection import Database
from store.quality import Span
from store.readings import Commit
from store.stretches import Part

T0 = 1_700_000_000 * SECOND
A, B = 1, 2
# One reading: series, minutes after T0, value.
Row = tuple[int, float, float]
TESTS = Tests(
    gross_range=GrossRange(fail=(-50, 50), suspect=(-30, 30)),
    climatology=(Season(hour=(22, 23), suspect=(-20, 20), fail=(-25, 25)),),
    spike=Spike(suspect=6, fail=20),
    rate_of_change=Limit(suspect=0.2, fail=0.5),
    flat_line=FlatLine(suspect_s=180, fail_s=300, tolerance=0.5),
    attenuated_signal=Attenuated(suspect=1.5, fail=0.5, period_s=400, min_obs=3),
    gap=Gap(fail_s=150),
    neighbour=Neighbour(series=("b",), suspect=15, within_s=90),
)
RULES = Rules(version="trial-1", series={"a": TESTS, "b": Tests(spike=Spike(suspect=4))})


def empty(db: Database) -> None:
    """As before the first reading."""
    db.run("TRUNCATE reading, packed, revision, batch, worker, progress, quality_span,"
           " quality_turn, quality_watermark")  # fmt: skip
    db.run("UPDATE care SET packed_before = -1000000")
    db.newest.forget()


def store(db: Database, rows: Sequence[Row], received_at: int) -> None:
    at = np.array([T0 + round(row[1] * 60 * SECOND) for row in rows], np.int64)
    batch = ReadingBatch(
        np.array([row[0] for row in rows], np.int32),
        at,
        np.full(len(rows), received_at),
        np.array([row[2] for row in rows], np.float64),
        np.full(len(rows), 3, np.uint8),
        np.zeros(len(rows), np.uint16),
        np.zeros(len(rows), np.bool_),
    )
    readings.commit(db, Commit(0, received_at, "senml/1", "trial-1", batch))


def settled(db: Database, now_at: int) -> None:
    while verdicts.settle(db, now_at):
        pass


def spans(db: Database) -> list[Span]:
    """The spans that hold, without their rules and numbers."""
    found = quality.spans_within(db, [Part(n, T0 - DAY, T0 + DAY) for n in (A, B)])
    return sorted(span._replace(rules="", number=None) for span in found)


def one_pass(db: Database, content: Rules = RULES) -> list[Span]:
    """The spans of all that is stored, judged at once."""
    known = registry.load(db)
    stored = queries.between(db, [A, B], T0 - DAY, T0 + DAY)
    found = []
    columns = {n: stored.take(stored.series == n) for n in (A, B)}
    for number, rows in columns.items():
        series = known.series(number)
        beside = ((columns[B].measured_at, columns[B].value),) if number == A else ()
        piece = Stretch(rows.measured_at, rows.received_at, rows.value, content.of(series),
                        series.interval_s, neighbours=beside)  # fmt: skip
        if not len(rows):
            continue
        flags = judge([piece])
        part = Judged(number, rows.measured_at, flags, None, None)
        found += [span for check in flags for span in runs(part, check, "")]
    return sorted(found)


VALUES = st.sampled_from((0.0, 0.1, 1.0, 2.0, 9.0, -9.0, 22.0, 27.0, 40.0, 60.0))
ROWS = st.tuples(st.sampled_from((A, A, B)), st.integers(0, 30).map(lambda n: n / 2), VALUES)
STEPS = st.lists(
    st.tuples(st.lists(ROWS, min_size=1, max_size=12), st.one_of(st.none(), st.integers(0, 40))),
    min_size=1,
    max_size=8,
)


def steady(db: Database, value: float = 0.0) -> None:
    store(db, [(n, minute, minute % 3 + value) for n in (A, B) for minute in range(30)], T0 + HOUR)


def moment() -> int:
    """One that no commit shares."""
    start = WallClock().now()
    while WallClock().now() <= start:
        pass
    return start
