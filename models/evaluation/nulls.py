"""What costs nothing to say, and what every figure stands beside: warnings that read no sensor.

A detector that is not clearly better than each of these has no skill, however high its rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.detector import Floats
from models.evaluation.spans import Span, Times, Truths
from records.times import DAY, HOUR

HOURS = 24


def always_on(watched: Mapping[str, tuple[int, int]]) -> list[Span]:
    """One warning a station, from the first moment (us) it is watched to the last."""
    return [Span(station, first, last) for station, (first, last) in sorted(watched.items())]


def time_of_day(
    past: Sequence[Span], watched: Mapping[str, tuple[int, int]], hours: int
) -> list[Span]:
    """Every day in those hours (UTC) in which events of the past began most often.

    `past` are the events known beforehand, of all stations; without any, the first hours.
    """
    began = np.bincount([e.begins_at % DAY // HOUR for e in past], minlength=HOURS)
    chosen = np.sort(np.argsort(-began, kind="stable")[:hours])
    return [
        Span(station, max(begins, first), min(begins + HOUR - 1, last))
        for station, (first, last) in sorted(watched.items())
        for day in range(first // DAY, last // DAY + 1)
        for begins in (day * DAY + int(hour) * HOUR for hour in chosen)
        if begins <= last and begins + HOUR > first
    ]


def persistence(events: Sequence[Span], lasting: int) -> list[Span]:
    """What was, goes on: a warning from the beginning of each event to `lasting` (us) after it."""
    return [Span(e.station, e.begins_at, e.ends_at + lasting) for e in events]


def climatology(happened: Truths, cases: int) -> Floats:
    """The chance of so many cases as the share of those known beforehand (one half, if none)."""
    return np.full(cases, (happened.sum() + 1) / (len(happened) + 2))


def by_time_of_day(known_at: Times, happened: Truths, measured_at: Times) -> Floats:
    """Chances by the hour (UTC) of cases known beforehand, each hour drawn to the share of all."""
    hour = known_at % DAY // HOUR
    count = np.bincount(hour, minlength=HOURS)
    events = np.bincount(hour, weights=happened, minlength=HOURS)
    share = climatology(happened, 1)[0]
    return np.asarray(((events + share) / (count + 1))[measured_at % DAY // HOUR])


def persists(now: Truths, known_now: Truths, happened: Truths) -> Floats:
    """Chances by whether it is so now, learned from cases known beforehand (`known_now`)."""
    known = [climatology(happened[known_now == state], 1)[0] for state in (False, True)]
    return np.array(known)[now.astype(np.intp)]
