"""Does each task when it is due; one that fails stops no other and is tried again."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import closing

from hoshyar.upkeep.measures import Measures
from hoshyar.upkeep.tasks import Task
from records.clock import Clock
from records.errors import HoshyarError, SettingsError, StoreUnavailable
from records.settings import Settings
from records.telemetry import Telemetry
from store import stages
from store.clock import scenario
from store.connection import Database, connect

STAGE = "upkeep"
_BEAT_EVERY_S = 2.0
_LOOK_EVERY_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
# A task that failed is not tried sooner than this.
_AGAIN_S = 10.0

log = logging.getLogger(__name__)


class Service:
    """Runs until `stop` is set."""

    def __init__(
        self, settings: Settings, tasks: Sequence[Task], wall: Clock, stop: threading.Event
    ) -> None:
        if not settings.dsn:
            raise SettingsError(
                "HOSHYAR_DSN is empty: start with `hoshyar up`, or name a PostgreSQL database"
            )
        self._dsn = settings.dsn.reveal()
        self._address = settings.metrics
        self._telemetry = Telemetry(STAGE)
        self._measures = Measures(self._telemetry)
        self._scenario = settings.clock == "scenario"
        self._tasks, self._wall, self._stop = tasks, wall, stop
        # When each is due, on the machine's monotonic clock: all of them at the start.
        self._due_s = [0.0] * len(tasks)
        self._first = 0
        self._failed: dict[str, str] = {}
        self._beaten_s = 0.0

    def run(self) -> None:
        """Until it is asked to stop. Raises SettingsError."""
        self._telemetry.listen(self._address)
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                with closing(connect(self._dsn, stage=STAGE)) as db:
                    db.give_way()
                    self._beaten_s = 0.0
                    while not self._stop.is_set():
                        self.turn(db)
                        pause_s = _FIRST_PAUSE_S
            except StoreUnavailable as error:
                self._telemetry.beat("waiting", str(error))
                log.warning("upkeep waits: %s", error)
                self._stop.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def turn(self, db: Database) -> None:
        """A sign of life, then one turn of each task that is due."""
        now_at = scenario(db) if self._scenario else self._wall.now()
        busy = False
        count = len(self._tasks)
        for place in [(self._first + n) % count for n in range(count)]:
            self._beat(db)
            if self._stop.is_set() or now_at is None:
                break
            if time.monotonic() >= self._due_s[place]:
                busy = self._do(db, place, now_at) or busy
        self._beat(db)
        if not busy:
            self._stop.wait(_LOOK_EVERY_S)

    def _do(self, db: Database, place: int, now_at: int) -> bool:
        task = self._tasks[place]
        # Said first: whatever comes of it, the others have their turn before it is tried again.
        self._due_s[place] = time.monotonic() + min(task.every_s, _AGAIN_S)
        self._first = place + 1
        began_s = time.monotonic()
        try:
            more = task.run(db, now_at)
        except HoshyarError as error:
            self._failed[task.name] = str(error)
            self._measures.failed(task.name)
            log.warning("%s: %s", task.name, error)
            if isinstance(error, StoreUnavailable):
                raise
            return False
        self._failed.pop(task.name, None)
        self._measures.done(task.name, time.monotonic() - began_s)
        self._due_s[place] = time.monotonic() + (0 if more else task.every_s)
        return more

    def _beat(self, db: Database) -> None:
        if time.monotonic() - self._beaten_s < _BEAT_EVERY_S:
            return
        self._beaten_s = time.monotonic()
        detail = "; ".join(f"{name}: {said}" for name, said in self._failed.items())
        stages.beat(db, STAGE, os.getpid(), "running", detail, self._wall.now())
        self._telemetry.beat("running", detail)
