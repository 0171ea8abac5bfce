"""A recorded case: a folder with `case.toml` and files, played as devices (docs/cases.md).

`Case.messages` is a pure function of the folder's contents: the same messages with the same
numbers, whoever asks and however often, so that playing one again changes nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from records import times
from records.errors import BadMessage, InputError
from records.network import DetectorChoice as Choice
from records.network import Device, Lab, Network, Record, Series, Slug, Station
from records.recordings import AXES, DEFAULT_RATE_HZ, NOT_SAID, READERS, Numbers, Rows
from records.topics import RESERVED, device_topic

BOOT = 1
# A device's values with one arrival time share messages of at most this many.
VALUES_A_MESSAGE = 500
Moment = Annotated[datetime, Meta(tz=True)]


class CaseFile(Record, frozen=True):
    """`path` is relative to the folder, a glob perhaps; `missing` are texts that are no value."""

    path: str
    format: Literal["csv-long", "csv-wide", "openeew-jsonl"]
    missing: tuple[str, ...] = ()


class CaseText(Record, frozen=True):
    """`case.toml` as it is written. `delay_s`: arrival after measurement where no file says it."""

    name: Slug
    start: Moment
    lab: tuple[Lab, ...]
    station: tuple[Station, ...]
    device: tuple[Device, ...]
    file: Annotated[tuple[CaseFile, ...], Meta(min_length=1)]
    series: tuple[Series, ...] = ()
    detector: tuple[Choice, ...] = ()
    end: Moment | None = None
    clock: Literal["received", "measured"] = "received"
    delay_s: Annotated[float, Meta(ge=0)] = 0.0


class Message(NamedTuple):
    """One MQTT message of a device; `received_at` is when it arrived (microseconds, 1970 UTC)."""

    topic: str
    payload: bytes
    received_at: int
    device: str
    boot: int
    seq: int


@dataclass(frozen=True)
class Case:
    """A case that has been read and checked. `start_at`, `end_at` in microseconds, 1970 UTC."""

    folder: Path
    name: str
    start_at: int
    end_at: int | None
    by_receipt: bool
    delay: int
    network: Network
    files: tuple[CaseFile, ...]

    @classmethod
    def load(cls, folder: Path) -> Case:
        """Read `folder/case.toml`. Raises InputError that names the file and the key."""
        path = folder / "case.toml" if folder.is_dir() else folder
        text = _read(path)
        try:
            series = text.series + _accelerometers(text)
            network = Network(
                lab=text.lab,
                station=text.station,
                device=text.device,
                series=series,
                detector=text.detector,
            )
            _check(text, network)
        except (BadMessage, InputError) as error:
            raise InputError(f"{path}: {error}") from error
        end_at = None if text.end is None else times.from_datetime(text.end)
        return cls(
            path.parent,
            text.name,
            times.from_datetime(text.start),
            end_at,
            text.clock == "received",
            times.from_seconds(text.delay_s),
            network,
            text.file,
        )

    @cached_property
    def rows(self) -> Rows:
        """Everything the files hold of the case's series. Raises InputError."""
        acceleration = [s for s in self.network.series if s.quantity == "acceleration"]
        number = {s.id: n for n, s in enumerate(self.network.series)}
        by_axis = {(s.device, s.point): number[s.id] for s in acceleration}
        rows = Rows()
        for file in self.files:
            for path in self._paths(file):
                READERS[file.format](path, file.missing, Numbers(number, by_axis), rows)
        if not rows.series:
            raise InputError(f"{self.folder / 'case.toml'}: its files hold no value of its series")
        return rows

    def _paths(self, file: CaseFile) -> list[Path]:
        text = self.folder / "case.toml"
        if Path(file.path).is_absolute():
            raise InputError(f"{text}: the file path {file.path!r} is not relative")
        plain = self.folder / file.path
        found = [plain] if plain.is_file() else sorted(self.folder.glob(file.path))
        if not found:
            raise InputError(f"{text}: no file is called {file.path!r}")
        return found

    def messages(self) -> Iterator[Message]:
        """All messages in order of arrival, then device; each device's `seq` counts from 0.

        Values that arrive before `start` or after `end` are no part of the case.
        """
        series, measured_at, received_at, value = self._arrivals()
        devices = sorted(device.id for device in self.network.device)
        place = {device: n for n, device in enumerate(devices)}
        sender = np.array([place[s.device] for s in self.network.series], np.int32)[series]
        # The order within the files decides between equals: a later row is sent later.
        order = np.lexsort((sender, received_at))
        columns = (series[order], measured_at[order], received_at[order], value[order])
        names = [_name(s) for s in self.network.series]
        topics = [device_topic(self._lab(d), d, "readings") for d in devices]
        counts = [0] * len(devices)
        for first, last in _runs(sender[order], columns[2]):
            who, at = int(sender[order[first]]), int(columns[2][first])
            run = (column[first:last].tolist() for column in columns)
            payload = _encode(names, *run, seq=counts[who])
            yield Message(topics[who], payload, at, devices[who], BOOT, counts[who])
            counts[who] += 1

    def _arrivals(self) -> tuple[NDArray[Any], ...]:
        series, measured_at, received_at, value = self.rows.columns()
        said = (received_at != NOT_SAID) & self.by_receipt
        received_at = np.where(said, received_at, measured_at + self.delay)
        inside = received_at >= self.start_at
        if self.end_at is not None:
            inside &= received_at <= self.end_at
        return series[inside], measured_at[inside], received_at[inside], value[inside]

    def _lab(self, device: str) -> str:
        station = next(d.station for d in self.network.device if d.id == device)
        return self.network.lab_of(station)


def _read(path: Path) -> CaseText:
    try:
        with path.open("rb") as file:
            return msgspec.convert(tomllib.load(file), CaseText)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: {error}") from error


def _accelerometers(text: CaseText) -> tuple[Series, ...]:
    """x, y and z of each device without a described series, where OpenEEW's files are read."""
    if all(file.format != "openeew-jsonl" for file in text.file):
        return ()
    described = {series.device for series in text.series}
    return tuple(
        Series(
            id=f"{device.id}-{axis}",
            station=device.station,
            device=device.id,
            point=axis,
            quantity="acceleration",
            unit="Gal",
            interval_s=1 / DEFAULT_RATE_HZ,
        )
        for device in text.device
        if device.id not in described
        for axis in AXES
    )


def _check(text: CaseText, network: Network) -> None:
    if text.end is not None and text.end <= text.start:
        raise InputError("end is not after start")
    for device in RESERVED & {device.id for device in network.device}:
        raise InputError(f"device {device!r} is a reserved word of the topics")
    feeds: dict[tuple[str, str, str], str] = {}
    for series in network.series:
        other = feeds.setdefault((series.device, series.point, series.quantity), series.id)
        if other != series.id:
            raise InputError(
                f"series {series.id!r} and {other!r} have one device, point and quantity"
            )


def _name(series: Series) -> str:
    return series.quantity if series.point == "main" else f"{series.point}:{series.quantity}"


def _runs(sender: NDArray[Any], received_at: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Stretches of equal sender and arrival, cut at VALUES_A_MESSAGE."""
    new = np.flatnonzero((np.diff(sender) != 0) | (np.diff(received_at) != 0)) + 1
    edges = [0, *new.tolist(), len(sender)] if len(sender) else []
    for first, last in pairwise(edges):
        for start in range(first, last, VALUES_A_MESSAGE):
            yield start, min(start + VALUES_A_MESSAGE, last)


def _encode(
    names: list[str],
    series: list[int],
    measured_at: list[int],
    received_at: list[int],
    value: list[float],
    *,
    seq: int,
) -> bytes:
    """SenML JSON. A time is whole seconds where it can be, else the nearest double: both come
    back as the same microsecond; a value is written so that the same double comes back."""
    records: list[dict[str, Any]] = [
        {"n": names[number], "t": _seconds(at), "v": reading}
        for number, at, reading in zip(series, measured_at, value, strict=True)
    ]
    first = {"boot": BOOT, "seq": seq, "received_at": received_at[0]}
    records[0] = first | records[0]
    return msgspec.json.encode(records)


def _seconds(moment_at: int) -> int | float:
    whole, rest = divmod(moment_at, times.SECOND)
    return whole if rest == 0 else moment_at / times.SECOND
