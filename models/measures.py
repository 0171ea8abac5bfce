"""What the models stage counts of itself (docs/operations.md explains each measure)."""

from __future__ import annotations

import math
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
        self._refused = Gauge(
            "hoshyar_models_refused",
            "Trained models that should run and are refused",
            registry=registry,
        )
        self._coverage = Gauge(
            "hoshyar_models_coverage",
            "Share of the rows of the last days that a trained model could score",
            ["model"],
            registry=registry,
        )
        self._drift = Gauge(
            "hoshyar_models_drift",
            "How far the scores of the last days lie from those of the training (stability index)",
            ["model"],
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

    def refused(self, count: int) -> None:
        """So many trained models could not be opened."""
        self._refused.set(count)

    def watched(self, model: str, coverage: float, drift: float | None) -> None:
        """What a trained model did in the last days; `drift` None: too few scores to say."""
        self._coverage.labels(model).set(coverage)
        self._drift.labels(model).set(math.nan if drift is None else drift)

    def reached(self, through_at: int, now_at: int) -> None:
        """Everything up to `through_at` is decided (microseconds)."""
        self._lag_s.set(max(0.0, (now_at - through_at) / SECOND))
