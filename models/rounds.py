"""Readings in rounds: each series at most once a round, so that numpy can take a round at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.detector import Places

_PART = 4096


def parts(place: NDArray[np.intp]) -> Iterator[Places]:
    """Rounds in parts that are small enough for the columns of one to stay in a core's cache."""
    for rows in rounds(place):
        if isinstance(rows, slice):
            for first in range(rows.start, rows.stop, _PART):
                yield slice(first, min(first + _PART, rows.stop))
        else:
            for first in range(0, len(rows), _PART):
                yield rows[first : first + _PART]


def rounds(place: NDArray[np.intp]) -> Iterator[Places]:
    """Rows in rounds: each place at most once a round, ascending; per place in the order given.

    A slice where the rows of a round follow each other.
    """
    if len(place) < 2 or (place[1:] > place[:-1]).all():
        if len(place):
            yield slice(0, len(place))
        return
    order = np.argsort(place, kind="stable")
    ordered = place[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(place)])
    turn = np.arange(len(place)) - np.repeat(starts, lengths)
    by_turn = order[np.argsort(turn, kind="stable")]
    ends = np.cumsum(np.bincount(turn))
    firsts = np.r_[0, ends[:-1]]
    breaks = np.cumsum(np.r_[0, np.diff(by_turn) != 1])
    whole = breaks[firsts] == breaks[ends - 1]
    rows = by_turn[firsts]
    for first, end, row, together in zip(
        firsts.tolist(), ends.tolist(), rows.tolist(), whole.tolist(), strict=True
    ):
        yield slice(row, row + end - first) if together else by_turn[first:end]


def places_of(rows: Places) -> NDArray[np.intp]:
    """As an array."""
    return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
