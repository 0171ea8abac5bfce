"""A replay without services: the same pure cores, one after the other, as fast as they can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from alerts.engine import Alerting
from hoshyar.chunks import Chunk
from ingest.arrivals import Arrival
from ingest.intake import Intake
from models.engine import Engine
from records.case import Case, Message
from records.network import Network
from records.readings import ReadingBatch
from records.statements import AlertChange
from store.directory import Registry


class Memory:
    """What the store knows of values: the same one again is no news, another one is a revision."""

    def __init__(self) -> None:
        self._values: dict[int, dict[int, float]] = {}

    def news(self, readings: ReadingBatch) -> ReadingBatch:
        """The rows that a follower of the store would be handed."""
        kept = np.ones(len(readings), np.bool_)
        columns = (readings.series, readings.measured_at, readings.value)
        for row, (series, at, value) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            values = self._values.setdefault(series, {})
            if values.get(at) == value:
                kept[row] = False
            else:
                values[at] = value
        return readings if kept.all() else readings.take(kept)


def in_stored_order(network: Network) -> Network:
    """The network as the registry gives it back: the order of what is described is no matter."""
    return msgspec.structs.replace(
        network,
        lab=tuple(sorted(network.lab, key=lambda lab: lab.id)),
        station=tuple(sorted(network.station, key=lambda station: station.id)),
    )


def play(
    case: Case, messages: Sequence[Message], chunks: Iterable[Chunk], done: Callable[[Chunk], None]
) -> list[AlertChange]:
    """Every change of every incident of the case; `done` is called after each chunk."""
    registry = Registry.of(in_stored_order(case.network))
    intake, memory = Intake(registry, scenario=True), Memory()
    engine = Engine(registry, started_at=case.start_at)
    alerting = Alerting(registry.network, scenario=True)
    changes: list[AlertChange] = []
    for chunk in chunks:
        commit = intake.take(
            [Arrival(m.topic, m.payload, m.received_at) for m in messages[chunk.first : chunk.end]]
        )
        warnings = engine.advance(memory.news(commit.readings), chunk.until_at)
        changes += alerting.advance(warnings, [], chunk.until_at)
        done(chunk)
    return changes
