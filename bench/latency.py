"""P2: from a live message's publication until another connection to the database sees its reading.

Measured three times on each broker: with nothing else to do, while a backlog of new series drains
through the same broker and the same ingest, and while one drains whose series have newer readings,
so that each of its rows is compared with what is stored. Beside it, of the same messages: until a
plain subscriber has them. All live messages are sent while the backlog drains. A reading's time is
the moment before it was published, so the row itself says when that was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import msgspec
import numpy as np
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.child import started
from bench.ingest import table
from bench.publisher import payload
from bench.runs import LEAD_BYTES, WAIT_S, allow
from bench.servers import KINDS, LIVE_DEVICE, broker, database
from records.ports import free_port
from records.readings import ReadingBatch
from records.times import SECOND
from store import readings, stages
from store.connection import Database, connect
from store.embedded import EmbeddedServer
from store.figures import figures
from store.follow import batches_after, positions
from store.readings import Commit
from store.registry import load

TOPIC = f"hoshyar/v1/bench/{LIVE_DEVICE}/readings"
EVERY_S = 0.01
QUIET_S = 5.0
A_MESSAGE = 50
AGE_S = 10 * 86_400.0
BACKLOG = 1_000_000


class Live:
    """Publishes a reading every 10 ms, and notes when a plain subscriber had each."""

    def __init__(self, port: int) -> None:
        self.sent_s: list[float] = []
        self.heard_s: list[float] = []
        self._stop = threading.Event()
        self._subscribed = threading.Event()
        self._sender = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-live")
        self._hearer = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-plain")
        self._hearer.on_message = self._heard
        self._hearer.on_subscribe = lambda *_: self._subscribed.set()
        for client in (self._sender, self._hearer):
            client.connect("127.0.0.1", port)
            client.loop_start()
        self._hearer.subscribe(TOPIC, 1)
        self._subscribed.wait(WAIT_S)
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def close(self) -> None:
        self.stop()
        for client in (self._sender, self._hearer):
            client.disconnect()
            client.loop_stop()

    def _heard(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        now_s = time.time()
        self.heard_s.append(now_s - float(json.loads(message.payload)[0]["t"]))

    def _send(self) -> None:
        boot = int(time.time())
        while not self._stop.wait(EVERY_S):
            at_s = round(time.time(), 6)
            labels = {"boot": boot, "seq": len(self.sent_s)}
            said = [{"n": "p0:vibration", "t": at_s, "v": 0.4} | labels]
            self.sent_s.append(at_s)
            self._sender.publish(TOPIC, json.dumps(said), qos=1)


class Watcher:
    """Another connection: notes when each live reading was there to be read."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._series = load(db).series_number[f"{LIVE_DEVICE}-0"]
        self._after = positions(db)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.seen_s: list[float] = []
        db.listen("batch")
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        """Wait a little for a commit, and read what is new."""
        while not self._stop.is_set():
            self._db.wait(0.05)
            for batch in batches_after(self._db, self._after):
                now_s = time.time()
                self._after[batch.worker] = batch.number
                own = batch.readings.measured_at[batch.readings.series == self._series]
                self.seen_s += (now_s - own / SECOND).tolist()


def measure(dsn: str, port: int, backlog: int, *, older: bool) -> tuple[Live, Watcher, float]:
    """Live messages until the backlog (readings; 0: for some seconds) is stored; and seconds."""
    environment = {"HOSHYAR_DSN": dsn, "HOSHYAR_BROKER": f"mqtt://127.0.0.1:{port}"}
    with ExitStack() as stack:
        db, other = (stack.enter_context(connect(dsn, stage="bench")) for _ in range(2))
        if older:
            store_newer(db)
        stack.enter_context(started("ingest", **environment))
        sender = stack.enter_context(ready_to_send(port, backlog // A_MESSAGE)) if backlog else None
        while [s.state for s in stages.all(db)] != ["running"]:
            time.sleep(0.05)
        before = figures(db, 0).readings_stored
        watcher, live = Watcher(other), Live(port)
        stack.callback(watcher.close)
        stack.callback(live.close)
        began_s = time.monotonic()
        if sender is None:
            time.sleep(QUIET_S)
        else:
            drain(sender, db, before, backlog // A_MESSAGE, watcher)
        spent_s = time.monotonic() - began_s
        live.stop()
        while len(watcher.seen_s) < len(live.sent_s):
            time.sleep(0.05)
            if time.monotonic() - began_s > WAIT_S:
                raise SystemExit("bench: live readings are not stored")
        return live, watcher, spent_s


def store_newer(db: Database) -> None:
    """A reading of this moment for each series, so that a backlog is older than what is stored."""
    numbers = np.array(sorted(load(db).series_number.values()), np.int32)
    now = np.full(len(numbers), int(time.time() * SECOND), np.int64)
    newest = ReadingBatch(
        series=numbers,
        measured_at=now,
        received_at=now,
        value=np.full(len(numbers), 0.4),
        flag=np.ones(len(numbers), np.uint8),
        checks=np.zeros(len(numbers), np.uint16),
        late=np.zeros(len(numbers), np.bool_),
    )
    readings.commit(db, Commit(1, int(now[0]), "bench", "bench", newest))


@contextmanager
def ready_to_send(port: int, messages: int) -> Iterator[Popen[str]]:
    """A publisher of a backlog whose packets are made: nobody's live readings wait for that."""
    arguments = ("127.0.0.1", str(port), str(messages), str(A_MESSAGE), "backlog", str(AGE_S))
    with started("bench.publisher", *arguments) as sender:
        assert sender.stdout
        sender.stdout.readline()
        yield sender


def drain(sender: Popen[str], db: Database, before: int, messages: int, watcher: Watcher) -> None:
    """Let it send, no more ahead of ingest than the broker's queue holds, until all is stored.

    `before` readings were stored already. Live ones that nobody has seen yet count as backlog, so
    this ends a message or two early.
    """
    assert sender.stdin
    lead = LEAD_BYTES // len(payload(0, A_MESSAGE, 0.0))
    began_s, stored = time.monotonic(), 0
    while stored < messages:
        allow(sender.stdin, stored + lead)
        time.sleep(0.05)
        live = len(watcher.seen_s)
        stored = (figures(db, 0).readings_stored - before - live) // A_MESSAGE
        if time.monotonic() - began_s > WAIT_S:
            raise SystemExit(f"bench: only {stored} of {messages} messages were stored")


def record(case: str, backlog: int, live: Live, watcher: Watcher, spent_s: float) -> dict[str, Any]:
    """The 99th percentile (ms) and what stands beside it."""
    seen, heard = np.array(watcher.seen_s) * 1e3, np.array(live.heard_s) * 1e3
    return {
        "id": "P2",
        "case": f"{case}, p99",
        "value": round(float(np.percentile(seen, 99)), 1),
        "unit": "ms",
        "beside": {
            "p50": round(float(np.percentile(seen, 50)), 1),
            "slowest": round(float(seen.max()), 1),
            "plain_p50": round(float(np.percentile(heard, 50)), 1),
            "plain_p99": round(float(np.percentile(heard, 99)), 1),
            "backlog_per_s": round(backlog / spent_s),
        },
        "n": len(seen),
    }


def cases(backlog: int) -> list[tuple[str, int, bool]]:
    """(name, backlog in readings, are they older than what is stored)."""
    return [
        ("no backlog", 0, False),
        (f"{backlog:,} backlog readings", backlog, False),
        (f"{backlog:,} older than stored", backlog, True),
    ]


def main() -> None:
    options = argparse.ArgumentParser(prog="scripts/bench latency", description=__doc__)
    options.add_argument("--json", action="store_true", help="a list of records instead of a table")
    options.add_argument("--quick", action="store_true", help="end within 60 s: a tenth of it")
    chosen = options.parse_args()
    backlog = BACKLOG // (10 if chosen.quick else 1)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = EmbeddedServer(folder / "postgres")
        stack.callback(server.stop)
        address = server.start(lambda line: print(line, file=sys.stderr))
        for kind in KINDS:
            for name_, load_, older in cases(backlog):
                print(f"{kind}, {name_}", file=sys.stderr)
                port = free_port()
                with broker(kind, folder, port), database(address, f"latency_{kind}") as dsn:
                    measured = measure(dsn, port, load_, older=older)
                found.append({"broker": kind} | record(f"{kind}, {name_}", load_, *measured))
    print(msgspec.json.encode(found).decode() if chosen.json else table(found))


if __name__ == "__main__":
    main()
