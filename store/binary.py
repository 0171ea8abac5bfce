"""Readings as PostgreSQL's binary COPY form, built and read by numpy without a loop over rows.

A row of no nulls has a fixed width: a field count, then a length and big-endian bytes a field.
https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch, empty

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
# PostgreSQL counts microseconds from 2000-01-01, we from 1970-01-01.
_SHIFT = 946_684_800_000_000

_WIDTHS = {
    "series": ">i4",
    "measured_at": ">i8",
    "value": ">f8",
    "flag": ">i2",
    "checks": ">i2",
    "late": "u1",
    "received_at": ">i8",
    "worker": ">i2",
    "batch": ">i8",
    "place": ">i4",
}
# The columns of table `reading`, in its order.
STORED = ("series", "measured_at", "value", "flag", "checks", "late", "received_at", "worker",
          "batch")  # fmt: skip
# What a follower reads: the last one tells the batches apart.
FOLLOWED = ("series", "measured_at", "value", "flag", "checks", "late", "received_at", "batch")
_MOMENTS = frozenset({"measured_at", "received_at"})


def _row(columns: tuple[str, ...]) -> np.dtype[Any]:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for column in columns:
        fields += [(f"{column} length", ">i4"), (column, _WIDTHS[column])]
    return np.dtype(fields)


def pack(
    readings: ReadingBatch, worker: int, batch: int, place: NDArray[np.int64] | None = None
) -> bytes:
    """Rows of table `reading`, and where `place` is given that column after them."""
    columns = (*STORED, "place") if place is not None else STORED
    rows = np.empty(len(readings), _row(columns))
    rows["fields"] = len(columns)
    given: dict[str, Any] = {"worker": worker, "batch": batch, "place": place}
    for column in columns:
        rows[f"{column} length"] = np.dtype(_WIDTHS[column]).itemsize
        values = given[column] if column in given else getattr(readings, column)
        rows[column] = values - _SHIFT if column in _MOMENTS else values
    return _HEADER + rows.tobytes() + _TRAILER


def unpack(data: bytes) -> tuple[ReadingBatch, NDArray[np.int64]]:
    """The readings of `FOLLOWED` columns and, beside them, the batch number of each."""
    row = _row(FOLLOWED)
    count = (len(data) - len(_HEADER) - len(_TRAILER)) // row.itemsize
    if count <= 0:
        return empty(), np.empty(0, np.int64)
    rows = np.frombuffer(data, row, count, offset=len(_HEADER))
    readings = ReadingBatch(
        series=rows["series"].astype(np.int32),
        measured_at=rows["measured_at"].astype(np.int64) + _SHIFT,
        received_at=rows["received_at"].astype(np.int64) + _SHIFT,
        value=rows["value"].astype(np.float64),
        flag=rows["flag"].astype(np.uint8),
        checks=rows["checks"].astype(np.uint8),
        late=rows["late"].astype(np.bool_),
    )
    return readings, rows["batch"].astype(np.int64)
