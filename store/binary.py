"""Readings in PostgreSQL's binary forms, built and read by numpy without a loop over rows.

Written as COPY: a row of no nulls has a fixed width, a field count and then a length and big-endian
bytes a field. https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY
Read as one array a column, since the protocol's cost is a row's, not a byte's: after 20 bytes of
head (dimensions, nulls, type, length, lower bound) come a length and the bytes of each element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch

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
    "start_at": ">i8",
    "total": ">f8",
    "low": ">f8",
    "high": ">f8",
    "count": ">i4",
    "stored": ">i4",
    "fine": "u1",
}
# The columns of table `reading`, in its order.
STORED = ("measured_at", "received_at", "value", "batch", "series", "flag", "checks", "worker",
          "late")  # fmt: skip
ARRAYS = ", ".join(f"array_agg({column})" for column in STORED)
_ARRAY_HEAD = 20
_NOTHING = np.empty(0)
# The commit that a row came in.
ORIGIN = np.dtype([("worker", np.int16), ("batch", np.int64)])
_MOMENTS = frozenset({"measured_at", "received_at", "start_at"})


def _row(columns: tuple[str, ...]) -> np.dtype[Any]:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for column in columns:
        fields += [(f"{column} length", ">i4"), (column, _WIDTHS[column])]
    return np.dtype(fields)


def pack(
    readings: ReadingBatch,
    worker: int | NDArray[Any],
    batch: int | NDArray[Any],
    place: NDArray[np.int64] | None = None,
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


def unpack(groups: Sequence[Sequence[bytes]]) -> tuple[ReadingBatch, NDArray[Any]]:
    """The readings of rows of `ARRAYS`, in their order; beside them the `ORIGIN` of each."""
    column = columns(STORED, groups)
    readings = ReadingBatch(
        series=column["series"].astype(np.int32),
        measured_at=column["measured_at"].astype(np.int64),
        received_at=column["received_at"].astype(np.int64),
        value=column["value"].astype(np.float64),
        flag=column["flag"].astype(np.uint8),
        checks=column["checks"].astype(np.uint16),
        late=column["late"].astype(np.bool_),
    )
    origin = np.empty(len(readings), ORIGIN)
    origin["worker"], origin["batch"] = column["worker"], column["batch"]
    return readings, origin


def columns(names: Sequence[str], groups: Sequence[Sequence[bytes]]) -> dict[str, NDArray[Any]]:
    """Columns of rows that hold one array a name; moments in microseconds since 1970."""
    found = {
        name: np.concatenate([_elements(name, group[n]) for group in groups] or [_NOTHING])
        for n, name in enumerate(names)
    }
    return {name: column + _SHIFT if name in _MOMENTS else column for name, column in found.items()}


def _elements(column: str, array: bytes) -> NDArray[Any]:
    element = np.dtype([("length", ">i4"), ("value", _WIDTHS[column])])
    return np.frombuffer(array, element, offset=_ARRAY_HEAD)["value"]
