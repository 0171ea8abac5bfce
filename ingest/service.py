"""The stage: reads, takes, commits, acknowledges, and then writes receipts. In that order, always.

One thread does it all, so nothing can overtake a commit. While the store is away, what has come is
kept and nothing is acknowledged; when there is no more room nothing is read, and the broker waits.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable

import msgspec

from ingest.checks import HISTORY
from ingest.inbox import LOCKSTEP, Inbox, Pace, Pending
from ingest.intake import Intake
from ingest.receipts import DueReceipts
from ingest.recent import WINDOW
from ingest.session import BACKLOG, LIVE, Session, strays
from records.clock import Clock, WallClock
from records.errors import SettingsError, StoreUnavailable
from records.settings import Settings
from records.topics import device_topic
from store import clock, quarantine, readings, registry, stages
from store.connection import Database, connect
from store.readings import Commit

NAME = "ingest"
_BEAT_EVERY_S = 2.0
_LOOK_EVERY_S = 0.25
_RECONNECT_S = (0.2, 5.0)
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
        commit: Callable[[Database, Commit], object] = readings.commit,
    ) -> None:
        """Raises SettingsError. `commit` stores one commit; tests put a fault in its place."""
        if not settings.dsn:
            raise SettingsError(
                "HOSHYAR_DSN is empty: start with `hoshyar up`, or name a PostgreSQL database"
            )
        self._settings, self._stop = settings, stop
        self._wall = wall or WallClock()
        self._commit_to = commit
        self._scenario = settings.clock == "scenario"
        self._scenario_at = _BEFORE_ANY_SCENARIO
        self._db: Database | None = None
        self._retry_s, self._pause_s = 0.0, _RECONNECT_S[0]
        self._intake: Intake | None = None
        self._device_ids: dict[int, str] = {}
        self._inbox = Inbox(LOCKSTEP if self._scenario else Pace())
        self._taken: tuple[Pending, Commit] | None = None
        self._receipts = DueReceipts()
        self._looked_s = self._beaten_s = float("-inf")
        self._trouble = ""
        self._sessions = _sessions(settings)

    def run(self) -> None:
        """Raises SettingsError where the database is not one that this program can use."""
        try:
            while not self._stop.is_set():
                self._turn()
            if self._intake is not None:
                self._store_batch()
        finally:
            for session, _ in self._sessions:
                session.close()
            if self._db is not None:
                self._db.close()

    def _turn(self) -> None:
        if self._db is None:
            self._reconnect()
        if self._intake is None:
            self._stop.wait(0.05)
            return
        self._listen()
        if self._taken is not None or self._inbox.is_due(time.monotonic()):
            self._store_batch()
        self._look_around()
        if self._taken is None and self._db is not None:
            self._send_receipts()

    def _listen(self) -> None:
        """Wait for bytes and take in what has come."""
        now_s = time.monotonic()
        wait_s = self._inbox.wait_s(now_s)
        if self._taken is not None:
            wait_s = max(0.0, min(0.1, self._retry_s - now_s))
        room = self._inbox.has_room
        self._select(wait_s, room)
        for session, stray in self._sessions:
            received = session.turn(reading=room)
            if received.deliveries:
                now_at = self._scenario_at if self._scenario else self._wall.now()
                self._inbox.add(session, received, stray, now_at, time.monotonic())

    def _select(self, wait_s: float, room: bool) -> None:
        watched = [(s, s.socket) for s, _ in self._sessions]
        readers = [sock for _, sock in watched if sock is not None and room]
        writers = [sock for s, sock in watched if sock is not None and s.wants_to_write]
        if any(session.more for session, _ in self._sessions) and room:
            wait_s = 0.0
        select.select(readers, writers, [], wait_s)

    def _store_batch(self) -> None:
        """Commit one batch and acknowledge it, or keep it for the next try."""
        assert self._intake is not None
        if self._taken is None:
            pending = self._inbox.take()
            self._taken = pending, self._intake.take(pending.arrivals)
        pending, work = self._taken
        if self._db is None:
            return
        try:
            if _has_news(work):
                self._commit_to(self._db, work)
        except StoreUnavailable as error:
            self._store_lost(error)
            return
        self._taken = None
        for session, received in pending.received:
            session.acknowledge(received)
        self._receipts.add(self._intake.touched())
        for status in work.statuses:
            if status.state == "online" and status.boot is not None:
                self._receipts.at_once((status.device, status.boot))

    def _send_receipts(self) -> None:
        """Only between batches: then the ledger in memory is the committed one."""
        assert self._intake is not None
        now_s = time.monotonic()
        live = self._sessions[0][0]
        for key in self._receipts.ready(now_s):
            receipt = self._intake.receipt(*key)
            topic = self._receipt_topic(key[0])
            if receipt is not None and topic is not None:
                fields = receipt._asdict()
                if not live.publish(topic, msgspec.json.encode(fields)):
                    return
            self._receipts.sent(key, now_s)

    def _receipt_topic(self, device: int) -> str | None:
        assert self._intake is not None
        known = self._intake.registry
        id_ = self._device_ids.get(device)
        return None if id_ is None else device_topic(known.lab_of_device(id_), id_, "receipt")

    def _look_around(self) -> None:
        """Registry, clock and sign of life, each at its time."""
        now_s = time.monotonic()
        if self._db is None or now_s - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        try:
            if self._db.wait(0):
                self._read_registry(self._db)
            trouble = next((s.trouble for s, _ in self._sessions if s.trouble), "")
            if now_s - self._beaten_s >= _BEAT_EVERY_S or trouble != self._trouble:
                self._beaten_s, self._trouble = now_s, trouble
                state = "starting" if trouble else "running"
                stages.beat(self._db, self._name, os.getpid(), state, trouble, self._wall.now())
        except StoreUnavailable as error:
            self._store_lost(error)

    @property
    def _name(self) -> str:
        worker = self._settings.worker
        return f"{NAME}-{worker}" if worker else NAME

    def _reconnect(self) -> None:
        if time.monotonic() < self._retry_s:
            return
        try:
            self._db = connect(self._settings.dsn.reveal(), stage=self._name)
            self._db.listen("registry", "clock")
            self._read_registry(self._db)
            self._pause_s = _RECONNECT_S[0]
        except StoreUnavailable as error:
            self._store_lost(error)

    def _store_lost(self, error: StoreUnavailable) -> None:
        log.warning("ingest waits for the store: %s", error)
        if self._db is not None:
            self._db.close()
            self._db = None
        self._retry_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _RECONNECT_S[1])

    def _read_registry(self, db: Database) -> None:
        if self._scenario:
            self._scenario_at = clock.scenario(db) or _BEFORE_ANY_SCENARIO
        if self._intake is not None and self._intake.registry.version == registry.version(db):
            return
        known = registry.load(db)
        self._device_ids = {number: id_ for id_, number in known.device_number.items()}
        if self._intake is None:
            self._intake = self._resumed(db, known)
            self._receipts.add(self._intake.newest_boots())
        else:
            self._intake.use(known)
        log.info("registry version %d, %d series", known.version, len(known.series_number))

    def _resumed(self, db: Database, known: registry.Registry) -> Intake:
        intake = Intake(
            known,
            scenario=self._scenario,
            worker=self._settings.worker,
            max_payload_bytes=self._settings.max_payload_bytes,
        )
        now_at = self._scenario_at if self._scenario else self._wall.now()
        numbers = [known.series_number[series.id] for series in known.network.series]
        intake.resume(
            readings.ledger(db),
            readings.latest(db, numbers, HISTORY),
            quarantine.digests(db, now_at - WINDOW),
            readings.gone(db),
        )
        return intake


def _sessions(settings: Settings) -> list[tuple[Session, bool]]:
    """The sessions, the live one first; True for the one that looks for strays."""
    worker = f"-{settings.worker}" if settings.worker else ""
    name = f"{settings.broker_user}{worker}" if settings.broker_user else ""
    name = name or f"hoshyar-ingest-{settings.worker}"
    sessions = [
        (Session(settings, name, LIVE), False),
        (Session(settings, f"{name}-backlog", BACKLOG), False),
    ]
    if astray := strays(settings):
        sessions.append((Session(settings, f"{name}-stray", astray), True))
    return sessions


def _has_news(work: Commit) -> bool:
    news = (work.settled, work.quarantined, work.statuses, work.waveforms)
    return bool(len(work.readings) or any(news))
