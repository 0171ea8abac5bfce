"""`hoshyar up`: everything on this machine, kept running until somebody stops it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from hoshyar import broker, history
from hoshyar.folder import DataFolder, explained
from hoshyar.interrupts import Interrupts, Stopped
from hoshyar.supervisor import supervised
from hoshyar.system import System, need_free, read_settings
from hoshyar.words import say
from records.clock import WallClock
from records.errors import SettingsError, StoreUnavailable
from records.network import Network
from records.settings import Settings
from store import readings, registry, stages
from store.connection import Database, connect
from store.figures import figures
from store.migrations import migrate

# In the order of their start (what a first reading needs comes first); stopped the other way.
STAGES = {
    "ingest": ("-m", "ingest"),
    "devices": ("-m", "devices", "simulate"),
    "models": ("-m", "models", "watch"),
    "alerts": ("-m", "alerts"),
    "lab_ui": ("-m", "lab_ui"),
    "upkeep": ("-m", "hoshyar.upkeep"),
}
# Devices know the broker alone, so they can't say in the store that they live.
SILENT = {"devices"}
LOOK_EVERY_S = 0.2
SAY_EVERY_S = 3.0
STAND_WITHIN_S = 120.0


def up(
    data: Path | None,
    scenario: str | None,
    broker_port: int | None,
    ui_port: int | None,
    seed: int | None,
) -> None:
    """Start everything, and keep it running. Returns after Ctrl-C or SIGTERM.

    Raises SettingsError or StoreUnavailable, one line, with nothing left running.
    """
    began_s = time.monotonic()
    settings, environment = read_settings(
        data, scenario=scenario, broker_port=broker_port, ui_port=ui_port, seed=seed
    )
    folder, interrupts = DataFolder(settings.home), Interrupts()
    folder.claim()
    system = System(folder, environment, say, interrupts.check)
    interrupts.listen(system.force)
    try:
        with explained(folder.path), supervised(system.supervisor):
            news = FirstReading(began_s)
            _start(system, settings, news)
            _until_standing(system, news)
            say(f"Hoshyar stands after {time.monotonic() - began_s:.1f} s")
            print(_addresses(system, settings), flush=True)
            _until_first_reading(system, news)
            while True:
                system.check()
                time.sleep(LOOK_EVERY_S)
    except Stopped:
        say("stopped, nothing is left running")
    finally:
        folder.release()


def _start(system: System, settings: Settings, news: FirstReading) -> None:
    need_free(settings.ui_host, settings.ui_port, "the screens", "--ui-port")
    if settings.broker is None:
        if settings.broker_port == settings.ui_port:
            raise SettingsError(
                f"the broker and the screens can't both have port {settings.ui_port}: name another"
                " one with --broker-port or --ui-port"
            )
        need_free("127.0.0.1", settings.broker_port, "the broker", "--broker-port")
    else:
        broker.need(settings)
    network, sea = _ask_devices(system, "network", "--json"), _ask_devices(system, "history")
    if settings.broker is None:
        say("starting the broker")
        system.start_broker(settings.broker_port)
    if not settings.dsn:
        say("starting the database")
        system.start_database()
    system.check()
    with _own_database_named(settings):
        migrate(system.dsn)
        system.open_database(STAGES.keys() - SILENT)
    with _own_database_named(settings), closing(connect(system.dsn, stage="up")) as db:
        registry.enrol(db, msgspec.json.decode(_answer(network), type=Network))
        lines = _answer(sea).splitlines()
        if not readings.newest(db):
            history.take(db, lines)
        news.begin(db)
    say(f"starting {', '.join(STAGES)}")
    for name, arguments in STAGES.items():
        system.check()
        start = system.start_stage if name in SILENT else system.start_measured
        start(name, *arguments)
    host = f"[{settings.ui_host}]" if ":" in settings.ui_host else settings.ui_host
    system.addresses |= {
        "screens": f"http://{host}:{settings.ui_port}",
        "broker": system.environment["HOSHYAR_BROKER"],
    }
    system.say_state()


@contextmanager
def _own_database_named(settings: Settings) -> Iterator[None]:
    """Say where a database that can't be used was named, if somebody named one."""
    try:
        yield
    except StoreUnavailable as error:
        if not settings.dsn:
            raise
        raise StoreUnavailable(
            f"{error}: mend that, or name another database with HOSHYAR_DSN"
        ) from error


def _ask_devices(system: System, *words: str) -> subprocess.Popen[bytes]:
    """Ask the simulation something while the database is started."""
    return subprocess.Popen(
        [sys.executable, "-m", "devices", *words],
        env=system.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _answer(asked: subprocess.Popen[bytes]) -> bytes:
    said, complaint = asked.communicate()
    if asked.returncode:
        lines = complaint.decode(errors="replace").strip().splitlines()
        raise SettingsError(lines[-1] if lines else "the devices don't say what they measure")
    return said


class FirstReading:
    """Says once, as soon as it is asked after it happened, that a device's reading was stored."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._before = 0
        self.is_said = False

    def begin(self, db: Database) -> None:
        """What is stored now came from before this start."""
        self._before = figures(db, WallClock().now()).readings_stored

    def look(self, db: Database) -> None:
        stored = figures(db, WallClock().now()).readings_stored
        if not self.is_said and stored > self._before:
            self.is_said = True
            waited_s = time.monotonic() - self._began_s
            say(f"the first reading was stored within {waited_s:.1f} s")


def _until_standing(system: System, news: FirstReading) -> None:
    """Wait for a sign of life of every stage, and say who is still missing."""
    until_s, said_s = time.monotonic() + STAND_WITHIN_S, time.monotonic()
    with closing(connect(system.dsn, stage="up")) as db:
        while waiting := _silent(system, {s.name: s.pid for s in stages.all(db)}):
            system.check()
            system.supervisor.must_live()
            news.look(db)
            if time.monotonic() > until_s:
                raise StoreUnavailable(
                    f"{', '.join(waiting)} gave no sign of life in {STAND_WITHIN_S:.0f} s: see the"
                    f" logs in {system.folder.logs}"
                )
            if time.monotonic() - said_s > SAY_EVERY_S:
                said_s = time.monotonic()
                say(f"waiting for {', '.join(waiting)}")
            time.sleep(LOOK_EVERY_S)


def _silent(system: System, beating: dict[str, int]) -> list[str]:
    asked = STAGES.keys() - SILENT
    pids = {w.part.name: w.part.pid for w in system.supervisor if w.part.name in asked}
    return [name for name, pid in pids.items() if pid is None or beating.get(name) != pid]


def _addresses(system: System, settings: Settings) -> str:
    return (
        f"\n  screens   {system.addresses['screens']}\n"
        f"  broker    {system.addresses['broker']}\n"
        f"  data      {system.folder.path}\n"
        f"  scenario  {settings.scenario}\n\n"
        "  Ctrl-C stops everything.\n"
    )


def _until_first_reading(system: System, news: FirstReading) -> None:
    # Only words: a database that goes away now is the supervisor's business.
    with suppress(StoreUnavailable), closing(connect(system.dsn, stage="up")) as db:
        while not news.is_said:
            system.check()
            news.look(db)
            time.sleep(LOOK_EVERY_S)
