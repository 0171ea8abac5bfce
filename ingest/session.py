"""A lasting session at the broker: what came, and what of it has been settled.

Nothing is acknowledged before it is committed, and then in the order of arrival. An acknowledgement
is for the connection that its message came over: over a later one the same packet id may stand for
another message. A message that comes again is recognised by its number, not by MQTT's DUP mark.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.client import BulkClient, Delivery
from records.settings import Settings

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

_RETRY_S = (0.1, 5.0)
# One turn reads no more than about this of a session, so that each gets its turn.
_TURN_READS = 8
# A broker that has not answered what we asked by then is asked again, over a new connection.
_ANSWER_S = 10.0
# Filters a SUBSCRIBE: a broker limits the size of a packet.
_FILTERS_AT_ONCE = 500

log = logging.getLogger(__name__)


class Received(NamedTuple):
    """Deliveries of one connection, in order."""

    generation: int
    deliveries: list[Delivery]


class Session:
    """One client id's session; opens again by itself whenever it is lost.

    `use` says what it is subscribed to. `trouble` is empty while it is connected and all of that
    is granted.
    """

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SettingsError where the settings for the broker can't be used."""
        self._filters: tuple[str, ...] = ()
        self._asked: dict[int, Sequence[str]] = {}
        self._granted = False
        self._monotonic = monotonic
        self._client = BulkClient(settings, client_id)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._lost
        self._client.on_subscribe = self._subscribed
        self._generation = 0
        self._retry_at_s = 0.0
        self._pause_s = _RETRY_S[0]
        self._answer_by_s = float("inf")
        self.trouble = "not connected yet"
        self.more = False

    @property
    def filters(self) -> tuple[str, ...]:
        return self._filters

    @property
    def connected(self) -> bool:
        return not self.trouble or bool(self._asked)

    @property
    def unreachable(self) -> bool:
        """True where the last try to open found nobody."""
        return self._client.socket() is None

    def use(self, filters: Sequence[str]) -> None:
        """Be subscribed to these and nothing else, now and after each new connection."""
        before, self._filters = self._filters, tuple(filters)
        if self.connected:
            self._subscribe(sorted(set(filters) - set(before)))
            for some in _portions(sorted(set(before) - set(filters))):
                self._client.unsubscribe(some)
        else:
            self._granted = False

    @property
    def socket(self) -> SocketLike | None:
        """To be watched for reading, and for writing where `wants_to_write`."""
        return self._client.socket()

    @property
    def wants_to_write(self) -> bool:
        return self._client.want_write()

    def turn(self, *, reading: bool = True) -> Received:
        """Open, read, write, keep alive: whatever is due. Without `reading` nothing is taken."""
        if self._client.socket() is None:
            self._open()
        elif reading:
            reads = 0
            while reads < _TURN_READS and self._client.socket() and self._client.read():
                reads += 1
            self.more = reads == _TURN_READS
            if self.trouble and not self.more and self._monotonic() >= self._answer_by_s:
                self._client.drop()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()
        return Received(self._generation, self._client.take())

    def acknowledge(self, received: Received) -> None:
        """Say that these are settled; nothing is said where the connection is another by now."""
        mids = [delivery.mid for delivery in received.deliveries if delivery.mid]
        if mids and self.connected and received.generation == self._generation:
            self._client.acknowledge(mids)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send at QoS 1; False where there is no connection (then nothing is kept)."""
        if not self.connected:
            return False
        self._client.publish(topic, payload, qos=1)
        return True

    def close(self) -> None:
        """Leave; the session stays at the broker."""
        self._client.on_disconnect = None
        self.trouble = "closed"
        self._client.disconnect()

    def _open(self) -> None:
        if self._monotonic() < self._retry_at_s:
            return
        self._pause()
        try:
            self._client.open()
            self._answer_by_s = self._monotonic() + _ANSWER_S
        except OSError as error:
            self._say(f"the broker can't be reached: {error}")

    def _pause(self) -> None:
        self._retry_at_s = self._monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _RETRY_S[1])

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble

    def _connected(
        self, _: Client, __: Any, flags: ConnectFlags, code: ReasonCode, ___: Properties | None
    ) -> None:
        self._generation += 1
        if code.is_failure:
            self._say(f"the broker refuses us: {code}")
            return
        self.trouble = ""
        self._pause_s = _RETRY_S[0]
        self._asked = {}
        # A session that another process left may have other filters.
        if not flags.session_present or not self._granted:
            self._subscribe(self._filters)

    def _subscribe(self, filters: Sequence[str]) -> None:
        for some in _portions(filters):
            _, mid = self._client.subscribe([(topic, 1) for topic in some])
            if mid is not None:
                self._asked[mid] = some
                self._answer_by_s = self._monotonic() + _ANSWER_S
        self._granted = not self._asked
        if self._asked:
            self.trouble = "not subscribed yet"

    def _subscribed(
        self, _: Client, __: Any, mid: int, codes: list[ReasonCode], ____: Properties | None
    ) -> None:
        for topic, code in zip(self._asked.pop(mid, ()), codes, strict=False):
            if code.is_failure:
                log.warning("the broker refuses the subscription to %s: %s", topic, code)
        if not self._asked:
            self._granted = True
            self.trouble = ""

    def _lost(
        self, _: Client, __: Any, ___: DisconnectFlags, code: ReasonCode, ____: Properties | None
    ) -> None:
        self._generation += 1
        connected, self._asked = self.connected, {}
        if connected:
            self._say(f"the connection to the broker was lost: {code}")


def _portions(filters: Sequence[str]) -> list[list[str]]:
    """At most so many at once."""
    return [
        list(filters[n : n + _FILTERS_AT_ONCE]) for n in range(0, len(filters), _FILTERS_AT_ONCE)
    ]
