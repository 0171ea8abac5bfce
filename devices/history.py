"""The sea before the simulation began: a tsunami detector needs hours of tide to tell a wave by.

The world is a function of time, so what its gauges would have sent before can be told at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from devices.instruments import INSTRUMENTS, Instrument
from devices.places import stations
from devices.scenarios import Scenario
from devices.senml import Value, encode
from devices.world import World
from records.network import Record
from records.times import HOUR, MINUTE
from records.topics import device_topic

HOURS = 9.0
STEP = MINUTE
QUANTITIES = frozenset({"sea_level", "water_column_height"})
# Before any boot that a live device counts from.
BOOT = 0


class Sent(Record, frozen=True):
    """A message as a device would have sent it; it arrived (microseconds) as it was measured."""

    topic: str
    received_at: int
    payload: str


def history(seed: int, until_at: int, hours: float = HOURS) -> Iterator[Sent]:
    """What the sea's instruments measured, a reading a minute, in the order of their times."""
    world = World(seed, Scenario.QUIET, until_at)
    first_at = (until_at - round(hours * HOUR)) // STEP * STEP
    moments = np.arange(first_at, until_at, STEP, dtype=np.int64)
    rows = [row for row in INSTRUMENTS if row.quantity in QUANTITIES]
    labs = {station.id: station.lab for station in stations()}
    values = [world.measured(row, moments).tolist() for row in rows]
    for seq, moment in enumerate(moments.tolist()):
        for row, of_row in zip(rows, values, strict=True):
            yield Sent(
                topic=device_topic(labs[row.station], row.device, "readings"),
                received_at=moment,
                payload=_payload(row, seq, moment, of_row[seq]),
            )


def _payload(row: Instrument, seq: int, measured_at: int, value: float) -> str:
    said = Value(row.quantity, row.point, row.unit, value)
    return encode(row.device, BOOT, seq, measured_at, [said]).decode()
