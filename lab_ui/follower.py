"""Follows the store in a thread of its own and hands what is new to the hub.

The store may go away: the picture then says since when, and the follower tries again for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from dataclasses import replace

from alerts import memory
from alerts.lines import telling
from lab_ui.hub import Hub
from lab_ui.measures import Measures
from lab_ui.picture import Picture
from records import times
from records.clock import Clock
from records.errors import SettingsError, StoreUnavailable
from records.readings import concatenate
from records.statements import AlertChange, HazardWarning
from records.telemetry import Telemetry
from store import (
    clock,
    figures,
    follow,
    incidents,
    numbering,
    queries,
    registry,
    stages,
    warnings,
    waveforms,
)
from store.connection import Database, connect
from store.incidents import Incident
from store.registry import Registry

PASS_S = 0.5  # readings are handed on at most this often
STATE_S = 1.0  # incidents, stages and clock are read this often
BEAT_S = 2.0
RETRY_S = 2.0
CLOSED_FOR = times.DAY  # how long an incident that is over stays in sight, microseconds
FILL_POINTS = 600  # newest readings of each series that a new hub starts from

_log = logging.getLogger("lab_ui")


class Follower:
    """The thread that reads; everything it finds goes to the hub through its event loop."""

    def __init__(
        self,
        dsn: str,
        hub: Hub,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        telemetry: Telemetry,
    ) -> None:
        self._dsn, self._hub, self._clock, self._loop = dsn, hub, clock, loop
        self._telemetry = telemetry
        self._measures = Measures(telemetry, hub)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._picture = hub.picture
        self._positions: dict[int, int] | None = None
        self._warning = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with connect(self._dsn, stage="lab_ui") as db:
                    self._follow(db)
            except (StoreUnavailable, SettingsError) as error:
                # A setting that was right at the start: the database is being upgraded.
                self._telemetry.beat("waiting", str(error))
                _log.warning("the store can't be read: %s", error)
                self._say_stale()
                self._stopped.wait(RETRY_S)

    def _say_stale(self) -> None:
        if self._picture.stale_since is None:
            self._hand_state(replace(self._picture, stale_since=self._clock.now()))

    def _follow(self, db: Database) -> None:
        db.listen("batch", "alert", "warning", "clock", "registry")
        if self._positions is None:
            self._fill(db)
        read_state = beat = 0.0
        while not self._stopped.is_set():
            began = time.monotonic()
            if began - beat >= BEAT_S:
                beat = began
                stages.beat(db, "lab_ui", os.getpid(), "running", "", self._clock.now())
                self._telemetry.beat()
            if began - read_state >= STATE_S:
                read_state = began
                self._read_state(db)
            self._read_readings(db)
            self._stopped.wait(max(0.0, PASS_S - (time.monotonic() - began)))
            db.wait(STATE_S)

    def _fill(self, db: Database) -> None:
        """Positions first: what is committed after them is followed, so nothing is missed."""
        self._positions = follow.positions(db)
        self._read_state(db)
        numbers = sorted(self._picture.registry.series_id)
        packets = waveforms.telling(waveforms.latest(db, numbers, FILL_POINTS))
        newest = concatenate([queries.latest(db, numbers, FILL_POINTS), packets])
        self._loop.call_soon_threadsafe(self._hub.fill, newest)

    def _read_readings(self, db: Database) -> None:
        assert self._positions is not None
        # Of a packet the screens show one sample: nobody could see more of them.
        found = follow.batches_after(db, self._positions, packets=waveforms.telling)
        for batch in found:
            self._positions[batch.worker] = batch.number
        readings = concatenate([batch.readings for batch in found])
        if len(readings):
            self._measures.handed(len(readings))
            self._loop.call_soon_threadsafe(self._hub.take_readings, readings)
        else:
            self._loop.call_soon_threadsafe(self._hub.beat)

    def _read_state(self, db: Database) -> None:
        opened = tuple(incidents.current(db))
        scenario_at = clock.scenario(db)
        now_at = self._clock.now() if scenario_at is None else scenario_at
        picture = replace(
            self._picture.with_warnings(self._warnings(db)),
            registry=self._registry(db),
            incidents=opened,
            closed=tuple(incidents.closed(db, now_at - CLOSED_FOR)),
            unwatched=tuple(memory.unwatched(db)),
            reasons=self._reasons(db, opened),
            stages=tuple(stages.all(db)),
            scenario_at=scenario_at,
            quarantined=figures.figures(db, self._clock.now()).quarantined,
            best_effort=numbering.best_effort(db),
            stale_since=None,
        )
        if picture != self._picture:
            self._hand_state(picture)

    def _reasons(self, db: Database, opened: tuple[Incident, ...]) -> dict[str, AlertChange]:
        """Read again only where an incident has changed."""
        before = {i.last.alert: i.number for i in self._picture.incidents}
        known = self._picture.reasons
        return {
            i.last.alert: known[i.last.alert]
            if before.get(i.last.alert) == i.number and i.last.alert in known
            else telling(incidents.history(db, i.last.alert))
            for i in opened
        }

    def _registry(self, db: Database) -> Registry:
        known = self._picture.registry
        return known if registry.version(db) == known.version else registry.load(db)

    def _warnings(self, db: Database) -> list[HazardWarning]:
        """Those that were not read yet, in order."""
        found: list[HazardWarning] = []
        said = warnings.after(db, self._warning)
        while said:
            self._warning = said[-1][0]
            found += [warning for _, warning in said]
            said = warnings.after(db, self._warning)
        return found

    def _hand_state(self, picture: Picture) -> None:
        self._picture = picture
        self._loop.call_soon_threadsafe(self._hub.take_state, picture)
