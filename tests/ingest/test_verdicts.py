"""Final verdicts in a real database: the spans of one pass, however the readings came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ingest import resuming, verdicts
from ingest.arrivals import Arrival
from ingest.qartod import Stretch, judge
from ingest.shards import SHARDS
from ingest.spans import Judged, runs
from records.clock import ScenarioClock, WallClock
from records.levels import Check, Flag
from records.network import Device, Lab, Network, Series, Station
from records.readings import ReadingBatch
from records.readings import empty as no_rows
from records.rules import (
    Attenuated,
    FlatLine,
    Gap,
    GrossRange,
    Limit,
    Location,
    Neighbour,
    Rules,
    Season,
    Spike,
    Tests,
)
from records.settings import Settings
from records.times import DAY, HOUR, SECOND
from store import asof, packed, quality, queries, readings, registry, retention, rollups, rules
from store.clocks import ClockState
from store.connection import Database, connect
from store.datasets import open_dataset
from store.quality import Span
from store.range_partitions import stored_spans
from store.readings import Commit, DeviceStatus
from store.stretches import Part
from tests.databases import STORE_KINDS

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


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        network = Network(
            lab=(Lab(id="lab"),),
            station=(Station(id="here", lab="lab", lat=36, lon=74),),
            device=(Device(id="one", station="here"),),
            series=tuple(
                Series(id=id_, station="here", device="one", quantity="tilt", unit="deg",
                       point=id_, interval_s=60)
                for id_ in ("a", "b")
            ),
        )  # fmt: skip
        registry.enrol(database, network, ScenarioClock(T0))
        rules.add(database, RULES, T0)
        yield database


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


def steady(db: Database, value: float = 0.0) -> None:
    store(db, [(n, minute, minute % 3 + value) for n in (A, B) for minute in range(30)], T0 + HOUR)


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


def moment() -> int:
    """One that no commit shares."""
    start = WallClock().now()
    while WallClock().now() <= start:
        pass
    return start


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
