"""One schedule against the real chain: broker, database, ingest and devices, each a process."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec
import psycopg

from records.errors import StoreUnavailable
from records.network import Device, Lab, Network, Series, Station
from records.ports import free_port
from store import registry
from store.connection import connect
from tests.chaos import services
from tests.chaos.children import Child
from tests.chaos.disk import SmallDisk
from tests.chaos.field import Plan
from tests.chaos.generator import Generator
from tests.chaos.lines import Ambush, Court, DeviceLine, IngestLine, StoreLine
from tests.chaos.oracle import Buffers, Verdict, judge, series_id, stored_rows
from tests.chaos.relays import Loop, Relay, Streams
from tests.chaos.schedule import LAB, Fault, Schedule
from tests.chaos.services import DatabaseServer
from tests.chaos.witness import Witness

# For so long nothing has left a buffer: what is in them will stay there.
STILL_S = 40.0
READY_S = 90.0
_SITE_DISK_BYTES = 48 << 20


class NotReady(Exception):
    """The chain did not come up before anything was done to it: a fault of the harness."""


class Trial:
    """Set up by the constructor; `run` once, then `close`, whatever happened."""

    def __init__(
        self, schedule: Schedule, server: DatabaseServer, folder: Path, planted: str = ""
    ) -> None:
        self.schedule, self._server, self._folder = schedule, server, folder
        self.kills: Counter[str] = Counter()
        self._close = ExitStack()
        self._loop = Loop()
        self._close.callback(self._loop.close)
        self._database = server.fresh()
        self._close.callback(server.drop, self._database)
        self._close.callback(self._heal_server)
        self.witness = Witness(server, self._database)
        self._close.callback(self.witness.close)
        self._court = Court(
            self.witness,
            random.Random(f"{schedule.seed}/{schedule.number}/wire"),
            schedule.mischief,
            [], [], [], asyncio.Event(),
        )  # fmt: skip
        self._generator = Generator(
            folder, schedule.probes, schedule.rate, f"{schedule.seed}/{schedule.number}/values"
        )
        self._close.callback(self._generator.stop)
        self._links: dict[str, Relay] = {}
        self._children: dict[str, Child] = {}
        self._disks: dict[str, tuple[SmallDisk, float]] = {}
        self._broker_port = free_port()
        try:
            self._lay_links()
            self._make_children(planted)
        except BaseException:
            self.close()
            raise

    def run(self) -> Verdict:
        """Raises NotReady."""
        self._enrol()
        self._begin()
        self._generator.start()
        began_s = time.monotonic()
        todo = list(self.schedule.faults)
        while (passed_s := time.monotonic() - began_s) < self.schedule.active_s:
            while todo and todo[0].at_s <= passed_s:
                self._do(todo.pop(0))
            self._look()
            time.sleep(0.01)
        self._generator.stop()
        self._heal()
        return self._settle()

    def close(self) -> None:
        """Each step is taken, also where one before it fails."""
        self._close.close()

    def _stop(self, relay: Relay) -> None:
        self._loop.do(relay.stop())

    def _heal_server(self) -> None:
        self._server.heal()
        _until(lambda: self._looked() and self._server.pid, "the database", READY_S)

    def _looked(self) -> bool:
        self._server.look()
        return True

    def _lay_links(self) -> None:
        async def to_broker() -> Streams:
            return await asyncio.open_connection("127.0.0.1", self._broker_port)

        async def to_store() -> Streams:
            return await asyncio.open_unix_connection(self._server.socket)

        court = self._court
        self._links["link-store"] = Relay(to_store, lambda a, b: StoreLine(court, a, b))
        self._links["link-ingest"] = Relay(to_broker, lambda a, b: IngestLine(court, a, b))
        for number in range(len(self.schedule.sites)):
            relay = Relay(to_broker, lambda a, b: DeviceLine(court, a, b))
            self._links[f"link-{number}"] = relay
        for relay in self._links.values():
            self._loop.do(relay.start())
            self._close.callback(self._stop, relay)

    def _make_children(self, planted: str) -> None:
        plan, folder = self.schedule, self._folder
        ports = {name: relay.port for name, relay in self._links.items()}
        dsn = self._server.through(ports["link-store"], self._database)
        in_ingest = "" if planted == "dropped buffer" else planted
        self._children["broker"] = services.broker(
            plan.broker, folder, self._broker_port, persistent=plan.persistent
        )
        self._children["ingest"] = services.ingest(
            dsn, ports["link-ingest"], plan.broker, folder, in_ingest
        )
        for number, probes in enumerate(plan.sites):
            name = f"site-{number}"
            disk = SmallDisk(folder / name, _SITE_DISK_BYTES)
            self._close.callback(disk.close)
            self._disks[name] = disk, 0.0
            told = Plan(
                lab=LAB,
                port=ports[f"link-{number}"],
                samples=str(folder),
                buffer=str(folder / name / "buffer.sqlite"),
                progress=str(folder / f"{name}.progress"),
                capacity=plan.capacity,
                probes=list(probes),
                dropping=planted == "dropped buffer",
            )
            path = folder / f"{name}.json"
            path.write_bytes(msgspec.json.encode(told))
            self._children[name] = services.site(path, folder, number)
        for child in self._children.values():
            self._close.callback(child.end)

    def _enrol(self) -> None:
        probes = self.schedule.probes
        network = Network(
            lab=(Lab(id=LAB),),
            station=(Station(id="bank", lab=LAB, lat=35, lon=74),),
            device=tuple(Device(id=p.device, station="bank", simulated=True) for p in probes),
            series=tuple(
                Series(
                    id=series_id(p.device, point), station="bank", device=p.device,
                    point=point, quantity="stage", unit="m",
                )
                for p in probes for point in p.points
            ),
        )  # fmt: skip
        with connect(self._server.dsn(self._database), stage="chaos") as db:
            registry.enrol(db, network)

    def _begin(self) -> None:
        """Ingest first: until it has subscribed a broker has nobody to keep messages for."""
        self._up("broker", lambda: _listens(self._broker_port))
        self._up("ingest", self._ingest_runs)
        for name, child in self._children.items():
            if name.startswith("site"):
                child.start()

    def _up(self, name: str, ready: Callable[[], object]) -> None:
        child = self._children[name]
        child.start()
        try:
            _until(lambda: child.lives() and ready(), name, READY_S)
        except NotReady as error:
            end = "still runs" if child.lives() else "has ended"
            raise NotReady(f"{error}; it {end}, its last words: {child.last_words()}") from None

    def _ingest_runs(self) -> bool:
        with psycopg.connect(self._server.dsn(self._database)) as connection:
            return bool(
                connection.execute("SELECT 1 FROM stage WHERE state = 'running'").fetchone()
            )

    def _do(self, fault: Fault) -> None:
        if fault.deed == "ambush":
            self._court.ambushes.append(
                Ambush(fault.moment, fault.portion, lambda: self._strike(fault))
            )
            return
        self.kills[f"{fault.deed} {fault.victim.split('-')[0]}"] += 1
        if fault.victim == "database":
            self._hit_database(fault)
        elif fault.victim.startswith("link"):
            self._hit_link(fault)
        elif fault.deed == "fill":
            disk, _ = self._disks[fault.victim]
            pid = self._children[fault.victim].pid
            disk.fill([pid] if pid else [])
            self._disks[fault.victim] = disk, time.monotonic() + fault.for_s
        elif fault.deed == "pause":
            self._children[fault.victim].pause(fault.for_s)
        else:
            self._children[fault.victim].kill(fault.for_s)
            if fault.deed == "forget":
                shutil.rmtree(self._folder / "memory", ignore_errors=True)
                (self._folder / "memory").mkdir()

    def _strike(self, fault: Fault) -> None:
        """An ambush is sprung, in the proxies' thread."""
        self.kills[f"{fault.moment}: {fault.victim.split('-')[0]}"] += 1
        if fault.victim == "database":
            self._server.kill(fault.for_s)
        elif fault.victim != "link":
            self._children[fault.victim].kill(fault.for_s)

    def _hit_database(self, fault: Fault) -> None:
        deeds: dict[str, Callable[[], None]] = {
            "kill": lambda: self._server.kill(fault.for_s),
            "backend": self._server.kill_backend,
            "pause": lambda: self._server.pause(fault.for_s),
            "fill": lambda: self._server.fill(fault.for_s),
        }
        deeds[fault.deed]()

    def _hit_link(self, fault: Fault) -> None:
        relay = self._links[fault.victim]
        until_s = time.monotonic() + fault.for_s
        if fault.deed == "stall":
            relay.stall_s = until_s
        elif fault.deed == "slow":
            relay.slow_s = until_s
        else:
            relay.refuse_s = until_s
            self._loop.soon(relay.cut)

    def _look(self) -> None:
        """Start, wake and free what is due."""
        self._server.look()
        for child in self._children.values():
            child.look()
        for name, (disk, free_s) in self._disks.items():
            if free_s and time.monotonic() >= free_s:
                disk.free()
                self._disks[name] = disk, 0.0

    def _heal(self) -> None:
        self._loop.soon(self._court.quiet.set)
        self._server.heal()
        for relay in self._links.values():
            relay.refuse_s = relay.stall_s = relay.slow_s = 0.0
        for name, (disk, _) in self._disks.items():
            disk.free()
            self._disks[name] = disk, 0.0
        for child in self._children.values():
            child.resume()

    def _settle(self) -> Verdict:
        """Wait until the devices have nothing left or nothing moves, then stop them and judge."""
        settled = {device: [len(samples), 0] for device, samples in self._generator.made.items()}
        before, moved_s = self._progress(), time.monotonic()
        while before != settled and time.monotonic() < moved_s + STILL_S:
            if (now := self._progress()) != before:
                before, moved_s = now, time.monotonic()
            self._look()
            time.sleep(0.05)
        for name, child in self._children.items():
            if name.startswith("site"):
                child.end(5.0)
        self._children["ingest"].end(5.0)
        return self._judged()

    def _progress(self) -> dict[str, list[int]]:
        """Of each device how many samples it has taken and how many it holds."""
        seen: dict[str, list[int]] = {}
        for number in range(len(self.schedule.sites)):
            with suppress(OSError):
                path = self._folder / f"site-{number}.progress"
                seen |= msgspec.json.decode(path.read_bytes())
        return seen

    def _judged(self) -> Verdict:
        paths = [disk.folder / "buffer.sqlite" for disk, _ in self._disks.values()]
        with psycopg.connect(self._server.dsn(self._database)) as connection:
            rows = stored_rows(connection)
            found = connection.execute("SELECT count(*) FROM revision").fetchone()
        revisions = int(found[0]) if found else 0
        made = self._generator.made
        return judge(self.schedule, made, rows, revisions, Buffers.read(paths), self.witness)


def _until(true: Callable[[], object], what: str, patience_s: float) -> None:
    until_s = time.monotonic() + patience_s
    while True:
        with suppress(psycopg.OperationalError, StoreUnavailable):
            if true():
                return
        if time.monotonic() > until_s:
            raise NotReady(f"{what} did not come up within {patience_s:g} s")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True
