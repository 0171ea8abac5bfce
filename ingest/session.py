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

from ingest.client import BulkClient, Delivery, broker_of
from records.settings import BrokerAddress, Settings

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

# 5 words with a channel that ingest reads at once, and every other shape than the grammar's.
LIVE = (
    "hoshyar/+/+/+/readings",
    "hoshyar/+/+/+/status",
    "hoshyar/+/+/+/reply",
    "hoshyar/+",
    "hoshyar/+/+",
    "hoshyar/v1/+/+",
    "hoshyar/v1/+/+/+/+/#",
)
BACKLOG = ("hoshyar/+/+/+/backlog", "hoshyar/+/+/+/waveform")
# Also what has the right shape and an unknown channel: only where no access list refuses it.
STRAY = ("hoshyar/v1/+/+/+",)
# The embedded broker carries nothing but Hoshyar's, so whatever else comes there has gone astray.
ASTRAY_ANYWHERE = ("#",)
_RETRY_S = (0.1, 5.0)
# One turn reads no more than about this of a session, so that each gets its turn.
_TURN_READS = 8

log = logging.getLogger(__name__)


def strays(settings: Settings) -> tuple[str, ...]:
    """Filters of the session that looks for what no device should send; none with a password."""
    if settings.broker_user:
        return ()
    embedded = BrokerAddress("127.0.0.1", settings.broker_port, False)
    return ASTRAY_ANYWHERE if broker_of(settings) == embedded else STRAY


class Received(NamedTuple):
    """Deliveries of one connection, in order."""

    generation: int
    deliveries: list[Delivery]


class Session:
    """One client id's session with fixed filters; opens again by itself whenever it is lost."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        filters: Sequence[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SettingsError where the settings for the broker can't be used."""
        self._filters = [(topic, 1) for topic in filters]
        self._monotonic = monotonic
        self._client = BulkClient(settings, client_id)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._lost
        self._client.on_subscribe = self._subscribed
        self._generation = 0
        self._retry_at_s = 0.0
        self._pause_s = _RETRY_S[0]
        self.trouble = "not connected yet"
        self.more = False

    @property
    def connected(self) -> bool:
        return not self.trouble

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
        if not flags.session_present:
            self._client.subscribe(self._filters)

    def _subscribed(
        self, _: Client, __: Any, ___: int, codes: list[ReasonCode], ____: Properties | None
    ) -> None:
        for (topic, _qos), code in zip(self._filters, codes, strict=False):
            if code.is_failure:
                log.warning("the broker refuses the subscription to %s: %s", topic, code)

    def _lost(
        self, _: Client, __: Any, ___: DisconnectFlags, code: ReasonCode, ____: Properties | None
    ) -> None:
        self._generation += 1
        if self.connected:
            self._say(f"the connection to the broker was lost: {code}")
