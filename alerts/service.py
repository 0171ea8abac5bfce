"""The stage: follows, decides, commits, shows signs of life, and outlives a lost database."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import closing

from alerts.delivery import Channel, Delivery
from alerts.follower import Follower
from alerts.measures import Measures
from alerts.memory import NAME
from records.clock import Clock
from records.errors import SettingsError, StoreUnavailable
from records.settings import Settings
from records.telemetry import Telemetry
from store import stages
from store.connection import Database, connect

_BEAT_EVERY_S = 2.0
_LOOK_EVERY_S = 1.0
_PATIENCE_S = 3.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0

log = logging.getLogger(__name__)


class Service:
    """Runs until `stop` is set.

    channels  how to deliver, by name: each gets a thread and a connection of its own
    """

    def __init__(
        self,
        settings: Settings,
        channels: Mapping[str, Channel],
        wall: Clock,
        stop: threading.Event,
    ) -> None:
        if not settings.dsn:
            raise SettingsError(
                "HOSHYAR_DSN is empty: start with `hoshyar up`, or name a PostgreSQL database"
            )
        self._dsn = settings.dsn.reveal()
        self._address = settings.metrics
        self._telemetry = Telemetry(NAME)
        self._measures = Measures(self._telemetry)
        self._scenario = settings.clock == "scenario"
        self._wall, self._stop = wall, stop
        self._pause_s = _FIRST_PAUSE_S
        self._deliveries = {
            name: Delivery(self._dsn, name, channel, wall, stop)
            for name, channel in channels.items()
        }

    def run(self) -> int:
        """0 when it was asked to stop, 1 when a delivery died. Raises SettingsError."""
        self._telemetry.listen(self._address)
        try:
            self._follow_for_ever()
        finally:
            self._stop.set()
            for delivery in self._deliveries.values():
                if delivery.ident:
                    delivery.join(_PATIENCE_S)
        return int(any(delivery.died for delivery in self._deliveries.values()))

    def _follow_for_ever(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(connect(self._dsn, stage=NAME)) as db:
                    self._follow(db)
            except StoreUnavailable as error:
                self._telemetry.beat("waiting", str(error))
                log.warning("alerts waits: %s", error)
                self._stop.wait(self._pause_s)
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _follow(self, db: Database) -> None:
        db.listen("warning", "action", "progress", "clock")
        self._beat(db, "starting")
        follower = Follower(db, self._wall, scenario=self._scenario)
        self._start_deliveries()
        self._pause_s, beaten_s = _FIRST_PAUSE_S, 0.0
        while not self._stop.is_set():
            changes = follower.step()
            self._measures.changed(changes)
            for change in changes:
                log.info("%s %s: %s", change.change, change.level.word, change.alert)
            if time.monotonic() - beaten_s >= _BEAT_EVERY_S:
                beaten_s = time.monotonic()
                self._beat(db, "running")
            db.wait(_LOOK_EVERY_S)

    def _start_deliveries(self) -> None:
        # Not before a first connection stood: what is wrong with it is then said once.
        for delivery in self._deliveries.values():
            if not delivery.ident:
                delivery.start()

    def _beat(self, db: Database, state: str) -> None:
        waiting = {name: delivery.undelivered for name, delivery in self._deliveries.items()}
        self._measures.waiting(waiting)
        left = sum(waiting.values())
        detail = f"{left} messages are not delivered yet" if left else ""
        stages.beat(db, NAME, os.getpid(), state, detail, self._wall.now())
        self._telemetry.beat(state, detail)
