"""Receipts in words, and their way to the devices."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from ingest.intake import Intake
from ingest.lanes import Lanes
from ingest.measures import Measures
from ingest.receipts import DueReceipts, Key
from records.topics import device_topic
from store.readings import Commit


class Told(NamedTuple):
    """A receipt in words, for the device and boot of `key`; `device` is its id."""

    key: Key
    device: str
    topic: str
    payload: bytes


class Telling:
    """Who is due a receipt, as long as one session with the store holds."""

    def __init__(self, lanes: Lanes, measures: Measures) -> None:
        self._lanes, self._measures = lanes, measures
        self._due = DueReceipts()

    def add(self, keys: Iterable[Key]) -> None:
        """Something of theirs is settled."""
        self._due.add(keys)

    def note(self, intake: Intake, work: Commit) -> None:
        """After `Intake.take` gave this."""
        self._due.add(intake.touched())
        for status in work.statuses:
            if status.state == "online" and status.boot is not None:
                self._due.at_once((status.device, status.boot))

    def worded(self, intake: Intake, ids: Mapping[int, str]) -> list[Told]:
        """Receipts of those whose turn it is, from the ledger as `intake` has it now.

        To be said once all that it has taken is committed. `ids`: of devices, by number.
        """
        now_s, found = time.monotonic(), []
        for key in self._due.ready(now_s):
            receipt, id_ = intake.receipt(*key), ids.get(key[0])
            if receipt is None or id_ is None or self._lanes.live(id_) is None:
                self._due.sent(key, now_s)
                continue
            topic = device_topic(intake.registry.lab_of_device(id_), id_, "receipt")
            found.append(Told(key, id_, topic, msgspec.json.encode(receipt._asdict())))
        return found

    def say(self, receipts: Iterable[Told]) -> None:
        """Send them; who can't be reached is due again."""
        for told in receipts:
            live = self._lanes.live(told.device)
            if live is not None:
                if not live.publish(told.topic, told.payload):
                    continue
                self._measures.receipted()
            self._due.sent(told.key, time.monotonic())
