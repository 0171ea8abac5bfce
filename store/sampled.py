"""Waveform packets joined into evenly sampled arrays, with their gaps and clock steps known.

A packet follows without a gap where its start is less than half a sample from where the one before
it ends: start times jitter, samples do not. A hole is NaN. What overlaps with
equal values is one and the same; where it differs the clock was put back, and a new segment begins,
as it does with another rate. So no sample is moved, filled in or overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.errors import InputError
from records.times import SECOND, to_datetime
from store.connection import Database
from store.waveforms import Waveform, packets

MOST_SAMPLES = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Samples of one rate on one time base: sample i was taken at start_at + i / rate_hz.

    start_at  device time of the first one, microseconds since 1970 UTC
    samples   float64 in the series' unit, NaN in a gap
    gaps      (first, end) places without samples, first <= place < end
    step_s    how far the clock was put back before it, 0.0 where it was not
    drift_s   how far the device's clock has run from `rate_hz` at the last packet
    """

    start_at: int
    rate_hz: float
    samples: NDArray[np.float64]
    gaps: tuple[tuple[int, int], ...]
    step_s: float
    drift_s: float


class _Joining:
    """A segment while packets are being added to it."""

    def __init__(self, first: Waveform, step_s: float) -> None:
        self.first, self.last = first, first
        self.step_s = step_s
        self.pieces = [(0, first.samples)]

    def offset(self, packet: Waveform) -> int:
        """Samples from the end of the last packet to this one's start, below 0: overlap.

        By the time base, which starts jitter about, or by the packet before, with which a clock
        that runs wrong drifts away from the base: by what fits better.
        """
        place, samples = self.pieces[-1]
        by_base = self._since(self.first, packet) - place - len(samples)
        by_last = self._since(self.last, packet) - len(self.last.samples)
        return round(by_base if abs(by_base) < abs(by_last) else by_last)

    @staticmethod
    def _since(one: Waveform, other: Waveform) -> float:
        return (other.start_at - one.start_at) / SECOND * one.rate_hz

    def takes(self, packet: Waveform) -> bool:
        """Add it, or say False where it contradicts what is there."""
        if packet.rate_hz != self.first.rate_hz:
            return False
        place, samples = self.pieces[-1]
        begin = place + len(samples) + self.offset(packet)
        overlap = place + len(samples) - begin
        if overlap > 0:
            ours = samples[max(0, begin - place) :][: len(packet.samples)]
            if begin < place or not np.array_equal(ours, packet.samples[: len(ours)]):
                return False
        if begin + len(packet.samples) > place + len(samples):
            self.pieces.append((begin, packet.samples))
            self.last = packet
        return True

    def done(self, from_at: int, to_at: int) -> Segment | None:
        """What lies within the span; None for nothing."""
        place, samples = self.pieces[-1]
        whole = np.full(place + len(samples), np.nan)
        held = np.zeros(len(whole), np.bool_)
        for begin, piece in self.pieces:
            whole[begin : begin + len(piece)] = piece
            held[begin : begin + len(piece)] = True
        first, end = (self._place(at) for at in (from_at, to_at))
        there = np.flatnonzero(held[max(0, first) : max(0, end)])
        if not len(there):
            return None
        first = max(0, first)
        cut = slice(first + int(there[0]), first + int(there[-1]) + 1)
        drift_s = (self.last.start_at - self.first.start_at) / SECOND - place / self.first.rate_hz
        return Segment(
            start_at=self.first.start_at + round(cut.start / self.first.rate_hz * SECOND),
            rate_hz=self.first.rate_hz,
            samples=whole[cut],
            gaps=_gaps(held[cut]),
            step_s=self.step_s,
            drift_s=drift_s,
        )

    def _place(self, at: int) -> int:
        """The first sample at or after a moment."""
        since = (at - self.first.start_at) / SECOND * self.first.rate_hz
        return int(np.ceil(round(since, 6)))


def join(found: Iterable[Waveform], from_at: int, to_at: int) -> list[Segment]:
    """Packets of one series, by start, as segments within from_at <= time < to_at."""
    joining: list[_Joining] = []
    for packet in found:
        if joining and joining[-1].takes(packet):
            continue
        step_s = 0.0
        if joining and joining[-1].first.rate_hz == packet.rate_hz:
            step_s = max(0.0, -joining[-1].offset(packet) / packet.rate_hz)
        joining.append(_Joining(packet, step_s))
    segments = [one.done(from_at, to_at) for one in joining]
    return [segment for segment in segments if segment is not None]


def read(db: Database, series: int, from_at: int, to_at: int) -> list[Segment]:
    """A series' samples within from_at <= time < to_at (microseconds): one segment, or more where
    the rate changed or the clock was put back.

    Raises InputError where that is more than `MOST_SAMPLES`, gaps counted, and StoreUnavailable.
    """
    rows = db.run(
        "SELECT coalesce(sum(length), 0)::int8, coalesce(max(rate_hz), 0),"
        " coalesce(extract(epoch FROM max(end_at) - min(start_at)), 0)::float8 FROM waveform"
        " WHERE series = %s AND start_at < %s AND end_at >= %s",
        (series, to_datetime(to_at), to_datetime(from_at)),
    )
    count, rate_hz, span_s = rows[0]
    most = max(count, rate_hz * span_s)
    if most > MOST_SAMPLES:
        raise InputError(
            f"{most:,.0f} samples at once are too many: ask for a span of up to"
            f" {MOST_SAMPLES / rate_hz:,.0f} s"
        )
    return join(packets(db, series, from_at, to_at), from_at, to_at)


def _gaps(held: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    edges = np.flatnonzero(np.diff(held.astype(np.int8)))
    return tuple((int(a) + 1, int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=True))
