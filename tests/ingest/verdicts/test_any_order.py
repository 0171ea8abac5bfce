"""Final verdicts in a real database: the spans of one pass, however the readings came."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import verdicts
from records.rules import (
    Attenuated,
    FlatLine,
    Gap,
    Neighbour,
    Rules,
    Spike,
    Tests,
)
from records.times import DAY, HOUR, SECOND
from store import packed, rules
from store.connection import Database
from store.range_partitions import stored_spans
from tests.ingest.verdicts.trial import (
    STEPS,
    T0,
    VALUES,
    A,
    B,
    Row,
    empty,
    one_pass,
    settled,
    spans,
    store,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, most=st.sampled_from((3, 50_000)))
def test_any_order_and_batching_gives_the_spans_of_one_pass(
    db: Database, steps: list[tuple[list[Row], int | None]], most: int
) -> None:
    """Late rows, revisions, turns at any moment, few rows a turn."""
    empty(db)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "_ROWS_A_SERIES", most)
        now_at = T0
        for rows, turn in steps:
            now_at += 60 * SECOND
            # Of two values of a message for one moment the last one counts.
            store(db, list({row[:2]: row for row in rows}.values()), now_at)
            if turn is not None:
                now_at = max(now_at, T0 + turn * 60 * SECOND)
                settled(db, now_at)
        settled(db, T0 + DAY)
    assert spans(db) == one_pass(db)


REACH = {
    "flat line": Tests(flat_line=FlatLine(suspect_s=600, fail_s=1200, tolerance=3)),
    "attenuated signal": Tests(
        attenuated_signal=Attenuated(suspect=2.1, fail=0.5, period_s=900, min_obs=3)
    ),
    "neighbour": Tests(neighbour=Neighbour(series=("b",), suspect=5, within_s=90)),
    "spike and gap": Tests(spike=Spike(suspect=3), gap=Gap(fail_s=150)),
}


@pytest.mark.parametrize("name", REACH)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=st.sets(st.integers(0, 59), min_size=30),
    late=st.tuples(st.sampled_from((A, B)), st.integers(0, 119).map(lambda n: n / 2), VALUES),
    calm=st.sampled_from((0.1, 1.0)),
    packed_days=st.booleans(),
)
def test_one_late_reading_is_judged_with_all_that_it_can_touch(
    db: Database, name: str, kept: set[int], late: Row, calm: float, packed_days: bool
) -> None:
    empty(db)
    content = Rules(version=name, series={"a": REACH[name]})
    rules.add(db, content, T0)
    values = {minute: minute % 7 * calm for minute in sorted(kept)}
    store(
        db,
        [(n, minute, value) for n in (A, B) for minute, value in values.items()
         if n == A or minute % 2],
        T0 + HOUR,
    )  # fmt: skip
    settled(db, T0 + 2 * HOUR)
    if packed_days:
        pack(db)
    store(db, [late], T0 + 2 * HOUR)
    settled(db, T0 + 3 * HOUR)
    assert spans(db) == one_pass(db, content)


def pack(db: Database) -> None:
    """Days that are over, in compact form where the server has none of its own."""
    packed.advance(db, (T0 + 9 * DAY) // DAY)
    for span in stored_spans(db):
        while not packed.pack_part(db, span):
            pass


@pytest.mark.parametrize("most", [3, 50_000])
def test_packed_days_are_judged_as_others(db: Database, most: int) -> None:
    # 22:13 on: the rows stand on two days.
    store(db, [(n, minute * 5, minute % 4 * 3) for n in (A, B) for minute in range(40)], T0 + HOUR)
    pack(db)
    assert db.run("SELECT count(*) FROM reading") == [(0,)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "_ROWS_A_SERIES", most)
        settled(db, T0 + DAY)
    assert spans(db) == one_pass(db) != []
