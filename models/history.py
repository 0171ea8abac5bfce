"""Rows of a group of series in order of (measured_at, place), growing at the end."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, Watched
from models.joint import Recording

_COLUMNS = {"place": "int64", "measured_at": "int64", "value": "float64", "learnt": "bool"}


class History:
    """Columns with room to grow. `learnt` marks the rows that the last fit was given."""

    def __init__(self, watched: tuple[Watched, ...]) -> None:
        self._watched = watched
        self._count = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(16, dtype) for name, dtype in _COLUMNS.items()
        }

    def __len__(self) -> int:
        return self._count

    def add(self, place: NDArray[np.intp], measured_at: NDArray[np.int64], value: Floats) -> None:
        """Put rows in their places. No series may have two for one time."""
        count, more = self._count, len(place)
        self._grow(count + more)
        self._count = count + more
        new = (place, measured_at, value, np.zeros(more, np.bool_))
        for column, values in zip(self._columns.values(), new, strict=True):
            column[count : self._count] = values
        # Most rows are newer than all before: only the part that is out of order is sorted.
        times = self._columns["measured_at"]
        first = int(np.searchsorted(times[:count], measured_at.min(initial=2**63 - 1)))
        rows = slice(first, self._count)
        order = np.lexsort((self._columns["place"][rows], times[rows]))
        for column in self._columns.values():
            column[rows] = column[rows][order]

    def forget(self, place: int, from_at: int) -> None:
        """Leave out the rows of one series from a moment on."""
        gone = (self._column("place") == place) & (self._column("measured_at") >= from_at)
        self._keep(~gone)

    def prune(self, learnt_after: int, after: int) -> None:
        """Keep the rows later than `after`, and those of the last fit later than `learnt_after`."""
        self._keep(self._wanted(learnt_after, after))

    def between(self, after_at: int, through_at: int) -> Recording:
        """The rows with after_at < measured_at <= through_at; not to be written to."""
        times = self._column("measured_at")
        first, end = np.searchsorted(times, (after_at, through_at), side="right")
        return self._recording(slice(int(first), int(end)))

    def learn(self, through_at: int) -> None:
        """Mark what there is up to a moment as what a fit was given, and nothing else."""
        self._column("learnt")[:] = self._column("measured_at") <= through_at

    def learnt(self, after_at: int) -> Recording:
        """The rows later than `after_at` that the last fit was given."""
        return self._recording(self._column("learnt") & (self._column("measured_at") > after_at))

    def save(self, learnt_after: int, after: int) -> dict[str, bytes]:
        """As it is when pruned."""
        rows = self._wanted(learnt_after, after)
        return {name: self._column(name)[rows].tobytes() for name in _COLUMNS}

    def load(self, saved: dict[str, bytes]) -> None:
        """Raises ValueError, KeyError or TypeError for what is no saved history."""
        columns = {n: np.frombuffer(saved[n], dtype) for n, dtype in _COLUMNS.items()}
        if len({len(column) for column in columns.values()}) != 1:
            raise msgspec.ValidationError("columns of different lengths")
        self._count = len(columns["place"])
        self._columns = {name: column.copy() for name, column in columns.items()}

    def _wanted(self, learnt_after: int, after: int) -> NDArray[np.bool_]:
        times, learnt = self._column("measured_at"), self._column("learnt")
        wanted: NDArray[np.bool_] = (times > after) | (learnt & (times > learnt_after))
        return wanted

    def _column(self, name: str) -> NDArray[Any]:
        return self._columns[name][: self._count]

    def _recording(self, rows: slice | NDArray[np.bool_]) -> Recording:
        columns = [self._column(name)[rows].view() for name in ("place", "measured_at", "value")]
        for column in columns:
            column.flags.writeable = False
        return Recording(self._watched, *columns)

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        self._columns = {name: self._column(name)[kept] for name in _COLUMNS}
        self._count = len(self._columns["place"])

    def _grow(self, count: int) -> None:
        room = len(self._columns["place"])
        if count > room:
            self._columns = {
                name: np.concatenate([column, np.zeros(max(room, count - room), column.dtype)])
                for name, column in self._columns.items()
            }
