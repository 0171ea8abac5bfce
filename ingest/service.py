"""The stage: reads, takes, commits, acknowledges, and then writes receipts. In that order, always.

One loop does it all but the waiting for the store: while one batch is written, the next is read and
taken, and its commit begins when that one has ended. What is committed goes over the session that
holds the worker's leases. When that is lost, so are the leases: everything that was not
acknowledged is forgotten here, stays with the broker, and comes again to whoever owns it then.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from ingest.committing import Committing, CommitTo, Taken
from ingest.homes import Homes
from ingest.inbox import LOCKSTEP, Inbox, Pace
from ingest.intake import Intake
from ingest.lanes import BACKLOG, Lane, Lanes
from ingest.measures import Measures
from ingest.resuming import resumed, takes_over
from ingest.telling import Telling
from ingest.tenure import Tenure
from ingest.waiting import Pending
from records.clock import Clock, WallClock
from records.errors import SettingsError, StoreUnavailable
from records.settings import Settings
from records.telemetry import Telemetry
from store import clock, readings, registry, stages
from store.connection import Database, connect

NAME = "ingest"
_BEAT_EVERY_S = 2.0
_LOOK_EVERY_S = 0.25
# With commits under way all the time: then the next is not begun before the look.
_LOOK_LATEST_S = 1.0
# No broker: so long nobody is called, as a call may hang for seconds.
_NO_BROKER_S = 1.0
_RECONNECT_S = (0.2, 5.0)
# Well within the time that a supervisor gives us to end.
_END_S = 3.0
# A session that held for so long was no failure.
_HELD_S = 10.0
# Moments of messages that don't say when they arrived, before a replay has set its clock.
_BEFORE_ANY_SCENARIO = 946_684_800_000_000

log = logging.getLogger(__name__)


class Service:
    """Runs until `stop` is set."""

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        wall: Clock | None = None,
        commit: CommitTo = readings.commit,
    ) -> None:
        """Raises SettingsError. `commit` stores one commit; tests put a fault in its place."""
        if not settings.dsn:
            raise SettingsError(
                "HOSHYAR_DSN is empty: start with `hoshyar up`, or name a PostgreSQL database"
            )
        self._settings, self._stop = settings, stop
        self._wall = wall or WallClock()
        self._committing = Committing(commit)
        self._scenario = settings.clock == "scenario"
        self._scenario_at = _BEFORE_ANY_SCENARIO
        self._connected_s = self._retry_s = 0.0
        self._pause_s = _RECONNECT_S[0]
        self._lanes = Lanes(settings)
        self._telemetry = Telemetry(self._name)
        self._measures = Measures(self._telemetry)
        self._begin()

    def _begin(self) -> None:
        """What a lost session with the store leaves: nothing."""
        self._db: Database | None = None
        self._tenure: Tenure | None = None
        self._intake: Intake | None = None
        self._device_ids: dict[int, str] = {}
        self._inbox = Inbox(LOCKSTEP if self._scenario else Pace(), self._lanes.ignores)
        self._telling = Telling(self._lanes, self._measures)
        self._looked_s = self._beaten_s = self._turned_s = float("-inf")
        self._no_broker_until_s = 0.0
        self._trouble = ""

    def run(self) -> None:
        """Raises SettingsError where the database is not one that this program can use."""
        self._telemetry.listen(self._settings.metrics)
        try:
            while not self._stop.is_set():
                self._turn()
            self._store_rest()
        finally:
            self._lanes.close_all()
            self._committing.close()
            if self._db is not None:
                self._db.close()

    def _store_rest(self) -> None:
        """At the end: of what came at QoS 0 the broker keeps nothing, so it is now or never."""
        until_s = time.monotonic() + _END_S
        while self._intake is not None and self._inbox.waits and time.monotonic() < until_s:
            self._store(self._inbox.take(), self._inbox.took)
        self._settle()

    def _turn(self) -> None:
        if self._intake is None:
            self._reconnect()
        if self._intake is None:
            self._stop.wait(0.05)
            return
        self._listen()
        if self._committing.is_done:
            self._settle()
        self._store_what_is_due()
        self._look_around()
        if self._intake is not None and not self._busy:
            self._telling.say(self._telling.worded(self._intake, self._device_ids))

    @property
    def _busy(self) -> bool:
        return self._committing.under_way is not None

    def _store_what_is_due(self) -> None:
        """A live batch, and a piece of the backlog right after it, with nothing read in between.

        Beside a commit only a batch is taken that would not grow by waiting; and a piece never
        beside another one, or a live reading would wait for both.
        """
        inbox, piece_fits = self._inbox, not self._busy
        if inbox.is_full if self._busy else inbox.is_due(time.monotonic()):
            self._store(inbox.take(), inbox.took)
            piece_fits = True
        backlog = inbox.backlog
        if piece_fits and inbox is self._inbox and backlog.waits and not inbox.waits:
            self._store(backlog.take(self._now()), backlog.took)

    def _listen(self) -> None:
        """Wait for bytes and take in what has come."""
        wait_s = self._inbox.wait_s(time.monotonic())
        if self._busy:
            wait_s = 0.0 if self._inbox.is_full else _LOOK_EVERY_S
        ready = self._select(wait_s)
        now_s = time.monotonic()
        care = now_s - self._turned_s >= _LOOK_EVERY_S
        if care:
            self._turned_s = now_s
        for lane in self._lanes:
            session = lane.session
            calls = session.socket is None and now_s >= self._no_broker_until_s
            if not (calls or care or session.more or session.socket in ready):
                continue
            if session.socket is None and not calls:
                continue
            received = session.turn(reading=self._has_room(lane))
            if session.socket is None:
                self._no_broker_until_s = now_s + _NO_BROKER_S
            if received.deliveries and lane.channels is BACKLOG:
                self._inbox.backlog.add(session, received)
            elif received.deliveries:
                stray = lane.shard is None
                self._inbox.add(session, received, stray, self._now(), time.monotonic())

    def _has_room(self, lane: Lane) -> bool:
        waiting = self._inbox.backlog if lane.channels is BACKLOG else self._inbox
        return waiting.has_room

    def _now(self) -> int:
        return self._scenario_at if self._scenario else self._wall.now()

    def _select(self, wait_s: float) -> set[object]:
        """Sockets that can be read or written now."""
        watched = [(x.session, x.session.socket, self._has_room(x)) for x in self._lanes]
        readers: list[Any] = [sock for _, sock, room in watched if sock is not None and room]
        writers = [sock for s, sock, _ in watched if sock is not None and s.wants_to_write]
        if any(room and session.more for session, _, room in watched):
            wait_s = 0.0
        readers.append(self._committing)
        readable, writable, _ = select.select(readers, writers, [], min(wait_s, _LOOK_EVERY_S))
        return {*readable, *writable}

    def _store(self, pending: Pending, took: Callable[[Pending, float, bool], None]) -> None:
        """Take these in, perhaps beside a commit, and begin theirs when that has ended."""
        if self._intake is None:
            return
        began_s = time.monotonic()
        work = self._intake.take(pending.arrivals)
        spent_s = time.monotonic() - began_s
        self._settle()
        if self._intake is None or self._db is None:
            return  # the commit before it was lost, and this with it
        self._telling.note(self._intake, work)
        # In words now: when they are said the ledger in memory may be ahead of the store again.
        receipts = self._telling.worded(self._intake, self._device_ids)
        commands = self._intake.commands()
        taken = Taken(pending, work, spent_s, took, commands, receipts)
        self._committing.begin(self._db, taken)

    def _settle(self) -> None:
        """Wait for the commit under way, if there is one: then, and only then, say so."""
        if not self._busy:
            return
        try:
            taken, done = self._committing.end()
        except StoreUnavailable as error:
            self._store_lost(error)
            return
        self._measures.committed(taken.pending.arrivals, taken.work, *done, self._now())
        taken.took(taken.pending, taken.spent_s + done.spent_s, taken.work.has_news)
        for session, received in taken.pending.received:
            session.acknowledge(received)
        for command in taken.commands:
            self._lanes.ask(*command)
        self._telling.say(taken.receipts)

    def _look_around(self) -> None:
        """Registry, leases, clock and sign of life, each at its time."""
        now_s = time.monotonic()
        if now_s - self._looked_s < (_LOOK_LATEST_S if self._busy else _LOOK_EVERY_S):
            return
        self._settle()
        if (db := self._db) is None:
            return
        self._looked_s = now_s = time.monotonic()
        try:
            for what in (self._read_news, self._share, self._beat):
                # What one of them stored may have shown that the store is gone.
                if self._db is db:
                    what(db)
        except StoreUnavailable as error:
            self._store_lost(error)
        if self._lanes.is_settled(now_s):
            self._inbox.forget()

    def _beat(self, db: Database) -> None:
        trouble, now_s = self._lanes.trouble, time.monotonic()
        if now_s - self._beaten_s >= _BEAT_EVERY_S or trouble != self._trouble:
            self._beaten_s, self._trouble = now_s, trouble
            state = "starting" if trouble else "running"
            stages.beat(db, self._name, os.getpid(), state, trouble, self._wall.now())
            self._telemetry.beat(state, trouble)
            self._measures.look(self._inbox.count, self._lanes.standing, self._wrong_clocks())

    def _wrong_clocks(self) -> dict[str, int]:
        off = {} if self._intake is None else self._intake.wrong_clocks()
        return {self._device_ids[n]: offset for n, offset in off.items() if n in self._device_ids}

    @property
    def _name(self) -> str:
        worker = self._settings.worker
        return f"{NAME}-{worker}" if worker else NAME

    def _reconnect(self) -> None:
        if time.monotonic() < self._retry_s:
            return
        self._connected_s = time.monotonic()
        try:
            self._db = connect(self._settings.dsn.reveal(), stage=self._name)
            self._db.listen("registry", "clock")
            self._tenure = Tenure(self._db, self._settings.worker)
            if not self._tenure.join():
                raise StoreUnavailable(f"another process is ingest worker {self._settings.worker}")
            self._read_clock(self._db)
            known = registry.load(self._db)
            self._lanes.use(known, time.monotonic())
            self._intake = self._resumed(self._db, known)
            self._share(self._db)
        except StoreUnavailable as error:
            self._store_lost(error)

    def _store_lost(self, error: StoreUnavailable) -> None:
        log.warning("ingest waits for the store: %s", error)
        self._telemetry.beat("waiting", str(error))
        self._measures.failed()
        now_s = time.monotonic()
        if now_s - self._connected_s >= _HELD_S:
            self._pause_s = _RECONNECT_S[0]
        self._retry_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, _RECONNECT_S[1])
        self._lanes.close_all()
        if self._db is not None:
            self._db.close()
        self._begin()

    def _share(self, db: Database) -> None:
        """Own as many shards as is fair among the workers that there are."""
        assert self._tenure is not None
        plan = self._tenure.look(time.monotonic())
        if not plan.give and not (plan.want and plan.free):
            return
        if plan.give:
            self._lanes.close(plan.give)
            self._inbox.keep({lane.session for lane in self._lanes})
            self._tenure.give(plan.give)
        if got := self._tenure.take(plan):
            self._resume_with(db, got)
        self._inbox.forget()
        log.info("ingest worker %d owns %s", self._settings.worker, sorted(self._tenure.owned))

    def _resume_with(self, db: Database, got: set[int]) -> None:
        """Begin anew from the store, now that nothing of these shards is under way elsewhere."""
        assert self._intake is not None
        self._intake = self._resumed(db, self._intake.registry)
        homes = Homes(self._intake.registry)
        self._telling.add(
            key
            for key in self._intake.newest_boots()
            if homes.of(self._device_ids.get(key[0], "")) in got
        )
        self._lanes.open(got)

    def _read_clock(self, db: Database) -> None:
        if self._scenario:
            self._scenario_at = clock.scenario(db) or _BEFORE_ANY_SCENARIO

    def _read_news(self, db: Database) -> None:
        assert self._intake is not None
        if not db.wait(0):
            return
        self._read_clock(db)
        before = self._intake.registry
        if before.version == registry.version(db):
            return
        known = registry.load(db)
        assert self._tenure is not None
        if takes_over(before, known, self._tenure.owned):
            self._intake = self._resumed(db, known)
        else:
            self._device_ids = _ids(known)
            self._intake.use(known)
        self._lanes.use(known, time.monotonic())
        self._inbox.forget()
        log.info("registry version %d, %d series", known.version, len(known.series_number))

    def _resumed(self, db: Database, known: registry.Registry) -> Intake:
        assert self._tenure is not None
        self._device_ids = _ids(known)
        return resumed(db, known, self._settings, self._tenure.owned, self._now())


def _ids(known: registry.Registry) -> dict[int, str]:
    return {number: id_ for id_, number in known.device_number.items()}
