"""P2: from a live message's publication until another connection to the database sees its reading.

Measured twice on each broker: with nothing else to do, and while a backlog drains through the same
broker and the same ingest. Beside it, of the same messages: until a plain subscriber has them.
A reading's time is the moment before it was published, so the row itself says when that was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.child import started
from bench.ingest import LEAD_BYTES, WAIT_S, allow, table
from bench.publisher import payload
from bench.servers import KINDS, LIVE_DEVICE, broker, database
from records.ports import free_port
from records.times import SECOND
from store import stages
from store.connection import Database, connect
from store.embedded import EmbeddedServer
from store.figures import figures
from store.follow import batches_after, positions
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
        self.seen_s: list[float] = []
        db.listen("batch")

    def look(self) -> None:
        """Wait a little for a commit, and read what is new."""
        self._db.wait(0.05)
        for batch in batches_after(self._db, self._after):
            now_s = time.time()
            self._after[batch.worker] = batch.number
            own = batch.readings.measured_at[batch.readings.series == self._series]
            self.seen_s += (now_s - own / SECOND).tolist()


def measure(dsn: str, port: int, backlog: int) -> tuple[Live, Watcher, float]:
    """Live messages until the backlog (readings; 0: for some seconds) is stored; and seconds."""
    environment = {"HOSHYAR_DSN": dsn, "HOSHYAR_BROKER": f"mqtt://127.0.0.1:{port}"}
    with (
        started("ingest", **environment),
        connect(dsn, stage="bench") as db,
        connect(dsn, stage="bench") as other,
    ):
        while [s.state for s in stages.all(db)] != ["running"]:
            time.sleep(0.05)
        watcher, live = Watcher(other), Live(port)
        began_s = time.monotonic()
        try:
            if backlog:
                drain(port, backlog // A_MESSAGE, lambda: drained(db, live), watcher.look)
            else:
                while time.monotonic() - began_s < QUIET_S:
                    watcher.look()
            spent_s = time.monotonic() - began_s
            live.stop()
            while len(watcher.seen_s) < len(live.sent_s):
                watcher.look()
                if time.monotonic() - began_s > WAIT_S:
                    raise SystemExit("bench: live readings are not stored")
        finally:
            live.close()
        return live, watcher, spent_s


def drained(db: Database, live: Live) -> int:
    """Messages of the backlog that are stored, to the few that live ones may stand for."""
    return (figures(db, 0).readings_stored - len(live.sent_s)) // A_MESSAGE


def drain(port: int, messages: int, done: Callable[[], int], meanwhile: Callable[[], None]) -> None:
    """Send a backlog, no more ahead of ingest than the broker's queue holds, until it is stored."""
    lead = LEAD_BYTES // len(payload(0, A_MESSAGE, 0.0))
    arguments = ("127.0.0.1", str(port), str(messages), str(A_MESSAGE), "backlog", str(AGE_S))
    with started("bench.publisher", *arguments) as sender:
        assert sender.stdin
        assert sender.stdout
        sender.stdout.readline()
        began_s, stored = time.monotonic(), 0
        while stored < messages:
            allow(sender.stdin, stored + lead)
            meanwhile()
            stored = done()
            if time.monotonic() - began_s > WAIT_S:
                raise SystemExit(f"bench: only {stored} of {messages} messages were stored")


def record(kind: str, backlog: int, live: Live, watcher: Watcher, spent_s: float) -> dict[str, Any]:
    """The 99th percentile (ms) and what stands beside it."""
    seen, heard = np.array(watcher.seen_s) * 1e3, np.array(live.heard_s) * 1e3
    beside = f"{backlog:,} backlog readings" if backlog else "no backlog"
    return {
        "id": "P2",
        "case": f"{kind}, {beside}, p99",
        "broker": kind,
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
            for load_ in (0, backlog):
                print(f"{kind}, backlog of {load_}", file=sys.stderr)
                port = free_port()
                with broker(kind, folder, port), database(address, f"latency_{kind}") as dsn:
                    found.append(record(kind, load_, *measure(dsn, port, load_)))
    print(msgspec.json.encode(found).decode() if chosen.json else table(found))


if __name__ == "__main__":
    main()
