"""Waveform packets on their way to the store: whose they are, in which unit, how far believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest.feeds import Feeds
from ingest.gathering import EARLIEST, Stretch
from ingest.limits import LimitTable
from records.errors import BadMessage, Reason
from records.levels import Check, Flag
from records.times import DAY, SECOND
from records.waveforms import Packet
from store.waveforms import Waveform


def resolved(
    feeds: Feeds, limits: LimitTable, device: str, packets: Sequence[Packet], received_at: int
) -> list[Stretch]:
    """The packets of one message from `device`, all of them or a BadMessage.

    Whether they are late is for the clock to say.
    Raises `unknown quantity`, `wrong unit`, `impossible time` and `not finite`.
    """
    return [_resolved(feeds, limits, device, packet, received_at) for packet in packets]


def _resolved(
    feeds: Feeds, limits: LimitTable, device: str, packet: Packet, received_at: int
) -> Stretch:
    name = f"{packet.point}:{packet.quantity}"
    number, factor, offset, late_after = feeds.resolve(device, name, packet.unit)
    length_s = (len(packet.samples) - 1) / packet.rate_hz
    end_at = packet.start_at + round(length_s * SECOND)
    if packet.start_at < EARLIEST or end_at > received_at + DAY:
        found = f"from {packet.start_at} to {end_at} us since 1970"
        raise BadMessage(Reason.IMPOSSIBLE_TIME, found)
    samples = packet.samples
    if (factor, offset) != (1.0, 0.0):
        samples = samples.astype(np.float64) * factor + offset
        if not np.isfinite(samples).all():
            raise BadMessage(Reason.NOT_FINITE, f"{packet.unit} to the unit of the series")
    outside = (samples < limits.low[number]) | (samples > limits.high[number])
    beyond = int(np.count_nonzero(outside))
    whole = Waveform(
        series=number,
        start_at=packet.start_at,
        received_at=received_at,
        rate_hz=packet.rate_hz,
        samples=samples,
        flag=Flag.FAIL if beyond else Flag.GOOD,
        checks=Check.GROSS_RANGE if beyond else 0,
        beyond=beyond,
        late=False,
    )
    return Stretch(whole, late_after)
