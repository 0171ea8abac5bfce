"""What is read and taken while a commit is under way is promised nobody, and lost with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from ingest import inbox
from ingest.arrivals import Arrival
from ingest.intake import Intake
from records.errors import StoreUnavailable
from store import readings
from store.connection import Database
from store.readings import Commit, Committed
from tests.flow.gauge import TOPIC, WAIT_S, Device1, ingest, settled, stage, stored, until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

MESSAGES = 60
FIRST_LIVE = 100
MOST_LIVE = 30


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Commit]:
    """What ingest has taken in so far, a few messages at a time."""
    found: list[Commit] = []
    honest = Intake.take

    def take(self: Intake, arrivals: Sequence[Arrival]) -> Commit:
        found.append(honest(self, arrivals))
        return found[-1]

    monkeypatch.setattr(Intake, "take", take)
    monkeypatch.setattr(inbox, "SMALLEST_BYTES", 512)
    return found


@pytest.mark.promise("R1")
@pytest.mark.promise("R2")
def test_a_commit_that_fails_takes_along_what_was_taken_beside_it(
    broker: RunningBroker,
    dsn: str,
    db: Database,
    device: Device1,
    listening: Callable[[], None],
    taken: list[Commit],
) -> None:
    failed: list[Commit] = []

    def commit(database: Database, work: Commit) -> Committed:
        if not failed:
            until(lambda: taken[-1] is not work, "something taken beside the commit")
            failed.append(work)
            raise StoreUnavailable("the connection is cut")
        return readings.commit(database, work)

    with ingest(broker, dsn, commit):
        listening()
        for seq in range(MESSAGES):
            device.publish(stage(seq))
        until(lambda: settled(db) == ((0, MESSAGES - 1),), "all messages")
    assert stored(db) == list(range(MESSAGES))


@pytest.mark.promise("R1")
def test_a_receipt_leaves_out_what_was_taken_beside_the_commit(
    broker: RunningBroker,
    dsn: str,
    device: Device1,
    listening: Callable[[], None],
    taken: list[Commit],
) -> None:
    begun: list[Commit] = []
    heard = threading.Event()

    def commit(database: Database, work: Commit) -> Committed:
        begun.append(work)
        if len(begun) == 1:
            until(lambda: taken[-1] is not work, "something taken beside the commit")
        else:
            assert heard.wait(WAIT_S)
        return readings.commit(database, work)

    with ingest(broker, dsn, commit):
        listening()
        for seq in range(MESSAGES):
            device.publish(stage(seq))
        receipt = device.receipts.get(timeout=WAIT_S)
        heard.set()
        assert receipt["through"] == begun[0].settled[0].ranges[-1][1]
        until(lambda: device.receipts.get(timeout=WAIT_S)["through"] == MESSAGES - 1, "the receipt")


@pytest.mark.promise("R8")
def test_a_small_backlog_is_stored_beside_a_steady_live_stream(
    broker: RunningBroker,
    dsn: str,
    db: Database,
    device: Device1,
    listening: Callable[[], None],
) -> None:
    backlog = TOPIC.replace("readings", "backlog")
    works: list[str] = []

    def commit(database: Database, work: Commit) -> Committed:
        works.append("late" if work.settled[0].ranges[0][0] < FIRST_LIVE else "live")
        if "late" not in works and len(works) < MOST_LIVE:
            if len(works) == 1:
                device.publish(stage(0), backlog)
            # Somebody always waits when a live batch has been stored.
            device.publish(stage(FIRST_LIVE + len(works)))
            time.sleep(0.05)
        return readings.commit(database, work)

    with ingest(broker, dsn, commit):
        listening()
        device.publish(stage(FIRST_LIVE))
        until(lambda: "late" in works, "the backlog")
    assert len(works) < MOST_LIVE
