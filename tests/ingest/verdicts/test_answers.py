"""What is read: the final verdict up to the watermark, the live flag after it, at any moment."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import verdicts
from records.levels import Check
from records.times import DAY, HOUR, SECOND
from store import asof, quality, queries, rules
from store.connection import Database
from store.datasets import open_dataset
from tests.databases import STORE_KINDS
from tests.ingest.verdicts.trial import (
    RULES,
    STEPS,
    T0,
    A,
    B,
    Row,
    empty,
    moment,
    settled,
    steady,
    store,
)


def test_before_the_watermark_the_final_verdict_is_read_and_after_it_the_live_flag(
    db: Database,
) -> None:
    steady(db)
    settled(db, T0 + 20 * 60 * SECOND)
    stored, origin = queries.with_origin(db, [B], T0, T0 + DAY)
    found = quality.final(db, stored, origin)
    # The first value has no neighbour before it, so its spike can't be judged.
    assert found.flag.tolist() == [2, *[1] * 10, *[3] * 19]
    assert found.final.tolist() == [True] * 11 + [False] * 19
    assert found.watermark == {B: T0 + 10 * 60 * SECOND}
    store(db, [(B, 4.5, 1.0)], T0 + HOUR)
    stored, origin = queries.with_origin(db, [B], T0, T0 + DAY)
    unseen = quality.final(db, stored, origin)
    assert (unseen.flag[5], unseen.final[5]) == (3, False)


def test_a_dataset_has_the_final_flag_up_to_its_watermark_and_beside_it_the_live_one(
    db: Database,
) -> None:
    steady(db)
    store(db, [(B, 3.0, 30.0)], T0 + HOUR)
    settled(db, T0 + 14 * 60 * SECOND)
    dataset = open_dataset(db, station="here", time=slice(None, "2023-11-14T22:20:00Z"))
    assert dataset.tilt_b_qartod.attrs["quality_watermark"] == "2023-11-14T22:17:20Z"
    # Its spike at 3 min and the values beside it; the live flag of all was suspect.
    assert dataset.tilt_b_qartod.values.tolist() == [2, 1, 3, 3, 3, 3, 3]
    assert dataset.tilt_b_checks.values.tolist() == [0, 0, Check.SPIKE, Check.SPIKE, 2, 0, 0]
    assert dataset.tilt_b_live_qartod.values.tolist() == [3] * 7


Answer = list[tuple[int, int, float, int, int, bool]]


def answer(db: Database, as_of: int | None = None) -> tuple[Answer, dict[int, int]]:
    """Series, minute, value, flag, checks and finality of every row, and the watermarks."""
    if as_of is None:
        rows, origin = queries.with_origin(db, [A, B], T0 - DAY, T0 + DAY)
    else:
        made = asof.positions_at(db, as_of)
        rows, origin = asof.with_origin(db, [A, B], T0 - DAY, T0 + DAY, made)
    found = quality.final(db, rows, origin, as_of)
    columns = (rows.series, rows.measured_at - T0, rows.value, found.flag, found.checks)
    said = zip(*(column.tolist() for column in (*columns, found.final)), strict=True)
    return list(said), found.watermark


@pytest.mark.parametrize("kind", STORE_KINDS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, most=st.sampled_from((3, 50_000)), changes=st.sets(st.integers(0, 7)))
def test_what_was_final_at_every_moment_can_be_asked_for(
    db: Database, steps: list[tuple[list[Row], int | None]], most: int, changes: set[int]
) -> None:
    """Late rows, revisions, new limits, turns that don't reach the end, clocks set back."""
    empty(db)
    db.run("DELETE FROM rules")
    rules.add(db, RULES, T0)
    known = []
    interval_s = 60

    def note() -> None:
        said = answer(db)
        known.append((moment(), said))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "_ROWS_A_SERIES", most)
        now_at = T0
        for step, (rows, turn) in enumerate(steps):
            now_at += 60 * SECOND
            store(db, list({row[:2]: row for row in rows}.values()), now_at)
            note()
            if step in changes:
                # The same version of the rules means something else for another interval.
                interval_s = 180 - interval_s
                db.run("UPDATE series SET interval_s = %s WHERE id = 'a'", (interval_s,))
            if turn is not None:
                now_at = T0 + turn * 60 * SECOND
                more = True
                while more:
                    more = verdicts.settle(db, now_at)
                    note()
    db.run("UPDATE series SET interval_s = 60")
    for at, said in known:
        assert answer(db, at) == said
