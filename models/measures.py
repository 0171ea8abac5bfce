"""What the models stage counts of itself (docs/operations.md explains each measure)."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from records.statements import HazardWarning
from records.telemetry import Telemetry
from records.times import SECOND

_STEP_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Measures:
    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self._readings = Counter("hoshyar_models_readings", "Readings followed", registry=registry)
        self._warnings = Counter(
            "hoshyar_models_warnings",
            "Changes of a source's level, by hazard and new level",
            ["hazard", "level"],
            registry=registry,
        )
        self._step_s = Histogram(
            "hoshyar_models_step_seconds",
            "Time from reading the next batches to their warnings",
            buckets=_STEP_S,
            registry=registry,
        )
        self._lag_s = Gauge(
            "hoshyar_models_lag_seconds",
            "How far what is decided lies behind the clock",
            registry=registry,
        )

    def decided(self, readings: int, warnings: Sequence[HazardWarning], spent_s: float) -> None:
        """One step is done."""
        self._readings.inc(readings)
        for warning in warnings:
            self._warnings.labels(warning.hazard.value, warning.level.word).inc()
        self._step_s.observe(spent_s)

    def reached(self, through_at: int, now_at: int) -> None:
        """Everything up to `through_at` is decided (microseconds)."""
        self._lag_s.set(max(0.0, (now_at - through_at) / SECOND))
