"""Publishing that says the truth: it returns when the broker has acknowledged, or raises."""

from __future__ import annotations

import threading
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.client import broker_of, prepare
from records.errors import HoshyarError
from records.settings import Settings


class NotPublished(HoshyarError):
    """The broker has not acknowledged the message. It may have it or not; publish it again."""


class Publisher:
    """A connection for publishing at QoS 1; connects at the first message and when it was lost.

    `publish` may be called by several threads.
    """

    def __init__(self, settings: Settings, client_id: str, timeout_s: float = 10.0) -> None:
        """`client_id` must be nobody else's. Raises SettingsError for a bad CA file."""
        self._timeout_s = timeout_s
        self._address = broker_of(settings)
        self._settings, self._client_id = settings, client_id
        self._lock = threading.Lock()
        self._client: mqtt.Client | None = None
        self._answered = threading.Event()
        self._trouble = ""
        self._connections = 0
        prepare(mqtt.Client(CallbackAPIVersion.VERSION2), settings)

    @property
    def connections(self) -> int:
        """How often a broker has accepted us; a new one may have forgotten what is retained."""
        return self._connections

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Returns when the broker has acknowledged the message. Raises NotPublished."""
        with self._lock:
            client = self._connected()
            sent = client.publish(topic, payload, qos=1, retain=retain)
            try:
                sent.wait_for_publish(self._timeout_s)
                done = sent.is_published()
            except (RuntimeError, ValueError):
                done = False
            if not done:
                # A new client: the old one would send this message again on its own.
                self._drop()
                raise NotPublished(self._trouble or f"no answer in {self._timeout_s:g} s")

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _connected(self) -> mqtt.Client:
        if self._client is not None and self._client.is_connected():
            return self._client
        self._drop()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._client_id)
        prepare(client, self._settings)
        client.on_connect, client.on_disconnect = self._heard, self._lost
        self._answered.clear()
        self._trouble = f"{self._address} does not answer"
        try:
            client.connect(self._address.host, self._address.port, keepalive=30)
        except OSError as error:
            raise NotPublished(f"{self._address} can't be reached: {error}") from error
        client.loop_start()
        self._client = client
        if not self._answered.wait(self._timeout_s) or not client.is_connected():
            trouble = self._trouble
            self._drop()
            raise NotPublished(trouble)
        return client

    def _heard(
        self, _: mqtt.Client, __: Any, ___: ConnectFlags, code: ReasonCode, ____: Properties | None
    ) -> None:
        self._trouble = f"{self._address} refuses us: {code}" if code.is_failure else ""
        self._connections += not code.is_failure
        self._answered.set()

    def _lost(
        self,
        _: mqtt.Client,
        __: Any,
        ___: DisconnectFlags,
        code: ReasonCode,
        ____: Properties | None,
    ) -> None:
        self._trouble = self._trouble or f"the connection to {self._address} was lost: {code}"

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
