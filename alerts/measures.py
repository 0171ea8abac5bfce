"""What the alerts stage counts of itself (docs/operations.md explains each measure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import Counter, Gauge

from records.statements import AlertChange
from records.telemetry import Telemetry


class Measures:
    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self._changes = Counter(
            "hoshyar_alerts_changes",
            "Changes of incidents, by hazard, new level and CAP status",
            ["hazard", "level", "status"],
            registry=registry,
        )
        self._undelivered = Gauge(
            "hoshyar_alerts_undelivered_messages",
            "Messages that a channel has not taken yet",
            ["channel"],
            registry=registry,
        )

    def changed(self, changes: Sequence[AlertChange]) -> None:
        for change in changes:
            self._changes.labels(change.hazard.value, change.level.word, change.status.value).inc()

    def waiting(self, undelivered: Mapping[str, int]) -> None:
        """How many messages wait, by channel."""
        for channel, count in undelivered.items():
            self._undelivered.labels(channel).set(count)
