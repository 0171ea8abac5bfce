"""Messages as they arrived, and what becomes of those that are taken at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.gathering import Gathering
from ingest.routes import Route
from records.errors import BadMessage, Reason
from store.births import Birth
from store.commits import Mended
from store.readings import DeviceStatus, Quarantined
from store.waveforms import Waveform

_LATEST_LABEL = 253_402_300_799_000_000


class Arrival(NamedTuple):
    """An MQTT message; `received_at` is when this program got it (microseconds, 1970 UTC)."""

    topic: str
    payload: bytes
    received_at: int


@dataclass(slots=True)
class Batch:
    """What one call of `take` puts together."""

    gathering: Gathering
    messages: list[tuple[Arrival, Route]]
    quarantined: list[Quarantined]
    statuses: list[DeviceStatus]
    births: list[Birth] = field(default_factory=list)
    mended: list[Mended] = field(default_factory=list)
    waveforms: tuple[Waveform, ...] = ()
    latest: int = 0

    def quarantine(self, arrival: Arrival, route: Route, fault: BadMessage) -> None:
        self.latest = max(self.latest, arrival.received_at)
        self.quarantined.append(
            Quarantined(
                device=route.device,
                topic=arrival.topic,
                payload=arrival.payload,
                reason=fault.reason,
                detail=fault.detail,
                received_at=arrival.received_at,
            )
        )


def labelled(received_at: object) -> int:
    """The label `received_at` of a replay (microseconds). Raises BadMessage."""
    if type(received_at) is not int or not 0 <= received_at <= _LATEST_LABEL:
        raise BadMessage(Reason.IMPOSSIBLE_TIME, f"received_at is {ascii(received_at)[:80]}")
    return received_at
