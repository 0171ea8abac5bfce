"""Turn by turn: how far verdicts go, what opens them again, and with what they end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from ingest import resuming, verdicts
from ingest.arrivals import Arrival
from ingest.shards import SHARDS
from records.levels import Check, Flag
from records.readings import ReadingBatch
from records.readings import empty as no_rows
from records.rules import (
    Attenuated,
    GrossRange,
    Location,
    Rules,
    Tests,
)
from records.settings import Settings
from records.times import DAY, HOUR, SECOND
from store import quality, readings, registry, retention, rollups, rules
from store.clocks import ClockState
from store.connection import Database
from store.quality import Span
from store.readings import Commit, DeviceStatus
from store.stretches import Part
from tests.databases import STORE_KINDS
from tests.ingest.verdicts.trial import (
    RULES,
    T0,
    A,
    B,
    empty,
    moment,
    one_pass,
    settled,
    spans,
    steady,
    store,
)


def test_verdicts_go_as_far_as_readings_have_had_time_to_come(db: Database) -> None:
    steady(db)
    settled(db, T0 + 20 * 60 * SECOND)
    marks = quality.watermarks(db, quality.turn_at(db))
    assert {n: mark.through_at for n, mark in marks.items()} == dict.fromkeys(
        (A, B), T0 + 10 * 60 * SECOND
    )
    assert all(span.to_at <= T0 + 10 * 60 * SECOND for span in spans(db))


def test_a_late_spike_reopens_what_it_touches_and_the_old_verdict_is_still_known(
    db: Database,
) -> None:
    steady(db)
    settled(db, T0 + 2 * HOUR)
    before, then = spans(db), quality.turn_at(db)
    assert then is not None
    store(db, [(B, 7.5, 40.0)], T0 + 2 * HOUR + SECOND)
    settled(db, T0 + 3 * HOUR)
    assert spans(db) == one_pass(db) != before
    parts = [Part(n, T0, T0 + DAY) for n in (A, B)]
    old = quality.spans_within(db, parts, then.number)
    assert sorted(span._replace(rules="", number=None) for span in old) == before


def test_a_span_that_grows_under_the_watermark_is_one_row(db: Database) -> None:
    steady(db, value=35.0)
    for minute in range(12, 60):
        settled(db, T0 + minute * 60 * SECOND)
    stored = db.run("SELECT count(*), count(*) FILTER (WHERE until_turn IS NULL) FROM quality_span"
                    " WHERE series = 1 AND test = 1")  # fmt: skip
    assert stored == [(1, 1)]
    assert spans(db) == one_pass(db)


def test_verdicts_go_with_the_readings_that_retention_drops(db: Database) -> None:
    empty(db)
    store(db, [(A, minute, 40.0) for minute in (*range(5), *range(1440, 1445))], T0 + 2 * DAY)
    settled(db, T0 + 2 * DAY)
    settled(db, T0 + 2 * DAY + HOUR)
    db.run("UPDATE quality_turn SET committed_at = judged_at")
    both = spans(db)
    day = (T0 + DAY) // DAY
    rollups.roll_up(db, T0 + 2 * DAY)
    assert not retention.drop_before(db, day)
    kept = [span for span in both if span.to_at >= day * DAY]
    assert spans(db) == kept != both
    turn = quality.turn_at(db)
    assert turn is not None
    assert db.run("SELECT count(*) FROM quality_turn") == [(2,)]
    quality.forget_before(db, T0 + 9 * DAY)
    assert quality.turn_at(db) == turn


def test_new_rules_judge_all_anew_and_the_old_spans_stay_known(db: Database) -> None:
    steady(db)
    settled(db, T0 + 2 * HOUR)
    old, then = spans(db), quality.turn_at(db)
    assert then is not None
    new = Rules(version="trial-2", series={"a": Tests(gross_range=GrossRange(fail=(1, 2)))})
    assert rules.add(db, new, T0 + 2 * HOUR + SECOND)
    assert not rules.add(db, new, T0 + 2 * HOUR + SECOND)
    settled(db, T0 + 3 * HOUR)
    assert spans(db) == one_pass(db, new) != old
    parts = [Part(n, T0, T0 + DAY) for n in (A, B)]
    known = quality.spans_within(db, parts, then.number)
    assert sorted(span._replace(rules="", number=None) for span in known) == old
    assert rules.current(db, as_of=T0 + 2 * HOUR) == RULES


def test_a_device_that_was_elsewhere_is_doubted_for_as_long(db: Database) -> None:
    empty(db)
    db.run("DELETE FROM device_position")

    def says(minute: float, lat: float) -> None:
        at = T0 + round(minute * 60 * SECOND)
        said = DeviceStatus(1, "online", 1, "", None, lat, 74.0, at)
        readings.commit(db, Commit(0, at, "senml/1", "trial-1", no_rows(), statuses=(said,)))

    rules.add(
        db, replace(RULES, version="located", every=Tests(location=Location(suspect_m=1000))), T0
    )
    says(0.5, 36.0)
    store(db, [(A, minute, 0.1) for minute in range(6)], T0 + HOUR)
    says(1.5, 36.1)
    says(3.5, 36.0)
    settled(db, T0 + DAY)
    found = [span for span in spans(db) if span.check == Check.LOCATION]
    minute = 60 * SECOND
    assert found == [Span(A, Check.LOCATION, T0 + 2 * minute, T0 + 3 * minute, Flag.SUSPECT)]


def test_ingest_takes_up_a_long_window_where_it_stood(db: Database) -> None:
    """More rows than the other live tests remember."""
    rule = Attenuated(suspect=0.5, period_s=18 * 3600)
    rules.add(db, Rules(version="long", series={"a": Tests(attenuated_signal=rule)}), T0)
    known = registry.load(db)
    calm = [(A, float(minute), float(minute < 400)) for minute in range(1300)]
    store(db, calm, T0 + DAY)
    db.run("UPDATE reading SET received_at = measured_at, late = false")
    again = resuming.resumed(db, known, Settings.read({}), frozenset(range(SHARDS)), T0 + DAY)

    def flagged(minute: int) -> int:
        at = T0 + minute * 60 * SECOND
        payload = b'[{"n":"a:tilt","u":"deg","t":%d,"v":0}]' % (at // SECOND)
        work = again.take([Arrival("hoshyar/v1/lab/one/readings", payload, at)])
        return int(work.readings.checks[0])

    # 1080 rows: of these 180 are ones in the first window (deviation 0.37), then fewer.
    assert flagged(1300) == Check.ATTENUATED_SIGNAL


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_the_clock_verdict_goes_by_what_the_ledger_knows_now(db: Database) -> None:
    """Slow by half an hour from the 10th minute on, believed after rows were final; then set
    right. Pieces of three rows."""
    empty(db)
    db.run("DELETE FROM device_clock")
    minute = 60 * SECOND

    def sent(first: int, last: int, slow: float, clocks: Sequence[ClockState] = ()) -> None:
        received_at = T0 + np.arange(first, last) * minute
        n = len(received_at)
        rows = ReadingBatch(
            np.full(n, A, np.int32), received_at - int(slow * minute), received_at,
            np.zeros(n), np.ones(n, np.uint8), np.zeros(n, np.uint16), np.zeros(n, np.bool_),
        )  # fmt: skip
        at = int(received_at[-1])
        readings.commit(db, Commit(0, at, "senml/1", "trial-1", rows, clocks=tuple(clocks)))

    def clock(minute_: int, slow: float, claim_at: int, claim: float) -> ClockState:
        at = T0 + minute_ * minute
        return ClockState(1, 7, T0, at, True, int(slow * minute), at, 0, int(claim * minute),
                          T0 + claim_at * minute)  # fmt: skip

    def doubted(as_of: int | None = None) -> list[tuple[float, float]]:
        turn = quality.turn_at(db, as_of)
        assert turn is not None
        found = quality.spans_within(db, [Part(A, T0 - DAY, T0 + DAY)], turn.number)
        return sorted(
            ((span.from_at - T0) / minute, (span.to_at - T0) / minute)
            for span in found
            if span.check == Check.CLOCK
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "_ROWS_A_SERIES", 3)
        sent(0, 10, 0, [clock(0, 0, 0, 0)])
        sent(10, 30, 30.5)
        settled(db, T0 + 50 * minute)
        assert doubted() == []
        before = moment()
        sent(30, 32, 30.5, [clock(31, 30.5, 10, 30.5)])
        settled(db, T0 + 51 * minute)
        # What the clock showed: until half a minute after T0, between readings that are right.
        wrong = [(-20.5, -0.5), (0.5, 0.5)]
        assert doubted() == wrong
        assert doubted(before) == []
        sent(61, 70, 0, [clock(61, 0, 10, 30.5)])
        settled(db, T0 + 2 * HOUR)
    assert doubted() == wrong
