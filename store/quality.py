"""Final verdicts in the store: sparse spans of what a test did not find good, and a watermark.

Verdicts are made in numbered turns. A turn keeps which batches it had seen; a span says the turns
that found and replaced it, so that `as_of` any moment is the answer of the last turn by then. A
span grows in place only past what was final before, which no earlier answer could show.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from records.clock import WallClock
from records.levels import Check, Flag
from records.readings import ReadingBatch
from records.times import from_datetime, to_datetime
from store import asof
from store.connection import Database
from store.stretches import Part
from store.text import microseconds, moment

FOLLOWER = "quality"
_WALL = WallClock()


class Span(NamedTuple):
    """Consecutive readings of a series to which a test gave one flag other than good.

    from_at, to_at  `measured_at` of the first and the last, microseconds since 1970 UTC
    number          of the stored row; None for one that is not stored yet
    """

    series: int
    check: int
    from_at: int
    to_at: int
    flag: int
    rules: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Watermark:
    """A series' verdicts are final through `through_at` (None: none is), under these rules.

    behind  where it moves with the clock: so long before it (microseconds)
    """

    through_at: int | None
    rules: str
    limits: str
    behind: int | None = None


class Turn(NamedTuple):
    """positions: the last batch of each worker that it had seen."""

    number: int
    judged_at: int
    positions: dict[int, int]


def begin(db: Database) -> int:
    """Inside a transaction: the number of a turn, the only one until it ends."""
    db.run("SELECT pg_advisory_xact_lock('quality_turn'::regclass::int)")
    found: int = db.run("SELECT coalesce(max(number), 0) + 1 FROM quality_turn")[0][0]
    return found


def end(db: Database, turn: Turn) -> None:
    """Inside the transaction of a turn, last: what it found can be known from now on."""
    db.run(
        "INSERT INTO quality_turn VALUES (%s, %s, %s, %s::json)",
        (
            turn.number,
            to_datetime(turn.judged_at),
            to_datetime(_WALL.now()),
            msgspec.json.encode(turn.positions).decode(),
        ),
    )


_TURN = "SELECT number, judged_at, committed_at, positions::text FROM quality_turn t"
# None of the batches that it had seen was still to come, by their workers' clocks.
_COVERED = """
WHERE committed_at <= %s AND NOT EXISTS (SELECT FROM json_each_text(t.positions) seen
    LEFT JOIN unnest(%s::int[], %s::int8[]) made (worker, through) ON made.worker = seen.key::int
    WHERE seen.value::int8 > coalesce(made.through, 0))
"""


def turn_at(db: Database, as_of: int | None = None) -> Turn | None:
    """The last turn, by a moment (microseconds) where one is given; None: there was none yet."""
    condition = ""
    values: tuple[object, ...] = ()
    if as_of is not None:
        made = asof.positions_at(db, as_of)
        condition = _COVERED
        values = (to_datetime(as_of), list(made), list(made.values()))
    rows = db.run(f"{_TURN} {condition} ORDER BY number DESC LIMIT 1", values)
    if not rows:
        return None
    number, judged_at, committed_at, text = rows[0]
    if text is None:
        positions = asof.positions_at(db, from_datetime(committed_at))
    else:
        positions = msgspec.json.decode(text, type=dict[int, int])
    return Turn(number, from_datetime(judged_at), positions)


def watermarks(db: Database, turn: Turn | None) -> dict[int, Watermark]:
    """Of each series that has one, as the turn left them."""
    if turn is None:
        return {}
    rows = db.run(
        "SELECT DISTINCT ON (series) series, through_at, rules, limits, behind_us"
        " FROM quality_watermark WHERE turn <= %s ORDER BY series, turn DESC",
        (turn.number,),
    )
    return {
        series: Watermark(
            microseconds(through_at) if behind is None else turn.judged_at - behind,
            rules,
            limits,
            behind,
        )
        for series, through_at, rules, limits, behind in rows
    }


def move(
    db: Database, marks: Mapping[int, Watermark], before: Mapping[int, Watermark], turn: int
) -> None:
    """Inside a transaction: these are the series' watermarks from this turn on.

    A row is kept of each that doesn't only move with the clock, as it did before.
    """
    new = []
    for series, mark in marks.items():
        kept = _kept(mark)
        if series not in before or kept != _kept(before[series]):
            through = moment(kept.through_at)
            new.append((series, turn, through, kept.behind, kept.rules, kept.limits))
    if new:
        db.run_many(
            "INSERT INTO quality_watermark (series, turn, through_at, behind_us, rules, limits)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            new,
        )


def _kept(mark: Watermark) -> Watermark:
    """As it is stored: one of both."""
    return mark if mark.behind is None else dataclasses.replace(mark, through_at=None)


def spans_within(db: Database, parts: Sequence[Part], turn: int | None = None) -> list[Span]:
    """Spans that hold (held after that turn) and have a moment in one of the parts, each once."""
    if not parts:
        return []
    held = (
        "q.until_turn IS NULL"
        if turn is None
        else "q.turn <= %s AND (q.until_turn > %s OR q.until_turn IS NULL)"
    )
    rows = db.run(
        "SELECT DISTINCT ON (q.number) q.series, q.test, q.from_at, q.to_at, q.flag, q.rules,"
        " q.number FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[])"
        " s (series, from_at, to_at) JOIN quality_span q ON q.series = s.series"
        f" AND q.to_at >= s.from_at AND q.from_at <= s.to_at AND {held} ORDER BY q.number",
        (
            [part.series for part in parts],
            [to_datetime(part.from_at) for part in parts],
            [to_datetime(part.to_at) for part in parts],
            *(() if turn is None else (turn,) * 2),
        ),
    )
    return [
        Span(series, check, from_datetime(from_at), from_datetime(to_at), flag, rules, number)
        for series, check, from_at, to_at, flag, rules, number in rows
    ]


def close(db: Database, series: Iterable[int], turn: int) -> None:
    """Inside a transaction: nothing that was found of these series holds any more."""
    if begun := sorted(series):
        db.run(
            "UPDATE quality_span SET until_turn = %s WHERE series = ANY(%s) AND until_turn IS NULL",
            (turn, begun),
        )


def replace(
    db: Database, closed: Iterable[int], grown: Iterable[Span], new: Iterable[Span], turn: int
) -> None:
    """Inside a transaction: close spans by number, let spans end later, add spans."""
    if ended := sorted(closed):
        db.run("UPDATE quality_span SET until_turn = %s WHERE number = ANY(%s)", (turn, ended))
    if longer := [(to_datetime(span.to_at), span.number) for span in grown]:
        db.run_many("UPDATE quality_span SET to_at = %s WHERE number = %s", longer)
    if added := [
        (to_datetime(s.from_at), to_datetime(s.to_at), turn, s.series, s.check, s.flag, s.rules)
        for s in new
    ]:
        db.run_many(
            "INSERT INTO quality_span (from_at, to_at, turn, series, test, flag, rules)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            added,
        )


def forget_before(db: Database, at: int) -> None:
    """Inside a transaction: nobody asks any more about readings or moments before this one."""
    past = to_datetime(at)
    db.run("DELETE FROM quality_span WHERE to_at < %s", (past,))
    db.run(
        "DELETE FROM quality_turn WHERE committed_at < %s"
        " AND number < (SELECT max(number) FROM quality_turn)",
        (past,),
    )


class Final(NamedTuple):
    """What is known of readings now: `flag` and `checks` as in `ReadingBatch`.

    final      whether it is the final verdict; else it is the live flag
    watermark  by series, microseconds since 1970; no entry: nothing is final
    """

    flag: NDArray[np.uint8]
    checks: NDArray[np.uint16]
    final: NDArray[np.bool_]
    watermark: dict[int, int]


def final(
    db: Database, readings: ReadingBatch, origin: NDArray[Any], as_of: int | None = None
) -> Final:
    """The final verdicts of stored readings where there are any, else their live flags.

    `origin` (worker, batch) as from `queries.with_origin`: what came after the last turn has no
    verdict yet, however old it is. `as_of` (microseconds): as it was known then, of readings as
    from `asof.with_origin`.
    """
    flag, checks = readings.flag.copy(), readings.checks.copy()
    turn = turn_at(db, as_of)
    if turn is None:
        return Final(flag, checks, np.zeros(len(flag), np.bool_), {})
    marks = watermarks(db, turn).items()
    through = {s: mark.through_at for s, mark in marks if mark.through_at is not None}
    limit = np.array([through.get(int(s), _NEVER) for s in range(_top(readings))], np.int64)
    settled = readings.measured_at <= limit[readings.series]
    settled &= origin["batch"] <= asof.through(turn.positions, origin["worker"])
    flag[settled], checks[settled] = Flag.GOOD, 0
    for span in spans_within(db, _extent(readings), turn.number):
        rows = settled & (readings.series == span.series)
        rows &= (readings.measured_at >= span.from_at) & (readings.measured_at <= span.to_at)
        if span.check != Check.GAP:
            flag[rows] = np.maximum(flag[rows], np.uint8(span.flag))
        if span.flag >= Flag.SUSPECT:
            checks[rows] |= np.uint16(span.check)
    there = {int(series) for series in np.unique(readings.series)}
    return Final(flag, checks, settled, {s: at for s, at in through.items() if s in there})


_NEVER = np.iinfo(np.int64).min


def _top(readings: ReadingBatch) -> int:
    return int(readings.series.max(initial=0)) + 1


def _extent(readings: ReadingBatch) -> list[Part]:
    parts = []
    for series in np.unique(readings.series):
        at = readings.measured_at[readings.series == series]
        parts.append(Part(int(series), int(at.min()), int(at.max())))
    return parts
