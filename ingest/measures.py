"""What ingest counts of itself (docs/operations.md explains each measure)."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from ingest.arrivals import Arrival
from records.telemetry import Telemetry
from records.times import SECOND
from store.readings import Commit, Committed

_COMMIT_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
_SETTLE_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
_READINGS = (1, 10, 100, 1_000, 10_000, 100_000)


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
        self._broker = Gauge(
            "hoshyar_ingest_broker_sessions_connected",
            "Sessions at the broker that stand",
            registry=registry,
        )
        self._clock_s = Gauge(
            "hoshyar_ingest_clock_offset_seconds",
            "What a device's clock is slow by, where it is off by more than a minute",
            ["device"],
            registry=registry,
        )

    def committed(
        self,
        arrivals: Sequence[Arrival],
        work: Commit,
        done: Committed | None,
        spent_s: float,
        now_at: int,
    ) -> None:
        """A batch is settled at `now_at` (microseconds).

        `done` is what the store answered, None where there was nothing to store; `spent_s` is the
        time that it took.
        """
        self._messages.inc(len(arrivals))
        if arrivals:
            self._settle_s.observe(max(0.0, (now_at - arrivals[0].received_at) / SECOND))
        if done is None:
            return
        for outcome in ("stored", "repeated", "revised"):
            self._readings.labels(outcome).inc(getattr(done, outcome))
        self._late.inc(int(np.count_nonzero(work.readings.late)))
        for reason, count in Tally(bad.reason.value for bad in work.quarantined).items():
            self._quarantined.labels(reason).inc(count)
        self._commit_s.observe(spent_s)
        self._batch.observe(len(work.readings))

    def failed(self) -> None:
        self._failures.inc()

    def receipted(self) -> None:
        self._receipts.inc()

    def look(self, queue: int, sessions: int, offsets: Mapping[str, int]) -> None:
        """How it stands now: messages that wait, sessions at the broker that stand.

        offsets  what devices' clocks are slow by (microseconds), by id
        """
        self._queue.set(queue)
        self._broker.set(sessions)
        self._clock_s.clear()
        for device, offset in offsets.items():
            self._clock_s.labels(device).set(offset / SECOND)
