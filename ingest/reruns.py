"""Messages out of quarantine through the same core as live ones, each judged for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ingest.arrivals import Arrival
from ingest.intake import KEPT_OF_TOO_LARGE_BYTES, Intake
from records.errors import Reason
from records.readings import ReadingBatch, concatenate
from store.quarantine import Entry
from store.readings import Commit, Quarantined
from store.registry import Registry
from store.reruns import WORKER, Outcome


def is_whole(entry: Entry) -> bool:
    """False where only the beginning of a message that was too large is kept."""
    return entry.reason is not Reason.TOO_LARGE or len(entry.payload) != KEPT_OF_TOO_LARGE_BYTES


def again(
    registry: Registry,
    newest: ReadingBatch,
    entries: Sequence[Entry],
    now_at: int,
    max_payload_bytes: int,
) -> Outcome:
    """What becomes of whole entries under this registry.

    They are stored now, so all of them are late, whatever their age was on arrival: a rerun raises
    no live warning. `newest` are the last rows of every series, for the checks.
    """
    intake = Intake(registry, worker=WORKER, max_payload_bytes=max_payload_bytes)
    intake.resume({}, newest)
    done: list[Commit] = []
    mended: list[int] = []
    failed: list[tuple[int, Quarantined]] = []
    # By arrival, so that the checks see the rows as they came.
    for entry in sorted(entries, key=lambda entry: (entry.received_at, entry.number)):
        # What the ledger and the hashes know of it is that it is here.
        intake.forget()
        one = intake.take([Arrival(entry.topic, entry.payload, entry.received_at)])
        if one.quarantined:
            failed.append((entry.number, one.quarantined[0]))
        else:
            mended.append(entry.number)
            done.append(one)
    return Outcome(_together(done, now_at), tuple(mended), tuple(failed))


def _together(done: Sequence[Commit], now_at: int) -> Commit:
    readings = concatenate([one.readings for one in done])
    return Commit(
        worker=WORKER,
        received_at=now_at,
        decoder=done[-1].decoder if done else "",
        rules=done[-1].rules if done else "",
        readings=replace(readings, late=np.ones(len(readings), np.bool_)),
        statuses=tuple(status for one in done for status in one.statuses),
        waveforms=tuple(replace(one, late=True) for each in done for one in each.waveforms),
    )
