"""Kills, a store that is away and one that is slow: nothing is lost, doubled or held up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from ingest.service import Service
from records.errors import StoreUnavailable
from records.settings import Settings
from store import quarantine, readings
from store.connection import Database
from store.readings import Commit, Committed
from tests.flow.gauge import WAIT_S, Device1, environment, ingest, settled, stage, stored, until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker


@pytest.mark.promise("R2")
def test_a_death_between_commit_and_acknowledgement_makes_no_doubles(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    class Death(BaseException):
        pass

    def commit_and_die(database: Database, work: Commit) -> Committed:
        readings.commit(database, work)
        raise Death

    stop = threading.Event()
    settings = Settings.read(environment(broker, dsn))
    first = Service(settings, stop, commit=commit_and_die)
    deaths: list[type[BaseException]] = []

    def run() -> None:
        try:
            first.run()
        except Death as death:
            deaths.append(type(death))

    thread = threading.Thread(target=run)
    thread.start()
    listening()
    device.publish(stage(0))
    device.publish(b"junk")
    thread.join(WAIT_S)
    assert deaths == [Death]

    commits: list[Commit] = []

    def commit(database: Database, work: Commit) -> Committed:
        commits.append(work)
        return readings.commit(database, work)

    with ingest(broker, dsn, commit):
        device.publish(stage(1))
        until(lambda: 1 in stored(db), "the next message")
    assert stored(db) == [0, 1]
    assert [entry.payload for entry in quarantine.entries(db)] == [b"junk"]
    # What was committed came again (the broker had no acknowledgement) and was recognised.
    assert sum(len(work.readings) for work in commits) == 1


@pytest.mark.promise("R1")
def test_nothing_is_acknowledged_while_the_store_is_away(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    tries: list[int] = []

    def away(database: Database, work: Commit) -> Committed:
        tries.append(len(work.readings))
        raise StoreUnavailable("the disk is full")

    with ingest(broker, dsn, away):
        listening()
        for seq in range(5):
            device.publish(stage(seq))
        until(lambda: len(tries) >= 2, "a second try")
        assert device.receipts.empty()
    assert stored(db) == []
    with ingest(broker, dsn):
        until(lambda: len(stored(db)) == 5, "what was not acknowledged")
    assert settled(db) == ((0, 4),)


@pytest.mark.promise("R2")
@pytest.mark.promise("R1")
def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    command = [sys.executable, "-m", "ingest"]
    child = subprocess.Popen(command, env={**os.environ, **environment(broker, dsn)})
    try:
        listening()
        for seq in range(1200):
            device.publish(stage(seq))
            if seq % 400 == 399:
                child.kill()
                child.wait()
                child = subprocess.Popen(command, env={**os.environ, **environment(broker, dsn)})
        until(lambda: settled(db) == ((0, 1199),), "all messages")
        child.terminate()
        assert child.wait(WAIT_S) == 0
    finally:
        child.kill()
        child.wait()
    assert stored(db) == list(range(1200))


SLOW_PER_S = 400
SLOW_MESSAGES = 3_000


@pytest.mark.promise("R8")
def test_behind_a_slow_store_receipts_and_live_readings_go_on(
    broker: RunningBroker, dsn: str, device: Device1, listening: Callable[[], None]
) -> None:
    sizes: list[int] = []

    def commit(db: Database, work: Commit) -> Committed:
        sizes.append(len(work.readings))
        time.sleep(sizes[-1] / SLOW_PER_S)
        return readings.commit(db, work)

    with ingest(broker, dsn, commit):
        listening()
        for seq in range(SLOW_MESSAGES - 1):
            device.send(stage(seq))
        device.publish(stage(SLOW_MESSAGES - 1))
        heard = [-1]
        while heard[-1] < SLOW_MESSAGES - 1:
            heard.append(device.receipts.get(timeout=WAIT_S)["through"])
    # A quarter of a second's worth is wanted, more where the machine itself is slow; all that
    # waits would be seven seconds' worth.
    assert max(sizes) < SLOW_MESSAGES / 2
    # A device is told once in a second at most: some seven times, and of as much each time.
    assert max(after - before for before, after in pairwise(heard)) < SLOW_MESSAGES / 2
