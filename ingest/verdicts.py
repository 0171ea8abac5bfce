"""Final verdicts: what the tests say of a series once its readings had time to arrive.

One turn follows the batches since the last one. Of each series it judges what has passed under the
watermark (the clock less the silence after which a series is blind, by then readings have come),
and again what a late or changed reading can touch. What is judged is the stored series, by
`measured_at`: the spans are those of one pass over all of it, however it came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.limits import others_of
from ingest.qartod import Stretch, flat_rows, judge
from ingest.spans import Judged, changes
from records.distance import great_circle_m
from records.network import Series
from records.rules import Rules, Tests
from records.times import HOUR, SECOND
from store import follow, positions, quality, registry, rules, stages, stretches
from store.connection import Database
from store.quality import Watermark
from store.stretches import Part

_FIRST = -62_135_510_400_000_000  # 0001-01-02, before every reading
_ROWS_A_SERIES = 50_000
_ROWS_A_TURN = 250_000
# Rows before a changed one whose verdict it can change: a spike's, and both of a first gap.
_BACK = 2

Neighbours = Mapping[int, tuple[tuple[int, float, float], ...]]


@dataclass(slots=True)
class _Turn:
    """What one turn knows, by series number."""

    number: int
    now_at: int
    rules: Rules
    series: dict[int, Series]
    tests: dict[int, Tests]
    before: dict[int, Watermark]
    neighbours: Neighbours
    stations: dict[int, tuple[float, float]]
    # Final before this turn (without those that begin anew), and after it.
    old: dict[int, int] = field(default_factory=dict)
    marks: dict[int, Watermark] = field(default_factory=dict)

    def flat(self, number: int) -> int:
        return flat_rows(self.tests[number].flat_line, self.series[number].interval_s)

    def period(self, number: int) -> int:
        rule = self.tests[number].attenuated_signal
        return rule.period_s * SECOND if rule else 0

    def behind(self, number: int) -> int:
        """How far its watermark is behind the clock where it has gone all the way."""
        return round(self.series[number].blind_after_s() * SECOND)

    def mark(self, number: int, through_at: int | None, limits: str) -> None:
        behind = self.behind(number)
        moves = through_at == self.now_at - behind
        self.marks[number] = Watermark(
            through_at, self.rules.version, limits, behind if moves else None
        )

    def within(self, number: int) -> int:
        rule = self.tests[number].neighbour
        return round(rule.within_s * SECOND) if rule else 0


def settle(db: Database, now_at: int) -> bool:
    """One turn, all of it or nothing; True where more is left to be judged.

    `now_at` in microseconds since 1970. Raises StoreUnavailable.
    """
    with db.transaction():
        turn = _begin(db, now_at)
        changed, positions, behind = _changed(db)
        new, more = _advance(db, turn)
        # Under new limits nothing of a series is final, and what was found is found anew.
        quality.close(db, turn.series.keys() & turn.before.keys() - turn.old.keys(), turn.number)
        parts = _merged([*new, *_touched(db, turn, changed)])
        _judge(db, turn, parts)
        quality.move(db, turn.marks, turn.before, turn.number)
        numbers = {str(worker): number for worker, number in positions.items()}
        stages.save_progress(db, quality.FOLLOWER, now_at, numbers, b"")
        quality.end(db, quality.Turn(turn.number, now_at, positions))
    return more or behind


def _begin(db: Database, now_at: int) -> _Turn:
    number = quality.begin(db)
    known, current = registry.load(db), rules.current(db)
    series = {known.series_number[one.id]: one for one in known.network.series}
    tests = {number: current.of(one) for number, one in series.items()}
    by_id = {one.id: (number, one) for number, one in series.items()}
    neighbours = {
        number: others_of(rule, one, by_id)
        for number, one in series.items()
        if (rule := tests[number].neighbour)
    }
    places = {station.id: (station.lat, station.lon) for station in known.network.station}
    stations = {number: places[one.station] for number, one in series.items()}
    before = quality.watermarks(db, quality.turn_at(db))
    return _Turn(number, now_at, current, series, tests, before, neighbours, stations)


def _changed(db: Database) -> tuple[dict[int, NDArray[np.int64]], dict[int, int], bool]:
    """Times of the rows stored since the last turn, by series; how far that goes; is there more."""
    there = follow.positions(db)
    done = stages.progress(db, quality.FOLLOWER)
    if done is None:
        return {}, there, False
    positions = {int(worker): number for worker, number in done.positions.items()}
    batches = follow.batches_after(db, positions, limit_rows=_ROWS_A_TURN)
    times: dict[int, list[NDArray[np.int64]]] = {}
    for batch in batches:
        positions[batch.worker] = max(batch.number, positions.get(batch.worker, 0))
        rows = batch.readings.take(np.argsort(batch.readings.series, kind="stable"))
        numbers, starts = np.unique(rows.series, return_index=True)
        for number, at in zip(numbers, np.split(rows.measured_at, starts[1:]), strict=False):
            times.setdefault(int(number), []).append(at)
    changed = {number: np.unique(np.concatenate(parts)) for number, parts in times.items()}
    behind = any(positions.get(worker, 0) < number for worker, number in there.items())
    return changed, positions, behind


def _advance(db: Database, turn: _Turn) -> tuple[list[Part], bool]:
    """What passes under the watermarks now, and whether some could not go all the way."""
    wanted = []
    for number in turn.series:
        limits = _digest(turn, number)
        mark = turn.before.get(number)
        if mark and mark.limits == limits and mark.through_at is not None:
            turn.old[number] = mark.through_at
        turn.mark(number, turn.old.get(number), limits)
        target = turn.now_at - turn.behind(number)
        if target > turn.old.get(number, _FIRST):
            wanted.append(Part(number, turn.old.get(number, _FIRST), target))
    parts: list[Part] = []
    rows = 0
    for part, (last, count) in zip(
        wanted, stretches.ahead(db, wanted, _ROWS_A_SERIES), strict=True
    ):
        if rows and rows + count > _ROWS_A_TURN:
            return parts, True
        rows += count
        through = part.to_at if last is None else min(last, part.to_at)
        turn.mark(part.series, through, turn.marks[part.series].limits)
        if count:
            parts.append(Part(part.series, part.from_at + 1, through))
    return parts, any(turn.marks[part.series].through_at != part.to_at for part in wanted)


def _digest(turn: _Turn, number: int) -> str:
    """Of all that the verdicts of a series depend on beside its readings."""
    where = turn.stations[number] if turn.tests[number].location else None
    said = (turn.tests[number], turn.series[number].interval_s, turn.neighbours.get(number), where)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]


def _touched(db: Database, turn: _Turn, changed: Mapping[int, NDArray[np.int64]]) -> list[Part]:
    """Parts that were final already and that changed rows can touch."""
    clusters = [
        cluster
        for number, at in changed.items()
        if number in turn.old
        for cluster in _clusters(number, at, turn.old[number])
    ]
    near = stretches.around(
        db,
        clusters,
        [_BACK] * len(clusters),
        [max(turn.flat(cluster.series), 1) for cluster in clusters],
    )
    parts = [
        Part(
            cluster.series,
            _or(edge.before_at, cluster.from_at),
            max(_or(edge.after_at, cluster.to_at), cluster.to_at + turn.period(cluster.series)),
        )
        for cluster, edge in zip(clusters, near, strict=True)
    ]
    for number, others in turn.neighbours.items():
        within = turn.within(number)
        for other, _, _ in others:
            for cluster in _clusters(other, changed.get(other, _NONE), _NEVER_FINAL):
                parts.append(Part(number, cluster.from_at - within, cluster.to_at + within))
    return [part for one in parts if (part := _cut(turn, one))]


def _or(at: int | None, other: int) -> int:
    return other if at is None else at


_NONE = np.empty(0, np.int64)
_NEVER_FINAL = np.iinfo(np.int64).max


def _clusters(number: int, at: NDArray[np.int64], old: int) -> Iterable[Part]:
    """Spans of changed times; after the old watermark only the first can touch what is final."""
    at = at[: int(np.searchsorted(at, old, "right")) + 1]
    if not len(at):
        return
    for piece in np.split(at, np.flatnonzero(np.diff(at) > HOUR) + 1):
        yield Part(number, int(piece[0]), int(piece[-1]))


def _cut(turn: _Turn, part: Part) -> Part | None:
    """The part up to its series' watermark."""
    mark = turn.marks.get(part.series)
    if mark is None or mark.through_at is None or part.from_at > mark.through_at:
        return None
    return part._replace(to_at=min(part.to_at, mark.through_at))


def _merged(parts: Iterable[Part]) -> list[Part]:
    found: list[Part] = []
    for part in sorted(parts):
        if found and found[-1].series == part.series and part.from_at <= found[-1].to_at + 1:
            found[-1] = found[-1]._replace(to_at=max(found[-1].to_at, part.to_at))
        else:
            found.append(part)
    return found


def _judge(db: Database, turn: _Turn, parts: Sequence[Part]) -> None:
    """Judge the parts and store what is new of them."""
    if not parts:
        return
    back = [max(turn.flat(part.series), _BACK) for part in parts]
    near = stretches.around(db, parts, back, [1] * len(parts))
    wider = [
        Part(
            part.series,
            min(_or(edge.before_at, part.from_at),
                part.from_at - turn.period(part.series)),
            _or(edge.after_at, part.to_at),
        )
        for part, edge in zip(parts, near, strict=True)
    ]  # fmt: skip
    rows = stretches.read(db, wider)
    beside = _beside(db, turn, wider)
    off_m = _off_m(db, turn, wider, [readings.measured_at for readings in rows])
    judged = []
    pieces = [
        Stretch(
            readings.measured_at,
            readings.received_at,
            readings.value,
            turn.tests[part.series],
            turn.series[part.series].interval_s,
            first=edge.before < count,
            last=edge.after == 0,
            neighbours=others,
            off_m=off,
        )
        for part, edge, count, readings, others, off in zip(
            parts, near, back, rows, beside, off_m, strict=True
        )
    ]
    flags = judge(pieces)
    start = 0
    for part, piece in zip(parts, pieces, strict=True):
        at = piece.at
        first, last = np.searchsorted(at, part.from_at), np.searchsorted(at, part.to_at, "right")
        inside = slice(start + int(first), start + int(last))
        judged.append(
            Judged(
                part.series,
                at[first:last],
                {check: flag[inside] for check, flag in flags.items()},
                int(at[first - 1]) if first else None,
                int(at[last]) if last < len(at) else None,
            )
        )
        start += len(at)
    stored = quality.spans_within(
        db, [_reach(one, part) for one, part in zip(judged, parts, strict=True)]
    )
    found = changes(judged, stored, turn.old, turn.rules.version)
    quality.replace(db, found.closed, found.grown, found.new, turn.number)


def _reach(judged: Judged, part: Part) -> Part:
    """The part with the row before and the row after it."""
    before = _or(judged.before, part.from_at)
    after = _or(judged.after, part.to_at)
    return Part(part.series, before, after)


def _beside(
    db: Database, turn: _Turn, parts: Sequence[Part]
) -> list[tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]]:
    """For each part, what its neighbours measured around it, in its unit."""
    wanted = [
        Part(other, part.from_at - turn.within(part.series), part.to_at + turn.within(part.series))
        for part in parts
        for other, _, _ in turn.neighbours.get(part.series, ())
    ]
    rows = iter(stretches.read(db, wanted))
    found = []
    for part in parts:
        lines = []
        for _, factor, offset in turn.neighbours.get(part.series, ()):
            readings = next(rows)
            lines.append((readings.measured_at, readings.value * factor + offset))
        found.append(tuple(lines))
    return found


def _off_m(
    db: Database, turn: _Turn, parts: Sequence[Part], times: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.float64] | None]:
    """For each part, how far from the station its device said it was at each of its rows (m)."""
    asked = {part.series for part in parts if turn.tests[part.series].location}
    stays = positions.stays(db, sorted(asked)) if asked else {}
    found: list[NDArray[np.float64] | None] = []
    for part, at in zip(parts, times, strict=True):
        known = stays.get(part.series)
        if known is None:
            found.append(None)
            continue
        from_at, lat, lon = (np.array(column) for column in zip(*known, strict=True))
        far = np.append(np.nan, great_circle_m(lat, lon, *turn.stations[part.series]))
        found.append(far[np.searchsorted(from_at, at, "right")])
    return found
