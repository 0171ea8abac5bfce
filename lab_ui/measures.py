"""What the screens' server counts of itself (docs/operations.md explains each measure)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from lab_ui.hub import Hub
from records.telemetry import Telemetry


class Measures:
    def __init__(self, telemetry: Telemetry, hub: Hub) -> None:
        viewers = Gauge(
            "hoshyar_screens_viewers", "Open live connections", registry=telemetry.registry
        )
        viewers.set_function(lambda: hub.viewers)
        self._readings = Counter(
            "hoshyar_screens_readings",
            "Readings handed to the screens",
            registry=telemetry.registry,
        )

    def handed(self, readings: int) -> None:
        self._readings.inc(readings)
