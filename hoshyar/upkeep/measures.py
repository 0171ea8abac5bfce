"""What upkeep counts of itself (docs/operations.md explains each measure)."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from records.telemetry import Telemetry

_TURN_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class Measures:
    def __init__(self, telemetry: Telemetry) -> None:
        self._turn_s = Histogram(
            "hoshyar_upkeep_turn_seconds",
            "Time of one turn of a task",
            ["task"],
            buckets=_TURN_S,
            registry=telemetry.registry,
        )
        self._failures = Counter(
            "hoshyar_upkeep_failures",
            "Turns that failed, by task; each is tried again",
            ["task"],
            registry=telemetry.registry,
        )

    def done(self, task: str, spent_s: float) -> None:
        self._turn_s.labels(task).observe(spent_s)

    def failed(self, task: str) -> None:
        self._failures.labels(task).inc()
