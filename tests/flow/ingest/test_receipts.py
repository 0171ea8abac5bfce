"""Receipts reach the device: after the commit, after a loss, after a restart of either."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from store import readings
from store.connection import Database
from tests.flow.gauge import TOPIC, WAIT_S, Device1, ingest, settled, stage, stored, until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker


def test_receipts_follow_the_commit_and_greet_a_device_that_comes_online(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    with ingest(broker, dsn):
        listening()
        for seq in (0, 1, 4):
            device.publish(stage(seq))
        expected = {"boot": 1, "through": 4, "missing": [[2, 3]], "window": 500}
        until(lambda: device.receipts.get(timeout=WAIT_S) == expected, "the receipt")
        device.publish(b'{"state":"online","boot":1}', TOPIC.replace("readings", "status"))
        assert device.receipts.get(timeout=WAIT_S) == expected
        # A repeat means that a receipt was lost: it is sent again.
        device.publish(stage(4))
        assert device.receipts.get(timeout=WAIT_S) == expected


@pytest.mark.promise("R1")
def test_what_a_device_has_lost_holds_up_no_receipt_also_after_a_restart(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    said = b'{"state":"online","boot":1,"gone":[[1,1,8],[0,0,40]]}'
    first = {"boot": 0, "through": 40, "missing": [], "window": 500}
    second = {"boot": 1, "through": 9, "missing": [], "window": 500}
    with ingest(broker, dsn):
        listening()
        device.publish(stage(0))
        device.publish(stage(9))
        device.publish(said, TOPIC.replace("readings", "status"))
        heard: list[dict[str, Any]] = []
        while first not in heard or second not in heard:
            heard.append(device.receipts.get(timeout=WAIT_S))
        device.publish(stage(5))
        until(lambda: stored(db) == [0, 5, 9], "the message that was thought lost")
    assert settled(db) == ((0, 0), (5, 5), (9, 9))
    assert readings.gone(db) == {(1, 0): ((0, 40),), (1, 1): ((1, 4), (6, 8))}
    with ingest(broker, dsn):
        until(lambda: device.receipts.get(timeout=WAIT_S) == second, "the receipt")


@pytest.mark.promise("R1")
def test_a_device_that_restarted_hears_receipts_of_both_boots_also_after_a_restart_of_ingest(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    old = {"boot": 7, "through": 2, "missing": [], "window": 500}
    new = {"boot": 8, "through": 3, "missing": [], "window": 500}

    def heard(*wanted: dict[str, Any]) -> None:
        said: list[dict[str, Any]] = []
        while not all(one in said for one in wanted):
            said.append(device.receipts.get(timeout=WAIT_S))

    with ingest(broker, dsn):
        listening()
        for boot, seq in ((7, 0), (8, 0), (7, 2), (8, 3), (7, 1), (8, 2), (8, 1)):
            device.publish(stage(seq, boot=boot))
        heard(old, new)
    assert readings.ledger(db) == {(1, 7): ((0, 2),), (1, 8): ((0, 3),)}
    with ingest(broker, dsn):
        heard(new)
        # It has not heard of the old boot, so it sends its messages again.
        device.publish(stage(2, boot=7))
        device.publish(b'{"state":"online","boot":8}', TOPIC.replace("readings", "status"))
        heard(old, new)
