"""The MQTT channel: a receipt is the broker's own acknowledgement."""

from __future__ import annotations

from alerts.delivery import NotDelivered
from ingest.publisher import NotPublished, Publisher
from records.settings import Settings
from store.outbox import Message

_CLIENT_ID = "hoshyar-alerts"
_TIMEOUT_S = 5.0


class MqttChannel:
    """Publishes at QoS 1, retained where the message replaces what was said before."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError for a broker that can't be meant."""
        self._publisher = Publisher(settings, _CLIENT_ID, _TIMEOUT_S)

    def connections(self) -> int:
        return self._publisher.connections

    def send(self, message: Message) -> str:
        try:
            self._publisher.publish(message.topic, message.payload, message.retain)
        except NotPublished as error:
            raise NotDelivered(str(error)) from error
        return "acknowledged by the broker"
