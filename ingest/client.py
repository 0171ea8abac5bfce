"""paho's MQTT client, made to take PUBLISH packets in bulk and to acknowledge them in bulk.

paho reads a packet byte by byte and makes several objects of it, which at one reading a message
costs more than everything else that ingest does. Here one read of the socket is cut into all the
packets it holds; whatever is no PUBLISH goes through paho as ever. Reaches into paho's own methods,
so its version is pinned and `tests/ingest/test_client.py` holds what is relied on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from paho.mqtt import MQTTException
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from records.errors import SettingsError
from records.settings import BrokerAddress, Settings

PUBLISH = 0x30
PUBACK = 0x40
_READ_BYTES = 262_144
_KEEPALIVE_S = 30
_CONNECT_TIMEOUT_S = 5.0


class Delivery(NamedTuple):
    """One PUBLISH as it came; `mid` is its packet id, 0 for one that needs no acknowledgement."""

    topic: bytes
    payload: bytes
    mid: int


def broker_of(settings: Settings) -> BrokerAddress:
    """The broker that the settings name, or the embedded one's address."""
    return settings.broker or BrokerAddress("127.0.0.1", settings.broker_port, False)


def prepare(client: mqtt.Client, settings: Settings) -> None:
    """Credentials, TLS and limits from the settings. Raises SettingsError for a bad CA file."""
    client.connect_timeout = _CONNECT_TIMEOUT_S
    if settings.broker_user:
        client.username_pw_set(settings.broker_user, settings.broker_password.reveal())
    if broker_of(settings).tls:
        try:
            client.tls_set(settings.broker_ca or None)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"HOSHYAR_BROKER_CA={settings.broker_ca!r} can't be used: {error}"
            ) from error


class BulkClient(mqtt.Client):
    """MQTT 3.1.1, a persistent session, manual acknowledgement. One thread uses it."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            manual_ack=True,
        )
        self.max_inflight_messages = 1000
        prepare(self, settings)
        self._address = broker_of(settings)
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 2
        self._deliveries: list[Delivery] = []

    def open(self) -> None:
        """Connect; the answer comes while reading. Raises OSError where nobody listens."""
        self._forget()
        self.connect(self._address.host, self._address.port, keepalive=_KEEPALIVE_S)

    def _forget(self) -> None:
        self._parts, self._have, self._need = [], 0, 2
        self._deliveries = []

    def read(self) -> bool:
        """One read of the socket; False when there was nothing to read."""
        try:
            data = self._sock_recv(_READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            return False
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        self._parts.append(data)
        self._have += len(data)
        if self._have < self._need:
            return True
        if self._cut(b"".join(self._parts)) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            return True
        self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        return False

    def drop(self) -> None:
        """Give up a connection over which no answer comes."""
        self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)

    def take(self) -> list[Delivery]:
        """What came since the last call, in order of arrival."""
        deliveries, self._deliveries = self._deliveries, []
        return deliveries

    def acknowledge(self, mids: Sequence[int]) -> None:
        """PUBACK for each of these packet ids, in this order, in one write."""
        packets = np.empty(len(mids), [("head", ">u2"), ("mid", ">u2")])
        packets["head"] = PUBACK << 8 | 2
        packets["mid"] = mids
        self._packet_queue(PUBACK, packets.tobytes(), 0, 1)

    def _cut(self, data: bytes) -> MQTTErrorCode:
        """Cut whole packets out of `data`; the rest waits for more."""
        place, size = 0, len(data)
        need = 2
        while size - place >= 2:
            command = data[place]
            length = data[place + 1]
            start = place + 2
            if length & 0x80 and size > start and data[start] < 0x80:
                length = (length & 0x7F) | data[start] << 7
                start += 1
            elif length & 0x80:
                length, start = _length(data, place + 1)
                if start < 0:
                    return MQTTErrorCode.MQTT_ERR_PROTOCOL
                if not start:
                    need = size - place + 1
                    break
            end = start + length
            if end > size:
                need = end - place
                break
            if command & 0xF0 == PUBLISH:
                if not self._deliver(command, data, start, end):
                    return MQTTErrorCode.MQTT_ERR_PROTOCOL
            elif rc := self._other(command, data[start:end]):
                return rc
            place = end
        self._parts, self._have, self._need = [data[place:]], size - place, need
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _deliver(self, command: int, data: bytes, start: int, end: int) -> bool:
        topic = start + 2
        after = topic + (data[start] << 8 | data[start + 1]) if end >= topic else end + 1
        mid = 0
        body = after
        if command & 0x06:
            body = after + 2
            if body > end:
                return False
            mid = data[after] << 8 | data[after + 1]
        if body > end:
            return False
        self._deliveries.append(Delivery(data[topic:after], data[body:end], mid))
        return True

    def _other(self, command: int, body: bytes) -> MQTTErrorCode:
        """Hand a packet to paho as if paho had read it."""
        self._in_packet = {
            "command": command,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            return self._packet_handle()
        except (MQTTException, ValueError):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL


def _length(data: bytes, place: int) -> tuple[int, int]:
    """Remaining length of a packet and where its body begins; 0 = incomplete, -1 = no MQTT."""
    length = 0
    for n in range(4):
        if place + n >= len(data):
            return 0, 0
        byte = data[place + n]
        length |= (byte & 0x7F) << 7 * n
        if not byte & 0x80:
            return length, place + n + 1
    return 0, -1
