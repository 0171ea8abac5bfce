"""The input of `detect`: a CSV file of series, long or wide, plain or gzip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.detector import Watched
from records import times
from records.errors import BadMessage, InputError
from records.quantities import conversion, quantity
from records.recordings import Values
from records.table import Table

_LONG = ("series", "measured_at", "value")
# A case's file may say when rows were received; here only their own time counts.
_RECEIVED = "received_at"


@dataclass(frozen=True, slots=True)
class Column:
    """A series of the file: its name as written, and how its values become canonical ones."""

    name: str
    watched: Watched
    factor: float
    offset: float


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """Finite values in order of (measured_at, series name); of two for one moment the last row.

    columns       the series that the file names, ordered by name; some may have no value (yet)
    place         index in `columns`
    measured_at   microseconds since 1970 UTC; `written_at` is the text it was written as
    value         in the canonical unit of the series' quantity
    """

    columns: tuple[Column, ...]
    place: NDArray[np.intp]
    measured_at: NDArray[np.int64]
    written_at: tuple[str, ...]
    value: NDArray[np.float64]


def column(name: str) -> Column:
    """A series from `ID` or `ID:QUANTITY:UNIT`. Raises InputError for an unknown word."""
    parts = name.rsplit(":", 2)
    if len(parts) < 3:
        return Column(name, Watched(id=name), 1.0, 0.0)
    id_, said, unit = parts
    try:
        known = quantity(said)
        factor, offset = conversion(unit, known.unit)
    except BadMessage as error:
        raise InputError(f"series {name!r}: {error}") from None
    seen = Watched(id=id_, quantity=said, unit=known.unit, converts=(factor, offset))
    return Column(name, seen, factor, offset)


def read(path: Path) -> SeriesFile:
    """Read a file. Raises InputError that names the file, and the line where there is one."""
    latest: dict[tuple[str, int], tuple[str, float]] = {}
    named: set[str] = set()
    for name, written_at, measured_at, value in _values(path, named):
        latest[name, measured_at] = (written_at, value)
    columns = {name: column(name) for name in sorted(named)}
    place = {name: index for index, name in enumerate(columns)}
    order = sorted(latest, key=lambda key: (key[1], key[0]))
    factors = np.array([c.factor for c in columns.values()])
    offsets = np.array([c.offset for c in columns.values()])
    places = np.array([place[name] for name, _ in order], np.intp)
    read_as = np.array([latest[key][1] for key in order], np.float64)
    return SeriesFile(
        columns=tuple(columns.values()),
        place=places,
        measured_at=np.array([at for _, at in order], np.int64),
        written_at=tuple(latest[key][0] for key in order),
        value=read_as * factors[places] + offsets[places] if len(order) else read_as,
    )


def _values(path: Path, named: set[str]) -> Iterator[tuple[str, str, int, float]]:
    """(series, time as written, microseconds, value) of each finite value, row by row.

    `named` gets the series that the file names, also those without a value.
    """
    values = Values(())
    with Table(path, ("measured_at",)) as table:
        when, series = table.columns["measured_at"], _layout(table.columns, named)
        for cells in table:
            written_at = cells[when].strip()
            measured_at = times.parse(written_at)
            for name, text in series(cells):
                named.add(name)
                value = values.read(text)
                if value is not None:
                    yield name, written_at, measured_at, value


def _layout(
    columns: Mapping[str, int], named: set[str]
) -> Callable[[Sequence[str]], Iterable[tuple[str, str]]]:
    """What gives (series, text of the value) pairs of a row."""
    if set(_LONG) <= set(columns):
        name, value = columns["series"], columns["value"]
        return lambda cells: ((cells[name].strip(), cells[value]),)
    wide = [(i, name) for name, i in columns.items() if name not in ("measured_at", _RECEIVED)]
    named.update(name for _, name in wide)
    return lambda cells: [(name, cells[i]) for i, name in wide]
