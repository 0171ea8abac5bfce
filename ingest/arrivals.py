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


class Refused(NamedTuple):
    """A message on its way to quarantine; unless `is_new`, it may be a repeat by its bytes."""

    arrival: Arrival
    device: int | None
    reason: Reason
    detail: str
    is_new: bool

    def quarantined(self) -> Quarantined:
        topic, payload, received_at = self.arrival
        return Quarantined(self.device, topic, payload, self.reason, self.detail, received_at)


@dataclass(slots=True)
class Batch:
    """What one call of `take` puts together.

    Refused messages wait for the end of it: what little is refused is then done in one go, and
    costs the good ones beside it half as much (code that has just run is in the processor's cache).
    """

    gathering: Gathering = field(default_factory=Gathering)
    messages: list[tuple[Arrival, Route]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    statuses: list[DeviceStatus] = field(default_factory=list)
    births: list[Birth] = field(default_factory=list)
    mended: list[Mended] = field(default_factory=list)
    waveforms: tuple[Waveform, ...] = ()
    latest: int = 0

    def refuse(
        self, arrival: Arrival, route: Route, fault: BadMessage, *, is_new: bool = True
    ) -> None:
        """Put it aside, but not the error: that holds the frames it passed, and so this batch."""
        self.refused.append(Refused(arrival, route.device, fault.reason, fault.detail, is_new))


def labelled(received_at: object) -> int:
    """The label `received_at` of a replay (microseconds). Raises BadMessage."""
    if type(received_at) is not int or not 0 <= received_at <= _LATEST_LABEL:
        raise BadMessage(Reason.IMPOSSIBLE_TIME, f"received_at is {ascii(received_at)[:80]}")
    return received_at
