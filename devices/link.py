"""One device's MQTT connection: a thin shell of paho around the firmware.

Nothing here runs by itself: the fleet says when the socket can be read or written. Each
connection gets a client of its own, since paho would repeat by itself what an old one has not
finished, and the firmware does that already.
"""

from __future__ import annotations

import logging
import selectors
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.device import Firmware, Receipt
from records.settings import BrokerAddress, Secret
from records.topics import device_topic

log = logging.getLogger("devices")

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 2.0
# Ranges in one status, so that it stays small; the next are said once a receipt passes over these.
MOST_GONE = 1_000
_RECEIPT = msgspec.json.Decoder(Receipt)


@dataclass(frozen=True)
class Access:
    """The broker, and how to get in. `user` is "" where each device is a user of its own, named
    as itself; `authority` is the file of the certificate authority, "" = the system's."""

    broker: BrokerAddress
    user: str
    password: Secret
    authority: str


class Link:
    """The connection of one device of a lab; its socket is in `selector` with itself as the data.

    `say_status` gives what `status` says beside the state; `now` is the device's own clock.
    """

    def __init__(
        self,
        lab: str,
        firmware: Firmware,
        access: Access,
        selector: selectors.BaseSelector,
        say_status: Callable[[], dict[str, Any]],
        now: Callable[[], int],
    ) -> None:
        self.firmware = firmware
        self._lab = lab
        self._access = access
        self._selector = selector
        self._say_status = say_status
        self._now = now
        self._client: mqtt.Client | None = None
        self.online = False

    @property
    def open(self) -> bool:
        """A socket is open, whether or not the broker has said yes."""
        return self._client is not None and self._client.socket() is not None

    def connect(self) -> None:
        """Open the socket and ask for a session. Raises OSError where nobody answers."""
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self.firmware.device, clean_session=True
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self._access.password:
            user = self._access.user or self.firmware.device
            client.username_pw_set(user, self._access.password.reveal())
        if self._access.broker.tls:
            client.tls_set(ca_certs=self._access.authority or None)
        will = msgspec.json.encode({"state": "offline", "boot": self.firmware.boot})
        client.will_set(self._topic("status"), will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        self._client = client
        client.connect(self._access.broker.host, self._access.broker.port, KEEPALIVE_S)

    def serve(self, mask: int) -> None:
        """Read or write what the selector found ready."""
        client = self._client
        if client is None:
            return
        if mask & selectors.EVENT_READ:
            client.loop_read()
            # TLS may hold whole packets that no selector sees.
            while isinstance(found := client.socket(), ssl.SSLSocket) and found.pending():
                client.loop_read()
        if mask & selectors.EVENT_WRITE:
            client.loop_write()

    def watch(self) -> None:
        """Ask the selector for writing exactly while something is to be written."""
        found = self._client.socket() if self._client else None
        if self._client is None or found is None:
            return
        writing = selectors.EVENT_WRITE if self._client.want_write() else 0
        if self._selector.get_key(found).events != selectors.EVENT_READ | writing:
            self._selector.modify(found, selectors.EVENT_READ | writing, self)

    def keep_alive(self) -> None:
        """Ping when nothing was said for long. Call it every few seconds."""
        if self._client:
            self._client.loop_misc()

    def send(self, tick_s: float) -> None:
        """Publish what the firmware gives out."""
        if self._client is None or not self.online:
            return
        for channel, _, payload in self.firmware.outgoing(self._now(), tick_s):
            self._client.publish(self._topic(channel), payload, qos=1)

    def report(self) -> None:
        """Say the status again: battery, and what is gone."""
        if self._client and self.online:
            self._publish_status({"state": "online", **self._say_status()})

    def close(self) -> None:
        """Say offline and leave; a will is for those who can't."""
        if self._client and self.online:
            self._publish_status({"state": "offline"})
            self._client.disconnect()

    def abandon(self) -> None:
        """Let the socket go, if it is still there."""
        self._client = None

    def _publish_status(self, said: dict[str, Any]) -> None:
        assert self._client is not None
        status = said | {"boot": self.firmware.boot}
        if self.firmware.gone:
            said_now = self.firmware.gone[:MOST_GONE]
            status["gone"] = [[boot, *part] for boot, part in said_now]
        self._client.publish(self._topic("status"), msgspec.json.encode(status), qos=1, retain=True)

    def _topic(self, channel: str) -> str:
        return device_topic(self._lab, self.firmware.device, channel)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _: Any) -> None:
        if code.is_failure:
            log.warning("the broker refuses %s: %s", self.firmware.device, code)
            return
        client.subscribe([(self._topic("receipt"), 1), (self._topic("command"), 1)])
        self.online = True
        self.report()
        self.firmware.connected(self._now())

    def _on_socket_open(self, _client: mqtt.Client, _data: Any, opened: Any) -> None:
        self._selector.register(opened, selectors.EVENT_READ, self)

    def _on_socket_close(self, _client: mqtt.Client, _data: Any, closing: Any) -> None:
        self._selector.unregister(closing)

    def _on_disconnect(self, *_: Any) -> None:
        self.online = False
        self.firmware.disconnected()

    def _on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic == self._topic("command"):
            refusal = msgspec.json.encode({"ok": False, "error": "this device takes no commands"})
            client.publish(self._topic("reply"), refusal, qos=1)
            return
        try:
            receipt = _RECEIPT.decode(message.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("%s got a receipt it can't read: %s", self.firmware.device, error)
            return
        self.firmware.settle(receipt)
