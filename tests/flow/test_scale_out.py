"""Several ingest workers share the devices, while workers come, go, die and hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.checks import Checks
from ingest.limits import LimitTable
from ingest.shards import SHARDS
from records.clock import WallClock
from records.foreign import Feed, Reading, Time
from records.network import Device, Network, Series
from records.readings import concatenate
from records.times import DAY, SECOND
from store import foreign, leases, quarantine, readings, registry, stages
from store.connection import Database, connect
from tests.databases import as_stage

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

from tests.flow.field import NETWORK, PLAIN, WAIT_S, Field, Following, Made

# As the stage itself, but for its patience with one that hangs.
WORKER = (
    "import os, sys; from ingest import shards; shards.HUNG_S = 2.0;"
    "from ingest.__main__ import main; sys.exit(main(os.environ))"
)


class Workers:
    """Ingest workers as processes, by number."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, *numbers: int) -> None:
        for number in numbers:
            variables = {**os.environ, **self._environment, "HOSHYAR_WORKER": str(number)}
            self._running[number] = subprocess.Popen([sys.executable, "-c", WORKER], env=variables)

    def send(self, number: int, what: signal.Signals) -> None:
        self._running[number].send_signal(what)

    def end(self, number: int, what: signal.Signals) -> int:
        self.send(number, what)
        return self._running.pop(number).wait(WAIT_S)

    def end_all(self) -> None:
        for number in list(self._running):
            self.send(number, signal.SIGCONT)
            self.end(number, signal.SIGKILL)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK)
        yield database


@pytest.fixture
def workers(broker: RunningBroker, dsn: str) -> Iterator[Workers]:
    found = Workers({"HOSHYAR_BROKER": str(broker.address), "HOSHYAR_DSN": as_stage(dsn, "ingest")})
    yield found
    found.end_all()


@pytest.fixture
def field(broker: RunningBroker, tmp_path: Path) -> Iterator[Field]:
    found = Field(broker, tmp_path)
    yield found
    found.ending.set()
    if found.ident:
        found.join(WAIT_S)


@pytest.mark.promise("R1")
@pytest.mark.promise("R2")
def test_workers_that_come_go_die_and_hang_lose_double_and_skip_nothing(
    db: Database, workers: Workers, field: Field
) -> None:
    following = Following(db)

    def until(true: Callable[[], Any], what: str) -> None:
        until_s = time.monotonic() + WAIT_S
        while not true():
            following.look()
            assert time.monotonic() < until_s, f"{what} did not come about"
            time.sleep(0.05)

    def shared(*counts: int) -> Callable[[], bool]:
        def is_so() -> bool:
            owned = list(leases.standing(db).owners.values())
            return sorted(owned.count(worker) for worker in set(owned)) == sorted(counts)

        return is_so

    def flowing() -> None:
        """Until every device has something stored that was measured from now on."""
        since = max(field.made[PLAIN[0]], default=0)
        until(
            lambda: (
                len(newest := readings.newest(db)) == len(NETWORK.series)
                and min(newest.values()) > since
            ),
            "readings of every device",
        )

    workers.start(1, 2)
    until(shared(SHARDS // 2, SHARDS // 2), "two workers")
    # Until then a broker has nobody to keep the messages of devices without sequence for.
    until(lambda: states(db) == {"running"}, "subscriptions")
    field.measuring.set()
    field.start()
    flowing()
    workers.end(1, signal.SIGKILL)
    until(shared(SHARDS), "a heir")
    flowing()
    workers.start(1, 3)
    until(shared(6, 5, 5), "three workers")
    flowing()
    workers.send(2, signal.SIGSTOP)
    until(lambda: 2 not in leases.standing(db).owners.values(), "an end of who hangs")
    until(shared(8, 8), "heirs of who hangs")
    flowing()
    workers.send(2, signal.SIGCONT)
    until(shared(6, 5, 5), "three workers again")
    flowing()
    assert workers.end(3, signal.SIGTERM) == 0
    until(shared(8, 8), "heirs of who left")
    flowing()
    field.measuring.clear()
    until(lambda: field.held == 0, "receipts for everything")
    until(lambda: stored(db) == field.made, "all readings")

    assert quarantine.entries(db) == []
    following.look()
    assert following.numbers == {
        worker: list(range(1, numbers[-1] + 1)) for worker, numbers in following.numbers.items()
    }
    assert sorted(following.numbers) == [1, 2, 3]
    rows = concatenate(following.batches)
    seen = list(zip(rows.series.tolist(), rows.measured_at.tolist(), strict=True))
    assert len(seen) == len(set(seen)) == sum(map(len, field.made.values()))
    unlike = unlike_one_worker(db)
    assert unlike == []


def states(db: Database) -> set[str]:
    return {stage.state for stage in stages.all(db)}


def stored(db: Database) -> Made:
    known = registry.load(db)
    now = WallClock().now()
    found: Made = {}
    for id_, number in known.series_number.items():
        rows = readings.between(db, [number], now - DAY, now + DAY)
        found[id_] = dict(zip(rows.measured_at.tolist(), rows.value.tolist(), strict=True))
    return found


def unlike_one_worker(db: Database) -> list[tuple[str, int]]:
    """Rows whose flag or checks one worker alone would have set otherwise."""
    known = registry.load(db)
    numbers = {series.id: known.series_number[series.id] for series in known.network.series}
    table = LimitTable.of([(numbers[s.id], s) for s in known.network.series])
    now = WallClock().now()
    found = []
    for id_, number in numbers.items():
        rows = readings.between(db, [number], now - DAY, now + DAY).by_arrival()
        verdict = Checks(table).flag(rows, np.arange(len(rows), dtype=np.int64))
        same = (verdict.flag == rows.flag) & (verdict.checks == rows.checks)
        found += [(id_, int(place)) for place in np.flatnonzero(~same)]
    return found


BOTH = [f"both-{number}" for number in range(8)]
TWICE = Network(
    lab=NETWORK.lab,
    station=NETWORK.station,
    device=tuple(Device(id=device, station="bank") for device in BOTH),
    series=tuple(
        Series(id=device, station="bank", device=device, quantity="stage", unit="m")
        for device in BOTH
    ),
)
FIELDS = (Reading(field="cm", quantity="stage", unit="cm"),)
NAMED = Feed(
    name="farm", topic="farm/{device}/up", format="flat-json", readings=FIELDS,
    time=Time(field="t", form="epoch-s"), boot="boot", seq="seq",
)  # fmt: skip
LISTED = Feed(
    name="loggers", topic="loggers/out", format="flat-json", readings=FIELDS, device_field="id",
    devices={f"L-{device}": device for device in BOTH[::2]},
    time=Time(field="t", form="epoch-s"), boot="boot", seq="seq",
)  # fmt: skip


@pytest.mark.promise("R1")
def test_a_device_that_is_native_and_foreign_has_one_owner_among_several_workers(
    db: Database, workers: Workers, broker: RunningBroker
) -> None:
    registry.enrol(db, TWICE)
    foreign.save(db, [NAMED, LISTED])
    receipts: dict[str, dict[str, Any]] = {}

    def heard(_: object, __: object, message: mqtt.MQTTMessage) -> None:
        receipts[message.topic.split("/")[3]] = json.loads(message.payload)

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = heard
    client.connect(broker.address.host, broker.address.port)
    client.subscribe("hoshyar/v1/north/+/receipt", 1)
    client.loop_start()

    def until(true: Callable[[], Any], what: str) -> None:
        until_s = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < until_s, f"{what} did not come about"
            time.sleep(0.05)

    workers.start(1, 2)
    even = [1] * (SHARDS // 2) + [2] * (SHARDS // 2)
    until(lambda: sorted(leases.standing(db).owners.values()) == even, "two workers")
    until(lambda: states(db) == {"running"}, "subscriptions")
    begin = WallClock().now() // SECOND
    for seq in range(30):
        for device in BOTH:
            ways = ["native", "named"] + (["listed"] if device in BOTH[::2] else [])
            flat = {"t": begin + seq, "cm": seq, "boot": 1, "seq": seq}
            senml = [{"n": "stage", "u": "cm", "v": seq, **flat}]
            topic, said = {
                "native": (f"hoshyar/v1/north/{device}/readings", senml),
                "named": (f"farm/{device}/up", flat),
                "listed": ("loggers/out", {"id": f"L-{device}", **flat}),
            }[ways[seq % len(ways)]]
            client.publish(topic, json.dumps(said), qos=1).wait_for_publish(WAIT_S)

    def settled() -> bool:
        return all(
            receipts.get(device, {}).get("through") == 29 and not receipts[device]["missing"]
            for device in BOTH
        )

    until(settled, "receipts for everything that each device said")
    assert quarantine.entries(db) == []
    found = db.run(
        "SELECT s.id, count(*), count(DISTINCT r.worker) FROM reading r"
        " JOIN series s ON s.number = r.series WHERE s.id LIKE 'both-%' GROUP BY s.id ORDER BY 1"
    )
    assert found == [(device, 30, 1) for device in BOTH]
    assert len({row[0] for row in db.run("SELECT DISTINCT worker FROM reading")}) == 2
    client.disconnect()
    client.loop_stop()
