"""Plays a recorded case as its devices: `python -m devices play CASE`.

Whoever leads (`hoshyar replay`) asks on standard input for spans of the case's messages, one
request a line, and is answered on standard output when the broker has taken them:

    ready 24396             at the start: how many messages the case has
    publish 0 1000          asked: the messages with places 0 to 999
    published 0 1000        answered: the broker has them, or only the first, or none

The messages are a pure function of the case and a place says everything about one, so the player
keeps nothing: after `kill -9` another one is asked for what is still missing, and a message that
is sent twice changes nothing. What has arrived is for the store's ledger to say, not for the
broker's acknowledgement.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from records.case import Case, Message
from records.errors import SettingsError
from records.settings import BrokerAddress, Settings

# How many messages the broker may hold unacknowledged: enough to keep it busy.
UNDER_WAY = 500
LOOK_EVERY_S = 0.25
PATIENCE_S = 10.0
_log = logging.getLogger(__name__)


class Publisher:
    """Publishes for all devices of a case, with QoS 1, each message once in its order.

    A connection that is lost is not mended but replaced, and what was under way on it is dropped:
    a client that sends it again by itself would let later messages overtake those that the broker
    has forgotten. Who asks finds them missing in the ledger and asks again, in order.

    Over a new connection one message goes ahead: a broker that has just come back may take messages
    while nobody listens yet, and those after them would arrive first.
    """

    def __init__(self, settings: Settings, broker: BrokerAddress) -> None:
        self._settings = settings
        self._broker = broker
        self._client: mqtt.Client | None = None

    def publish(self, messages: Sequence[Message]) -> bool:
        """Hand messages over in order, the first alone over a new connection; True when the broker
        has taken them."""
        before = self._client
        client = self._connected()
        if client is None:
            return False
        if client is not before:
            messages = messages[:1]
        under_way = [client.publish(m.topic, m.payload, qos=1) for m in messages]
        for sent in under_way:
            while client.is_connected() and not sent.is_published():
                sent.wait_for_publish(LOOK_EVERY_S)
            if not client.is_connected():
                self.close()
                return False
        return True

    def _connected(self) -> mqtt.Client | None:
        if self._client and self._client.is_connected():
            return self._client
        self.close()
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        client.max_inflight_messages_set(UNDER_WAY)
        if self._settings.broker_user:
            password = self._settings.broker_password.reveal()
            client.username_pw_set(self._settings.broker_user, password)
        if self._broker.tls:
            client.tls_set(self._settings.broker_ca or None)
        try:
            client.connect(self._broker.host, self._broker.port, keepalive=30)
        except OSError as error:
            _log.info("the broker can't be reached: %s", error)
            time.sleep(LOOK_EVERY_S)
            return None
        client.loop_start()
        self._client = client
        until_s = time.monotonic() + PATIENCE_S
        while not client.is_connected() and time.monotonic() < until_s:
            time.sleep(0.01)
        return client if client.is_connected() else None

    def close(self) -> None:
        """Drop the connection and what is under way on it."""
        if self._client:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None


def play(folder: Path, settings: Settings, asked: Iterable[str], answers: TextIO) -> None:
    """Serve requests until `asked` ends. Raises InputError and SettingsError."""
    if settings.broker is None:
        raise SettingsError("HOSHYAR_BROKER is not set: say where the broker is, mqtt://HOST:PORT")
    messages = list(Case.load(folder).messages())
    publisher = Publisher(settings, settings.broker)
    try:
        _say(answers, f"ready {len(messages)}")
        for line in asked:
            first, end = _span(line)
            publisher.publish(messages[first:end])
            _say(answers, f"published {first} {end}")
    finally:
        publisher.close()


def _span(line: str) -> tuple[int, int]:
    words = line.split()
    if len(words) != 3 or words[0] != "publish" or not all(w.isdecimal() for w in words[1:]):
        raise SettingsError(f"the player was asked {line.strip()!r}, not 'publish FIRST END'")
    return int(words[1]), int(words[2])


def _say(answers: TextIO, line: str) -> None:
    answers.write(line + "\n")
    answers.flush()
