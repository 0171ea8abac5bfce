"""The messages of one batch on their way to columns: judged and converted all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.clocks import WRONG, Clocks
from ingest.feeds import SlotTable
from ingest.qartod import AHEAD
from ingest.senml import RELATIVE_BELOW_S, Columns
from records.errors import BadMessage, Reason
from records.levels import Check, Flag
from records.readings import ReadingBatch
from records.times import DAY, SECOND, from_seconds, parse
from store.waveforms import Waveform

EARLIEST = parse("2000-01-01T00:00:00Z")
_LATEST_S = from_seconds(253_402_300_799) / SECOND  # the end of the year 9999
_FAULTS = (Reason.NOT_FINITE, Reason.IMPOSSIBLE_TIME, Reason.RELATIVE_TIME)


class Source(NamedTuple):
    """Where a message comes from.

    device, boot  the registry's number, and `store.clocks.NO_BOOT` where it says none: its clock
    sequenced     it has a number of its own
    live          it should be as new as it can be
    astray        series whose station is not where the device says that it is
    """

    device: int
    boot: int
    sequenced: bool
    live: bool
    astray: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What the messages of a batch became.

    readings     in order of arrival; flags are 0, to be set by the checks
    message      n: the message of each reading
    wrong_clock  n: the device's clock is off by more than `clocks.WRONG`
    astray       n: the device says that it is somewhere else
    refused      messages that are refused whole; their rows are not among the readings
    waveforms    in order of arrival, late or not, doubted where clock or place are wrong
    """

    readings: ReadingBatch
    message: NDArray[np.int64]
    wrong_clock: NDArray[np.bool_]
    astray: NDArray[np.bool_]
    refused: dict[int, BadMessage]
    waveforms: tuple[Waveform, ...]


class Stretch(NamedTuple):
    """A packet on its way to the store; `late_after` of its series in µs."""

    packet: Waveform
    late_after: int


class Gathering:
    """Values and packets of messages, appended one message at a time."""

    def __init__(self) -> None:
        self._slots: list[int] = []
        self._values: list[float] = []
        self._seconds: list[float] = []
        self._counts: list[int] = []
        self._received_at: list[int] = []
        self._sources: list[Source] = []
        self._stretches: list[tuple[int, Stretch]] = []

    def add(self, slots: Sequence[int], columns: Columns, received_at: int, source: Source) -> None:
        """One message: n slots, its values and times as sent, and when it arrived (µs)."""
        self._slots += slots
        self._values += columns.values
        self._seconds += columns.seconds
        self._counts.append(len(slots))
        self._received_at.append(received_at)
        self._sources.append(source)

    def add_packets(self, stretches: Sequence[Stretch], received_at: int, source: Source) -> None:
        """One message of packets, at least one, and when it arrived (µs)."""
        number = len(self._counts)
        self._stretches += [(number, stretch) for stretch in stretches]
        self._counts.append(0)
        self._received_at.append(received_at)
        self._sources.append(source)

    def __len__(self) -> int:
        """How many messages there are."""
        return len(self._counts)

    def rows(self, table: SlotTable, clocks: Clocks) -> Gathered:
        """Readings in order of arrival; a message with one bad value is refused whole.

        `clocks` learns from the live messages, and says how old each reading and packet is.
        """
        message = np.repeat(np.arange(len(self._counts)), self._counts)
        slot = np.array(self._slots, np.intp)
        seconds = np.array(self._seconds, np.float64)
        received_at = np.array(self._received_at, np.int64)[message]
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.array(self._values, np.float64) * table.factor[slot] + table.offset[slot]
        relative = seconds < RELATIVE_BELOW_S
        possible = np.abs(seconds) <= _LATEST_S
        measured_at = _microseconds(np.where(possible, seconds, 0.0))
        measured_at += np.where(relative, received_at, 0)
        faults = (
            ~(np.isfinite(value) & np.isfinite(seconds)),
            # A relative time in the future is a clock that began in 1970.
            ~possible
            | (relative & (seconds > 0))
            | (measured_at < EARLIEST)
            | (measured_at > received_at + DAY),
            relative & ~np.array([s.sequenced for s in self._sources], np.bool_)[message],
        )
        refused = self._refused(faults, message)
        offsets = self._offsets(clocks, measured_at, relative, refused)
        offset = offsets[message]
        offset[relative] = 0
        readings = ReadingBatch(
            series=table.series[slot],
            measured_at=measured_at,
            received_at=received_at,
            value=value,
            flag=np.zeros(len(slot), np.uint8),
            checks=np.zeros(len(slot), np.uint16),
            late=received_at - measured_at - offset > table.late_after[slot],
        )
        wrong_clock = np.abs(offset) > WRONG
        astray = self._astray(readings.series, message)
        if refused:
            good = np.ones(len(self._counts), np.bool_)
            good[list(refused)] = False
            kept = good[message]
            readings, message = readings.take(kept), message[kept]
            wrong_clock, astray = wrong_clock[kept], astray[kept]
        return Gathered(
            readings, message, wrong_clock, astray, refused, self._judged_packets(offsets)
        )

    def _judged_packets(self, offsets: NDArray[np.int64]) -> tuple[Waveform, ...]:
        """The packets as the clock of each one's message says: late or not, doubted or not."""
        judged = []
        for number, (packet, late_after) in self._stretches:
            offset = int(offsets[number])
            ahead = packet.end_at > packet.received_at + AHEAD
            checks = packet.checks
            checks |= Check.CLOCK if ahead or abs(offset) > WRONG else 0
            checks |= Check.LOCATION if packet.series in self._sources[number].astray else 0
            doubted = checks != packet.checks and packet.flag != Flag.FAIL
            judged.append(
                replace(
                    packet,
                    late=packet.received_at - packet.end_at - offset > late_after,
                    checks=checks,
                    flag=Flag.SUSPECT if doubted else packet.flag,
                )
            )
        return tuple(judged)

    def _astray(self, series: NDArray[np.int32], message: NDArray[np.int64]) -> NDArray[np.bool_]:
        found = np.zeros(len(series), np.bool_)
        for number, source in enumerate(self._sources):
            if source.astray:
                found |= (message == number) & np.isin(series, list(source.astray))
        return found

    def _offsets(
        self,
        clocks: Clocks,
        measured_at: NDArray[np.int64],
        relative: NDArray[np.bool_],
        refused: dict[int, BadMessage],
    ) -> NDArray[np.int64]:
        """By how much the clock of each message is slow (µs). Times that count from arrival say
        nothing of a clock, nor does a message that is refused."""
        counts = np.array(self._counts, np.intp)
        valued = counts > 0
        starts = (np.cumsum(counts) - counts)[valued]
        newest = np.zeros(len(counts), np.int64)
        counted = np.zeros(len(counts), np.bool_)
        if len(starts):
            newest[valued] = np.maximum.reduceat(measured_at, starts)
            counted[valued] = np.logical_or.reduceat(relative, starts)
        for number, (packet, _) in self._stretches:
            newest[number] = max(newest[number], packet.end_at)
        feeds = np.array([source.live for source in self._sources], np.bool_) & ~counted
        feeds[list(refused)] = False
        keys = [source[:2] for source in self._sources]
        return clocks.take(keys, feeds, newest, np.array(self._received_at, np.int64))

    def _refused(
        self, faults: tuple[NDArray[np.bool_], ...], message: NDArray[np.int64]
    ) -> dict[int, BadMessage]:
        refused: dict[int, BadMessage] = {}
        for reason, bad in zip(_FAULTS, faults, strict=True):
            rows = np.flatnonzero(bad)
            for row, number in zip(rows.tolist(), message[rows].tolist(), strict=True):
                if number not in refused:
                    found = f"value {self._values[row]!r}, time {self._seconds[row]!r} s"
                    refused[number] = BadMessage(reason, found)
        return refused


def _microseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """As `records.times.from_seconds`, for an array."""
    whole = np.floor(seconds)
    result: NDArray[np.int64] = whole.astype(np.int64) * SECOND + np.rint(
        (seconds - whole) * SECOND
    ).astype(np.int64)
    return result
