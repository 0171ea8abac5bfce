"""What ingest counts of itself (docs/operations.md explains each measure)."""

from __future__ import annotations

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from ingest.inbox import Pending
from records.telemetry import Telemetry
from records.times import SECOND
from store.readings import Commit, Committed

_COMMIT_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
_SETTLE_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
_READINGS = (1, 10, 100, 1_000, 10_000, 100_000)
# Of a device's clock only what a person would look at has a line of its own.
_WRONG_S = 60.0


class Measures:
    """Counted once a batch, never once a reading."""

    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self._readings = Counter(
            "hoshyar_ingest_readings",
            "Readings of committed batches, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self._late = Counter(
            "hoshyar_ingest_readings_late", "Readings that came as backlog", registry=registry
        )
        self._messages = Counter(
            "hoshyar_ingest_messages", "Messages settled and acknowledged", registry=registry
        )
        self._quarantined = Counter(
            "hoshyar_ingest_quarantined",
            "Messages put into quarantine, by reason",
            ["reason"],
            registry=registry,
        )
        self._receipts = Counter(
            "hoshyar_ingest_receipts", "Receipts sent to devices", registry=registry
        )
        self._failures = Counter(
            "hoshyar_ingest_commit_failures",
            "Commits that the store could not take; each is tried again",
            registry=registry,
        )
        self._commit_s = Histogram(
            "hoshyar_ingest_commit_seconds",
            "Time a commit took",
            buckets=_COMMIT_S,
            registry=registry,
        )
        self._settle_s = Histogram(
            "hoshyar_ingest_settle_seconds",
            "From the arrival of a batch's first message to its commit",
            buckets=_SETTLE_S,
            registry=registry,
        )
        self._batch = Histogram(
            "hoshyar_ingest_batch_readings",
            "Readings in a batch",
            buckets=_READINGS,
            registry=registry,
        )
        self._queue = Gauge(
            "hoshyar_ingest_queue_messages",
            "Messages that are here and not committed yet",
            registry=registry,
        )
        self._store = Gauge(
            "hoshyar_ingest_store_connected", "1 while the store answers", registry=registry
        )
        self._broker = Gauge(
            "hoshyar_ingest_broker_sessions_connected",
            "Sessions at the broker that stand",
            registry=registry,
        )

    def committed(self, pending: Pending, work: Commit, done: object, spent_s: float) -> None:
        """A batch is stored; `done` is what the store answered, `spent_s` what it took."""
        if isinstance(done, Committed):
            for outcome in ("stored", "repeated", "revised"):
                self._readings.labels(outcome).inc(getattr(done, outcome))
        self._late.inc(int(np.count_nonzero(work.readings.late)))
        for bad in work.quarantined:
            self._quarantined.labels(bad.reason.value).inc()
        self._messages.inc(len(pending.arrivals))
        self._commit_s.observe(spent_s)
        self._batch.observe(len(work.readings))

    def settled(self, first_at: int, now_at: int) -> None:
        """The batch whose first message arrived at `first_at` is committed (microseconds)."""
        self._settle_s.observe(max(0.0, (now_at - first_at) / SECOND))

    def failed(self) -> None:
        self._failures.inc()

    def receipted(self) -> None:
        self._receipts.inc()

    def look(self, queue: int, *, store: bool, sessions: int) -> None:
        """How it stands now: messages waiting, the store, sessions at the broker."""
        self._queue.set(queue)
        self._store.set(store)
        self._broker.set(sessions)
