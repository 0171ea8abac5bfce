"""What the tests of stored rows go by beside the rows: neighbours, clocks, places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.spells import doubted
from ingest.turns import Turn
from records.distance import great_circle_m
from records.readings import ReadingBatch
from store import positions, stretches
from store.connection import Database
from store.stretches import Part


def beside(
    db: Database, turn: Turn, parts: Sequence[Part]
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


def wrong_clock(turn: Turn, series: int, readings: ReadingBatch) -> NDArray[np.bool_] | None:
    """At which of its rows the clock of the device that fed a series was wrong."""
    fed = turn.feeders.get(series)
    if fed is None:
        return None
    # The first deployment of a series counts from ever.
    since = np.array([from_at for from_at, _ in fed[1:]], np.int64)
    place = np.searchsorted(since, readings.received_at, "right")
    found = np.zeros(len(readings), np.bool_)
    for number, (_, device) in enumerate(fed):
        rows = np.flatnonzero(place == number)
        if device in turn.spells and len(rows):
            at, received_at = readings.measured_at[rows], readings.received_at[rows]
            found[rows] = doubted(turn.spells[device], at, received_at)
    return found


def off_m(
    db: Database, turn: Turn, parts: Sequence[Part], times: Sequence[NDArray[np.int64]]
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
