"""Recorded files as columns: csv-long, csv-wide and OpenEEW's JSON lines, plain or gzip.

A reader knows its format and nothing of a case: it is handed the numbers that series have there.
Text is read as it stands; nothing is guessed from names or dates.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from records import times
from records.errors import InputError
from records.table import Table, lines
from records.waveforms import moments

AXES = ("x", "y", "z")
# Marks a row whose file doesn't say when it was received.
NOT_SAID = -(2**63)
DEFAULT_RATE_HZ = 31.25


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which number a series has: by its id, and by (device, point) for acceleration."""

    by_id: Mapping[str, int]
    by_axis: Mapping[tuple[str, str], int]


@dataclass(slots=True)
class Rows:
    """Columns that grow: one entry a value, in the order of the file.

    series       number of the series
    measured_at  device time, microseconds since 1970 UTC
    received_at  microseconds since 1970 UTC, or NOT_SAID
    value        in the series' unit, finite
    left_out     names found in the files that the case doesn't describe
    """

    series: array[int] = field(default_factory=lambda: array("i"))
    measured_at: array[int] = field(default_factory=lambda: array("q"))
    received_at: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    left_out: set[str] = field(default_factory=set)

    def add(self, series: int, measured_at: int, received_at: int, value: float) -> None:
        self.series.append(series)
        self.measured_at.append(measured_at)
        self.received_at.append(received_at)
        self.value.append(value)

    def columns(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """(series, measured_at, received_at, value) as numpy arrays of one length."""
        return (
            np.array(self.series, np.int32),
            np.array(self.measured_at, np.int64),
            np.array(self.received_at, np.int64),
            np.array(self.value, np.float64),
        )


Reader = Callable[[Path, Sequence[str], Numbers, Rows], None]


class Values:
    """Text to numbers; the empty text, a missing code and anything not finite are None."""

    def __init__(self, missing: Sequence[str]) -> None:
        self._codes = {"", *missing}
        self._numbers = {n for n in map(_number, missing) if n is not None}

    def read(self, text: str) -> float | None:
        """The value, or None where it is missing. Raises ValueError for another text."""
        text = text.strip()
        if text in self._codes:
            return None
        value = _number(text)
        if value is None:
            raise ValueError(f"{text!r} is not a number (leave it empty where there is no value)")
        return value if math.isfinite(value) and value not in self._numbers else None


def _number(text: str) -> float | None:
    """As Python reads it, but without the underscores that it takes between digits."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def read_csv_long(path: Path, missing: Sequence[str], numbers: Numbers, rows: Rows) -> None:
    """`series,measured_at,value[,received_at]`, columns by their names. Raises InputError."""
    values = Values(missing)
    with Table(path, ("series", "measured_at", "value")) as table:
        name, when, what = (table.columns[n] for n in ("series", "measured_at", "value"))
        received = table.columns.get("received_at")
        for cells in table:
            series = numbers.by_id.get(cells[name])
            if series is None:
                rows.left_out.add(cells[name])
                continue
            value = values.read(cells[what])
            if value is not None:
                rows.add(series, times.parse(cells[when]), _receipt(cells, received), value)


def read_csv_wide(path: Path, missing: Sequence[str], numbers: Numbers, rows: Rows) -> None:
    """`measured_at[,received_at],SERIES...`: a column a series. Raises InputError."""
    values = Values(missing)
    with Table(path, ("measured_at",)) as table:
        places = dict(table.columns)
        when, received = places.pop("measured_at"), places.pop("received_at", None)
        rows.left_out.update(places.keys() - numbers.by_id.keys())
        series = [(numbers.by_id[name], at) for name, at in places.items() if name in numbers.by_id]
        for cells in table:
            measured_at, received_at = times.parse(cells[when]), _receipt(cells, received)
            for number, at in series:
                value = values.read(cells[at])
                if value is not None:
                    rows.add(number, measured_at, received_at, value)


def _receipt(cells: Sequence[str], place: int | None) -> int:
    return times.parse(cells[place]) if place is not None and cells[place].strip() else NOT_SAID


class EewMessage(msgspec.Struct):
    """One line of an OpenEEW file: about a second of three axes.

    x, y, z   acceleration in Gal, evenly spaced
    device_t  the device's clock at the last sample; cloud_t receipt; both s since 1970
    sr        samples a second
    """

    device_id: str
    x: list[float]
    y: list[float]
    z: list[float]
    device_t: float
    cloud_t: float
    sr: float = DEFAULT_RATE_HZ


def read_openeew(path: Path, missing: Sequence[str], numbers: Numbers, rows: Rows) -> None:
    """A message a line, as the devices sent them. Raises InputError."""
    del missing  # these devices have no codes
    decoder = msgspec.json.Decoder(EewMessage)
    for number, line in enumerate(lines(path), 1):
        if not line.strip():
            continue
        try:
            _add_packet(decoder.decode(line), numbers, rows)
        except (msgspec.DecodeError, ValueError) as error:
            raise InputError(f"{path}, line {number}: {error}") from error


def _add_packet(message: EewMessage, numbers: Numbers, rows: Rows) -> None:
    if not message.sr > 0:
        raise ValueError(f"sr is {message.sr!r}, not a rate in samples/s")
    device = message.device_id.lower()
    last_at, received_at = times.from_seconds(message.device_t), times.from_seconds(message.cloud_t)
    for axis in AXES:
        series = numbers.by_axis.get((device, axis))
        if series is None:
            rows.left_out.add(f"{message.device_id} {axis}")
            continue
        samples: list[float] = getattr(message, axis)
        lead = max(len(samples) - 1, 0) / message.sr * times.SECOND
        if lead > last_at:
            raise ValueError(f"sr is {message.sr!r}")
        taken_at = moments(last_at - round(lead), message.sr, np.arange(len(samples))).tolist()
        for measured_at, value in zip(taken_at, samples, strict=True):
            rows.add(series, measured_at, received_at, value)


READERS: dict[str, Reader] = {
    "csv-long": read_csv_long,
    "csv-wide": read_csv_wide,
    "openeew-jsonl": read_openeew,
}
