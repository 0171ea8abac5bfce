"""Parts to learn from and parts to judge on, never torn through a station or an event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models.evaluation.spans import Span, Times, Truths

Split = tuple[Truths, Truths]


def leave_station_out(station: Sequence[str]) -> Iterator[tuple[str, Split]]:
    """(station, (rows to learn from, rows to judge on)) for each station of the rows."""
    names = np.array(station, dtype=object)
    for name in sorted(set(station)):
        judged = names == name
        yield name, (~judged, judged)


def leave_event_out(
    measured_at: Times, events: Sequence[Span], margin: int
) -> Iterator[tuple[Span, Split]]:
    """(event, (rows to learn from, rows to judge on)) for each event of one station's rows.

    Judged are the rows that lie nearer to this event than to another. Learned from are all others
    but those within `margin` (us) of a judged row: what a row says of its neighbours is no skill.
    """
    middles = np.array([(e.begins_at + e.ends_at) // 2 for e in events], np.int64)
    order = np.argsort(middles, kind="stable")
    between = (middles[order][:-1] + middles[order][1:]) // 2
    part = np.searchsorted(between, measured_at)
    for number, event in enumerate(order):
        judged = part == number
        first = -np.inf if number == 0 else between[number - 1] - margin
        last = np.inf if number == len(order) - 1 else between[number] + margin
        yield events[event], ((measured_at < first) | (measured_at > last), judged)


def halves(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Recordings in two parts by turns of their sorted names: a limit of one is for the other."""
    ordered = sorted(names)
    return ordered[::2], ordered[1::2]
