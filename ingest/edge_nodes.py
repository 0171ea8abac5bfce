"""What a Sparkplug edge node has said of itself and of the devices behind it, and what waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ingest.metrics import Metric, Payload
from records.errors import BadMessage, Reason
from records.foreign import Feed

_MOST_DEVICES = 1_000

Named = tuple[str, int]


class Held(NamedTuple):
    """Data without a birth: they are in quarantine, with whatever `taken` says of them."""

    payload: Payload
    feed: Feed
    taken: Any


@dataclass(slots=True)
class Said:
    """What births said: (name, data type) by alias and data type by name, for each device; "" is
    the node itself."""

    names: dict[str, dict[int, Named]] = field(default_factory=dict)
    types: dict[str, dict[str, int]] = field(default_factory=dict)

    def learn(self, device: str, payload: Payload) -> None:
        """Raises BadMessage for a birth that can't be."""
        if len(self.names) >= _MOST_DEVICES and device not in self.names:
            raise BadMessage(Reason.TOO_LARGE, f"more than {_MOST_DEVICES} devices behind a node")
        aliased = [m for m in payload.metrics if m.alias is not None and m.name]
        names = {m.alias: (m.name, m.datatype) for m in aliased if m.alias is not None}
        if len(names) < len(aliased):
            raise BadMessage(Reason.UNDECODABLE, "a birth gives one alias to two metrics")
        self.names[device] = names
        self.types[device] = {m.name: m.datatype for m in payload.metrics}

    def forget(self, device: str) -> None:
        self.names.pop(device, None)
        self.types.pop(device, None)

    def named(self, device: str, metric: Metric) -> Named | None:
        """Its name and data type, 0 where nobody said; None where nothing is known of it."""
        if metric.name:
            known = self.types.get(device, {}).get(metric.name, 0)
            return metric.name, metric.datatype or known
        found = self.names.get(device, {}).get(-1 if metric.alias is None else metric.alias)
        return None if found is None else (found[0], metric.datatype or found[1])


@dataclass(slots=True)
class Edge:
    """One node. `seq` is its last number; None: there was a gap, or no birth yet.

    said      by births that are believed
    doubted   what births of `doubted_bd` said before a gap or a start of ours
    held      data that wait for a birth, by device
    asked_at  when it was last asked to be born again (microseconds)
    """

    seq: int | None = None
    bd_seq: int | None = None
    said: Said = field(default_factory=Said)
    doubted: Said | None = None
    doubted_bd: int | None = None
    held: dict[str, list[Held]] = field(default_factory=dict)
    asked_at: int | None = None

    def doubt(self) -> None:
        """Believe nothing that was said until the next birth confirms it."""
        if self.said.names:
            self.doubted, self.doubted_bd = self.said, self.bd_seq
        self.seq, self.said = None, Said()


def agree(before: Said, now: Said, device: str, payload: Payload) -> bool:
    """Whether data mean the same by the births before them and by the one after them."""
    return all(
        before.named(device, metric) == now.named(device, metric) for metric in payload.metrics
    )
