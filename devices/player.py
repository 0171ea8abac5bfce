"""Plays a recorded case as its devices: `python -m devices play CASE`.

Whoever leads (`hoshyar replay`) asks on standard input for spans of the case's messages, one
request a line, and is answered on standard output when the broker has taken them:

    ready 24396             at the start: how many messages the case has
    publish 0 1000          asked: the messages with places 0 to 999
    published 0 1000        answered

The messages are a pure function of the case and a place says everything about one, so the player
keeps nothing: after `kill -9` another one is asked for what is still missing, and a message that
is sent twice changes nothing. What has arrived is for the store's ledger to say, not for the
broker's acknowledgement.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from records.case import Case, Message
from records.errors import SettingsError
from records.settings import BrokerAddress, Settings

# How many messages the broker may hold unacknowledged: enough to keep it busy.
UNDER_WAY = 500
PATIENCE_S = 60.0
_log = logging.getLogger(__name__)


class Publisher:
    """One connection that publishes for all devices of a case, with QoS 1."""

    def __init__(self, settings: Settings, broker: BrokerAddress) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.max_inflight_messages_set(UNDER_WAY)
        self._client.reconnect_delay_set(1, 5)
        if settings.broker_user:
            password = settings.broker_password.reveal()
            self._client.username_pw_set(settings.broker_user, password)
        if broker.tls:
            self._client.tls_set(settings.broker_ca or None)
        # Not waiting for the connection: the broker may be on its way up.
        self._client.connect_async(broker.host, broker.port, keepalive=30)
        self._client.loop_start()

    def publish(self, messages: Sequence[Message]) -> None:
        """Hand the messages over in order; ends when the broker has taken them all.

        After a lost connection the client sends again what was under way. Gives up on a message
        silently after PATIENCE_S: the asker finds it missing in the ledger and asks again.
        """
        under_way = [self._client.publish(m.topic, m.payload, qos=1) for m in messages]
        for sent in under_way:
            if sent.rc in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
                sent.wait_for_publish(PATIENCE_S)
            if not sent.is_published():
                _log.warning("the broker did not take a message within %s s", PATIENCE_S)
                return

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def play(folder: Path, settings: Settings, asked: Iterable[str], answers: TextIO) -> None:
    """Serve requests until `asked` ends. Raises InputError and SettingsError."""
    if settings.broker is None:
        raise SettingsError("HOSHYAR_BROKER is not set: say where the broker is, mqtt://HOST:PORT")
    messages = list(Case.load(folder).messages())
    publisher = Publisher(settings, settings.broker)
    try:
        _say(answers, f"ready {len(messages)}")
        for line in asked:
            first, end = _span(line, len(messages))
            publisher.publish(messages[first:end])
            _say(answers, f"published {first} {end}")
    finally:
        publisher.close()


def _span(line: str, count: int) -> tuple[int, int]:
    words = line.split()
    if len(words) != 3 or words[0] != "publish" or not all(w.isdecimal() for w in words[1:]):
        raise SettingsError(f"the player was asked {line.strip()!r}, not 'publish FIRST END'")
    first, end = int(words[1]), int(words[2])
    return min(first, count), min(end, count)


def _say(answers: TextIO, line: str) -> None:
    answers.write(line + "\n")
    answers.flush()
