"""Final verdicts: what the tests say of a series once its readings had time to arrive.

One turn follows the batches since the last one. Of each series it judges what has passed under the
watermark (the clock less the silence after which a series is blind, by then readings have come),
and again what a late or changed reading can touch. What is judged is the stored series, by
`measured_at`: the spans are those of one pass over all of it, however it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import circumstances, turns
from ingest.qartod import Stretch, judge
from ingest.spans import Judged, changes
from ingest.spells import Spell, differing
from ingest.turns import Turn
from records.times import HOUR
from store import follow, quality, stages, stretches
from store.connection import Database
from store.stages import Progress
from store.stretches import Part

_FIRST = -62_135_510_400_000_000  # 0001-01-02, before every reading
_ROWS_A_SERIES = 50_000
_ROWS_A_TURN = 250_000
# Rows before a changed one whose verdict it can change: a spike's, and both of a first gap.
_BACK = 2


class _Kept(msgspec.Struct, frozen=True):
    """What the next turn must know: which clocks verdicts rest on, what is to be judged again."""

    spells: dict[int, tuple[Spell, ...]] = {}
    waiting: tuple[Part, ...] = ()


def settle(db: Database, now_at: int) -> bool:
    """One turn, all of it or nothing; True where more is left to be judged.

    `now_at` in microseconds since 1970. Raises StoreUnavailable.
    """
    with db.transaction():
        turn = turns.begin(db, now_at)
        done = stages.progress(db, quality.FOLLOWER)
        changed, positions, behind = _changed(db, done)
        kept = msgspec.json.decode(done.snapshot or b"{}", type=_Kept) if done else _Kept()
        new, more = _advance(db, turn)
        # Under new limits nothing of a series is final, and what was found is found anew.
        quality.close(db, turn.series.keys() & turn.before.keys() - turn.old.keys(), turn.number)
        again, left = _some(db, [*kept.waiting, *_other_clocks(turn, kept.spells)])
        parts = _merged([*new, *_touched(db, turn, changed), *again])
        _judge(db, turn, parts)
        quality.move(db, turn.marks, turn.before, turn.number)
        numbers = {str(worker): number for worker, number in positions.items()}
        snapshot = msgspec.json.encode(_Kept(turn.spells, left))
        stages.save_progress(db, quality.FOLLOWER, now_at, numbers, snapshot)
        quality.end(db, quality.Turn(turn.number, now_at, positions))
    return more or behind or bool(left)


def _changed(
    db: Database, done: Progress | None
) -> tuple[dict[int, NDArray[np.int64]], dict[int, int], bool]:
    """Times of the rows stored since the last turn, by series; how far that goes; is there more."""
    there = follow.positions(db)
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


def _advance(db: Database, turn: Turn) -> tuple[list[Part], bool]:
    """What passes under the watermarks now, and whether some could not go all the way."""
    wanted = []
    for number in turn.series:
        limits = turn.digest(number)
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


def _touched(db: Database, turn: Turn, changed: Mapping[int, NDArray[np.int64]]) -> list[Part]:
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


def _other_clocks(turn: Turn, before: Mapping[int, tuple[Spell, ...]]) -> list[Part]:
    """Parts that were final already, of devices of whose clock more is known now."""
    spans = {
        device: span
        for device in before.keys() | turn.spells.keys()
        if (span := differing(before.get(device, ()), turn.spells.get(device, ())))
    }
    parts = [
        Part(number, max(spans[device][0], _FIRST), spans[device][1])
        for number, fed in turn.feeders.items()
        for device in {device for _, device in fed}
        if device in spans and number in turn.old
    ]
    return [part for one in parts if (part := _cut(turn, one))]


def _some(db: Database, waiting: Sequence[Part]) -> tuple[list[Part], tuple[Part, ...]]:
    """As much of these parts as one turn should read, and what is left of them."""
    some: list[Part] = []
    left: list[Part] = []
    rows = 0
    merged = _merged(waiting)
    before = [part._replace(from_at=part.from_at - 1) for part in merged]
    for part, (last, count) in zip(
        merged, stretches.ahead(db, before, _ROWS_A_SERIES), strict=True
    ):
        if rows and rows + count > _ROWS_A_TURN:
            left.append(part)
            continue
        rows += count
        through = part.to_at if last is None else min(last, part.to_at)
        some.append(part._replace(to_at=through))
        if through < part.to_at:
            left.append(part._replace(from_at=through + 1))
    return some, tuple(left)


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


def _cut(turn: Turn, part: Part) -> Part | None:
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


def _judge(db: Database, turn: Turn, parts: Sequence[Part]) -> None:
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
    beside = circumstances.beside(db, turn, wider)
    doubts = [circumstances.wrong_clock(turn, part.series, readings)
              for part, readings in zip(wider, rows, strict=True)]  # fmt: skip
    off_m = circumstances.off_m(db, turn, wider, [readings.measured_at for readings in rows])
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
            doubted=doubt,
        )
        for part, edge, count, readings, others, off, doubt in zip(
            parts, near, back, rows, beside, off_m, doubts, strict=True
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
