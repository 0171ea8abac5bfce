"""From flags a row to spans, and how spans change when a part of a series is judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from records.levels import Check, Flag
from store.quality import Span


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A part of a series that was judged anew.

    at      (n) its rows, by `measured_at`; flags: of each test
    before  the row before the first, after: the one after the last; None where there is none
    """

    series: int
    at: NDArray[np.int64]
    flags: Mapping[Check, NDArray[np.uint8]]
    before: int | None
    after: int | None


@dataclass(slots=True)
class Changes:
    """What to close (numbers of stored spans), to let end later, and to add."""

    closed: list[int] = field(default_factory=list)
    grown: list[Span] = field(default_factory=list)
    new: list[Span] = field(default_factory=list)


def runs(part: Judged, check: Check, rules: str) -> list[Span]:
    """The longest spans of rows with one flag other than good."""
    flag = part.flags[check]
    if not (flag > Flag.GOOD).any():
        return []
    begins = np.flatnonzero(np.append(True, flag[1:] != flag[:-1]))
    ends = np.append(begins[1:], len(flag)) - 1
    return [
        Span(part.series, check, int(part.at[first]), int(part.at[last]), int(flag[first]), rules)
        for first, last in zip(begins, ends, strict=True)
        if flag[first] > Flag.GOOD
    ]


def changes(
    parts: Sequence[Judged], stored: Sequence[Span], through: Mapping[int, int], rules: str
) -> Changes:
    """What the parts (of one series not overlapping) change of the spans stored around them.

    `through`: by series, what was final before; a stored span may grow past it where it stands.
    """
    current: dict[tuple[int, int], list[Span]] = {}
    for span in sorted(stored, key=lambda span: span.from_at):
        current.setdefault((span.series, span.check), []).append(span)
    for part in parts:
        for check in part.flags:
            key = (part.series, int(check))
            found = runs(part, check, rules)
            if found or key in current:
                current[key] = _joined(part, current.get(key, []), found, through, rules)
    return _compared(stored, [span for spans in current.values() for span in spans])


def _joined(
    part: Judged,
    current: Sequence[Span],
    found: Sequence[Span],
    through: Mapping[int, int],
    rules: str,
) -> list[Span]:
    edges = [np.array([at], np.int64) for at in (part.before, part.after) if at is not None]
    around = np.sort(np.concatenate([part.at, *edges]))
    pieces = sorted([*_outside(part, current), *found], key=lambda span: span.from_at)
    joined: list[Span] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.flag == piece.flag and _touch(around, last.to_at, piece.from_at):
            joined[-1] = last._replace(to_at=piece.to_at, number=None, rules=rules)
        else:
            joined.append(piece)
    old = {(span.from_at, span.flag, span.rules): span for span in current}
    limit = through.get(part.series, _NEVER)
    return [
        _grown(around, old.get((span.from_at, span.flag, span.rules)), span, limit)
        for span in joined
    ]


def _grown(around: NDArray[np.int64], old: Span | None, span: Span, through: int) -> Span:
    """The stored span where all that it gains was not final yet: no earlier answer changes."""
    if old is None or span.to_at <= old.to_at:
        return span
    place = int(np.searchsorted(around, old.to_at, "right"))
    return span._replace(number=old.number) if around[place] > through else span


_NEVER = np.iinfo(np.int64).min


def _outside(part: Judged, current: Sequence[Span]) -> list[Span]:
    """What is left of the spans before and after the part's rows."""
    pieces = []
    for span in current:
        left, right = span.to_at, span.from_at
        if len(part.at):
            left = min(left, part.before if part.before is not None else _NEVER)
            right = max(right, part.after if part.after is not None else -_NEVER - 1)
        if left == span.to_at or right == span.from_at:
            pieces.append(span)
            continue
        if span.from_at <= left:
            pieces.append(span._replace(to_at=left, number=None))
        if right <= span.to_at:
            pieces.append(span._replace(from_at=right, number=None))
    return pieces


def _touch(around: NDArray[np.int64], end: int, start: int) -> bool:
    """No row stands between them, and both are rows of the part or next to it."""
    place = int(np.searchsorted(around, end))
    return place + 1 < len(around) and around[place] == end and around[place + 1] == start


def _compared(stored: Sequence[Span], found: Sequence[Span]) -> Changes:
    done = Changes()
    old = {span.number: span for span in stored}
    same = {span._replace(number=None): span.number for span in stored}
    left = set(old)
    for span in found:
        number = same.get(span._replace(number=None)) if span.number is None else span.number
        if number is None:
            done.new.append(span)
            continue
        left.discard(number)
        if old[number].to_at != span.to_at:
            done.grown.append(span)
    done.closed = [number for number in left if number is not None]
    return done
