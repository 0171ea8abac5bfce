"""`hoshyar replay`: a recorded case through the whole chain, on a clock of its own."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alerts.lines import lines
from hoshyar import inprocess
from hoshyar.chunks import Chunk, chunks
from hoshyar.folder import DataFolder, explained
from hoshyar.interrupts import Interrupts
from hoshyar.lockstep import Lead
from hoshyar.playing import Player
from hoshyar.supervisor import supervised
from hoshyar.system import System, read_settings
from hoshyar.words import say
from models.binding import bind
from records.case import Case, Message
from records.clock import ScenarioClock
from records.errors import InputError, SettingsError
from records.ports import free_port
from records.statements import AlertChange
from records.times import SECOND, text
from store import clock, incidents, registry
from store.connection import connect
from store.migrations import migrate

STAGES = {
    "ingest": ("-m", "ingest"),
    "models": ("-m", "models", "watch"),
    "alerts": ("-m", "alerts"),
}
SAY_EVERY_S = 2.0
# A paced replay moves the clock this often (seconds of the machine's time).
PACE_S = 0.5
MOST_DEATHS = 8


def replay(case_folder: Path, speed: str, alerts: Path | None, data: Path | None) -> None:
    """Play a case and write its alert lines to `alerts`, or to standard output.

    speed  "fast": through the real path, as fast as it settles; a number: that many times as
           fast as it happened; "max": the same cores in process, without services
    Raises InputError for the case, SettingsError and StoreUnavailable as `up` does.
    """
    pace = _pace(speed)
    if speed == "max" and data is not None:
        raise SettingsError("--speed max keeps no data: leave out --data, or --speed")
    case = Case.load(case_folder)
    _check_detectors(case)
    messages = list(case.messages())
    _say_case(case, messages)
    if speed == "max":
        steps = list(chunks(case, messages))
        changes = inprocess.play(case, messages, steps, _progress(steps, lambda: None))
    else:
        changes = _through_services(case, messages, pace, data)
    _write(lines(changes, case.network), alerts)
    say(f"{len(changes)} alert lines" + (f" in {alerts}" if alerts else ""))


def _pace(speed: str) -> float | None:
    """How many times as fast as it happened, None for as fast as it goes."""
    if speed in {"max", "fast"}:
        return None
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0 < pace < float("inf"):
        raise SettingsError(f"--speed {speed!r}: give a number above 0, or max")
    return pace


def _check_detectors(case: Case) -> None:
    """Raise InputError for a detector that nobody could run, before anything is started."""
    try:
        bind(case.network)
    except SettingsError as error:
        raise InputError(f"{case.folder / 'case.toml'}: {error}") from error


def _say_case(case: Case, messages: list[Message]) -> None:
    for name in sorted(case.rows.left_out):
        say(f"left out: {name!r} is in the files but not in case.toml")
    until = f" until {text(messages[-1].received_at)}" if messages else ""
    say(f"{case.name}: {len(messages)} messages from {text(case.start_at)}{until}")


def _through_services(
    case: Case, messages: list[Message], pace: float | None, data: Path | None
) -> list[AlertChange]:
    with _folder(data) as folder:
        _, environment = read_settings(folder.path, clock="scenario")
        # A replay has a broker and a store of its own, whatever the machine's are.
        for name in ("HOSHYAR_DSN", "HOSHYAR_BROKER", "HOSHYAR_BROKER_USER"):
            environment.pop(name, None)
        interrupts = Interrupts()
        system = System(folder, environment, say, interrupts.check)
        interrupts.listen(system.force)
        with explained(folder.path), supervised(system.supervisor):
            _start(system, case)
            changes = _lead(system, case, messages, pace)
        say("the stages have stopped")
        return changes


@contextmanager
def _folder(data: Path | None) -> Iterator[DataFolder]:
    """An empty data folder: `data`, which stays, or a temporary one."""
    if data is not None and data.is_dir() and any(data.iterdir()):
        raise InputError(f"{data} is not empty, and a replay begins with nothing stored")
    with tempfile.TemporaryDirectory(prefix="hoshyar-replay-") as temporary:
        folder = DataFolder(data or Path(temporary))
        folder.claim()
        try:
            yield folder
        finally:
            folder.release()


def _start(system: System, case: Case) -> None:
    say("starting the broker and the database")
    system.start_broker(free_port())
    system.start_database()
    migrate(system.dsn)
    system.open_database(STAGES)
    with closing(connect(system.dsn, stage="replay")) as db:
        registry.enrol(db, case.network, ScenarioClock(case.start_at))
        clock.set_scenario(db, case.start_at)
    for name, arguments in STAGES.items():
        system.start_stage(name, *arguments)
    system.addresses = {"broker": system.environment["HOSHYAR_BROKER"]}
    system.say_state()


def _lead(
    system: System, case: Case, messages: list[Message], pace: float | None
) -> list[AlertChange]:
    def look() -> None:
        system.check()
        system.supervisor.must_live(MOST_DEATHS)

    log = system.folder.logs / "player.log"
    player = Player(case.folder.absolute(), system.environment, log, system.lifeline)
    with closing(connect(system.dsn, stage="replay")) as db:
        enrolled = registry.load(db)
    lead = Lead(system.dsn, enrolled, messages, player, look)
    steps = list(chunks(case, messages, span=round(pace * PACE_S * SECOND) if pace else None))
    try:
        lead.run(_paced(steps, case.start_at, pace, look), _progress(steps, look))
    finally:
        player.stop()
        lead.close()
    with closing(connect(system.dsn, stage="replay")) as db:
        return incidents.all_changes(db)


def _paced(
    steps: Iterable[Chunk], start_at: int, pace: float | None, look: Callable[[], None]
) -> Iterator[Chunk]:
    began_s = time.monotonic()
    for chunk in steps:
        due_s = began_s + (chunk.until_at - start_at) / SECOND / pace if pace else began_s
        while (left_s := due_s - time.monotonic()) > 0:
            look()
            time.sleep(min(left_s, PACE_S))
        yield chunk


def _progress(steps: list[Chunk], look: Callable[[], None]) -> Callable[[Chunk], None]:
    """What is called after each chunk: says from time to time how far it is."""
    total = steps[-1].end if steps else 0
    said_s = time.monotonic()

    def done(chunk: Chunk) -> None:
        nonlocal said_s
        look()
        if time.monotonic() - said_s > SAY_EVERY_S or chunk == steps[-1]:
            said_s = time.monotonic()
            say(f"{chunk.end} of {total} messages, it is {text(chunk.until_at)}")

    return done


def _write(data: bytes, alerts: Path | None) -> None:
    if alerts is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    with explained(alerts):
        aside = alerts.with_name(alerts.name + ".new")
        aside.write_bytes(data)
        aside.replace(alerts)
