"""Bad input ends in quarantine and holds up nothing; what the registry knows may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from records.errors import Reason
from records.network import Device, Series
from records.times import DAY, SECOND
from store import quarantine, readings, registry
from store.connection import Database
from tests.flow.gauge import NOW, TOPIC, Device1, ingest, stage, stored, until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

YEAR_S = 365 * 86_400
BAD: dict[str, tuple[bytes, str, Reason]] = {
    "bytes that are no SenML": (b"\x07\xff\x00", TOPIC, Reason.UNDECODABLE),
    "an unknown device": (stage(), TOPIC.replace("gauge-1", "gauge-9"), Reason.UNKNOWN_DEVICE),
    "an unknown quantity": (stage(n="mood"), TOPIC, Reason.UNKNOWN_QUANTITY),
    "a wrong unit": (stage(u="Cel"), TOPIC, Reason.WRONG_UNIT),
    "NaN": (stage(value=float("nan")), TOPIC, Reason.NOT_FINITE),
    "1e400": (stage().replace(b"1.5", b"1e400"), TOPIC, Reason.NOT_FINITE),
    "a time in 1970": (stage(t=86_400), TOPIC, Reason.IMPOSSIBLE_TIME),
    "a time next year": (stage(t=NOW / SECOND + YEAR_S), TOPIC, Reason.IMPOSSIBLE_TIME),
    "another lab's topic": (stage(), TOPIC.replace("north", "south"), Reason.WRONG_LAB),
    "10 MB": (b"[" * 10_000_000, TOPIC, Reason.TOO_LARGE),
    "an empty payload": (b"", TOPIC, Reason.EMPTY_PAYLOAD),
    "a topic of two words": (stage(), "hoshyar/readings", Reason.BAD_TOPIC),
    "a topic of three words": (stage(), "hoshyar/v1/north", Reason.BAD_TOPIC),
    "a topic of four words": (stage(), "hoshyar/v1/north/gauge-1", Reason.BAD_TOPIC),
    "a topic of six words": (stage(), TOPIC + "/more", Reason.BAD_TOPIC),
    "a topic of eight words": (stage(), TOPIC + "/a/b/c", Reason.BAD_TOPIC),
    "an unknown version": (stage(), TOPIC.replace("v1", "v7"), Reason.BAD_TOPIC),
    "an unknown channel": (stage(), TOPIC.replace("readings", "moods"), Reason.BAD_TOPIC),
    "a device that is no slug": (stage(), TOPIC.replace("gauge-1", "G 1"), Reason.BAD_TOPIC),
    "a backlog that is no SenML": (
        b"{}", TOPIC.replace("readings", "backlog"), Reason.UNDECODABLE),
    "a status that is none": (b"[]", TOPIC.replace("readings", "status"), Reason.UNDECODABLE),
    "a relative time without sequence": (stage(t=-1), TOPIC, Reason.RELATIVE_TIME),
    "a negative sequence": (stage(boot=1, seq=-1), TOPIC, Reason.BAD_SEQUENCE),
}  # fmt: skip


@pytest.mark.promise("R3")
def test_every_bad_message_is_quarantined_once_and_the_next_good_one_is_stored(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    with ingest(broker, dsn):
        listening()
        for seq, (payload, topic, _) in enumerate(BAD.values()):
            device.publish(payload, topic)
            device.publish(stage(seq))
        until(lambda: len(stored(db)) == len(BAD), "the good messages")
        until(lambda: len(quarantine.entries(db)) == len(BAD), "the bad messages")
    found = {(entry.topic, entry.payload[:4096], entry.reason) for entry in quarantine.entries(db)}
    assert found == {(topic, payload[:4096], reason) for payload, topic, reason in BAD.values()}
    assert stored(db) == list(range(len(BAD)))

    # They were acknowledged: nothing comes again to the next process.
    with ingest(broker, dsn):
        device.publish(stage(len(BAD)))
        until(lambda: len(stored(db)) == len(BAD) + 1, "the last message")
    assert len(quarantine.entries(db)) == len(BAD)


def test_a_changed_registry_is_taken_up_while_running(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    with ingest(broker, dsn):
        listening()
        registry.add_device(
            db,
            Device(id="gauge-2", station="bank"),
            [Series(id="s2", station="bank", device="gauge-2", quantity="stage", unit="m")],
        )

        number = registry.load(db).series_number["s2"]

        def taken_up() -> bool:
            device.publish(stage(), TOPIC.replace("gauge-1", "gauge-2"))
            return bool(len(readings.between(db, [number], NOW - DAY, NOW + DAY)))

        until(taken_up, "the new device's reading")
