"""Stretches of time at a station: real events, warnings that stand, and how the two are matched.

An event counts once, however many rows it has. A warning that stands counts anew each `period`,
so that a system that always warns has false alarms as often as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats
from records.times import DAY, HOUR, SECOND

Times = NDArray[np.int64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `begins_at` to `ends_at`, both included, microseconds since 1970 UTC."""

    station: str
    begins_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class Rules:
    """When a warning belongs to an event (microseconds).

    ahead   a warning that stands at most so long before the event's beginning announces it
    grace   one that begins at most so long after the beginning still counts, with a negative lead;
            below 0: it must begin so long before
    period  a standing warning counts anew so often
    block   the bootstrap draws stretches of so long as a whole
    """

    ahead: int = DAY
    grace: int = HOUR
    period: int = DAY
    block: int = 10 * DAY

    def __post_init__(self) -> None:
        if self.ahead < max(0, -self.grace) or min(self.period, self.block) <= 0:
            raise ValueError("ahead must be 0 or more and reach grace, period and block above 0")


def runs(measured_at: Times, holds: Truths, station: str = "", apart: int = 0) -> list[Span]:
    """Stretches of rows that hold, in order; those at most `apart` (us) from each other are one."""
    edges = np.diff(np.r_[False, holds, False].astype(np.int8))
    begins, ends = measured_at[edges[:-1] == 1], measured_at[edges[1:] == -1]
    if not len(begins):
        return []
    new = np.r_[True, begins[1:] - ends[:-1] > apart] if apart else np.ones(len(begins), np.bool_)
    last = np.r_[np.flatnonzero(new)[1:] - 1, len(ends) - 1]
    return [Span(station, int(b), int(e)) for b, e in zip(begins[new], ends[last], strict=True)]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of each event, and the false alarms.

    lead_s  for each event: seconds from the first warning to its beginning; NaN where missed
    false   (station, moment) of each false alarm
    """

    events: tuple[Span, ...]
    lead_s: Floats
    false: tuple[tuple[str, int], ...]


def judge(warnings: Sequence[Span], events: Sequence[Span], rules: Rules) -> Judged:
    """Match warnings to events of the same station; each event is found or missed as a whole."""
    leads = [_lead_s(event, warnings, rules) for event in events]
    false = [
        (w.station, at)
        for w in warnings
        for at in range(w.begins_at, w.ends_at + 1, rules.period)
        if not _belongs(w.station, at, min(at + rules.period - 1, w.ends_at), events, rules)
    ]
    return Judged(tuple(events), np.array(leads, np.float64), tuple(false))


def _lead_s(event: Span, warnings: Sequence[Span], rules: Rules) -> float:
    first, last = event.begins_at - rules.ahead, event.begins_at + rules.grace
    begins = [
        max(w.begins_at, first)
        for w in warnings
        if w.station == event.station and w.begins_at <= last and w.ends_at >= first
    ]
    return (event.begins_at - min(begins)) / SECOND if begins else float("nan")


def _belongs(station: str, first: int, last: int, events: Sequence[Span], rules: Rules) -> bool:
    return any(
        e.station == station and first <= e.ends_at and last >= e.begins_at - rules.ahead
        for e in events
    )


def watched_s(measured_at: Times, longest_gap_s: float | None = None) -> float:
    """Seconds that a series was watched; a gap counts as `longest_gap_s` at most.

    Without `longest_gap_s`: ten times the median interval.
    """
    if len(measured_at) < 2:
        return 0.0
    steps = np.diff(measured_at) / SECOND
    most = 10.0 * float(np.median(steps)) if longest_gap_s is None else longest_gap_s
    return float(np.minimum(steps, most).sum())
