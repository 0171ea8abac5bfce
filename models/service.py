"""The stage: follows the store's batches, writes warnings, and can be killed at any moment.

Warnings, the position among the batches and the detectors' state are committed together. What was
not committed is read and decided again from the last commit, with the same result.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple
from functools import partial

from models import packets
from models.atwork import AtWork, loaded
from models.engine import Engine
from models.keys import model_key
from models.measures import Measures
from models.tenths import WATCHED_DAYS, drift
from records.clock import Clock, WallClock
from records.errors import SettingsError, StoreUnavailable
from records.readings import ReadingBatch, concatenate
from records.settings import Secret, Settings
from records.statements import HazardWarning
from records.telemetry import Telemetry
from records.times import DAY, SECOND
from store import clock as scenario_clock
from store import registry, stages, warnings, watched
from store.connection import Database, connect
from store.follow import StoredBatch, batches_after, lines_since

STAGE = "models"
_BEAT_S = 2.0
_SAVE_S = 5.0
_LOOK_S = 60.0
_WAIT_S = 0.3
# Of two workers the one may commit later what it received earlier. Where several store, each row
# is decided so long after its arrival (microseconds): all that arrived before is visible by then.
HOLD = 300_000
_LINE_LIVES = 60 * SECOND
_MOST_ROWS = 200_000
_RETRY_S = (0.5, 1.0, 2.0, 5.0)

log = logging.getLogger(__name__)


class Follower:
    """One connection's worth of following. After any error make a new one: it starts again from
    what was committed.

    scenario  True: time is the store's scenario clock, and rows wait until it has reached them
    clock     the machine's time, for signs of life and, without a scenario, for decisions
    key       gives what trained models are signed with: the first training makes it
    """

    def __init__(
        self,
        db: Database,
        *,
        scenario: bool,
        clock: Clock,
        measures: Measures | None = None,
        key: Callable[[], Secret] = lambda: Secret(""),
    ) -> None:
        self._db = db
        self._scenario = scenario
        self._clock = clock
        self._measures = measures or Measures(Telemetry(STAGE))
        self._key = key
        self._registry = registry.load(db)
        self._models = self._trained()
        self._positions: dict[int, int] = {}
        self._engine: Engine | None = None
        self._said: list[HazardWarning] = []
        self._saved = time.monotonic()
        self._looked = -_LOOK_S
        db.listen("batch", "clock", "registry")

    def step(self) -> bool:
        """Do what there is to do. True where more may wait already, False to wait for news."""
        now_at = self._now()
        if now_at is None:
            return False
        engine = self._engine or self._begin(now_at)
        engine = self._engine = self._reloaded(engine)
        if self._scenario:
            return self._follow_scenario(engine, now_at)
        return self._follow_wall(engine, now_at)

    def save(self) -> None:
        """Commit warnings, position and state together."""
        if self._engine is None:
            return
        positions = {str(worker): number for worker, number in self._positions.items()}
        with self._db.transaction():
            warnings.append(self._db, self._said)
            stages.save_progress(
                self._db, STAGE, self._engine.through_at, positions, self._engine.save()
            )
            for seen in self._engine.seen():
                watched.add(self._db, *astuple(seen))
        self._look_at_models(self._engine.through_at)
        self._said = []
        self._saved = time.monotonic()

    @property
    def through_at(self) -> int | None:
        return None if self._engine is None else self._engine.through_at

    def _now(self) -> int | None:
        return scenario_clock.scenario(self._db) if self._scenario else self._clock.now()

    def _begin(self, now_at: int) -> Engine:
        """The engine as it was committed last; a first one begins now."""
        progress = stages.progress(self._db, STAGE)
        if progress is None:
            self._engine = self._made(self._started_at(now_at))
            # Silence counts from here, also for whoever starts after a kill.
            self.save()
            return self._engine
        engine = self._made(progress.through_at)
        self._said += engine.load(progress.snapshot)
        self._positions = {int(w): number for w, number in progress.positions.items()}
        return engine

    def _made(self, started_at: int) -> Engine:
        return Engine(self._registry, started_at=started_at, models=self._models)

    def _trained(self) -> list[AtWork]:
        """The trained models; `refused` says which others there are, and why."""
        models, self.refused = loaded(self._db, self._registry.network, self._key())
        for complaint in self.refused:
            log.error("%s", complaint)
        self._measures.refused(len(self.refused))
        return models

    def _look_at_models(self, now_at: int) -> None:
        """Say how each trained model has done in the last days, now and then."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        for model in self._models:
            seen = watched.since(self._db, model.number, now_at // DAY - WATCHED_DAYS)
            if seen is not None and seen.rows:
                coverage = seen.scored / seen.rows
                self._measures.watched(model.label, coverage, drift(seen.scores))

    def _started_at(self, now_at: int) -> int:
        """Now, or before the first arrival: who begins late still decides each in its time."""
        stored = self._batches({}, limit_rows=1)
        arrivals = [int(b.readings.received_at.min()) for b in stored if len(b.readings)]
        return min([now_at, *(at - 1 for at in arrivals)])

    def _reloaded(self, engine: Engine) -> Engine:
        """The same engine, or one for the registry as it is now that goes on where it stood."""
        if registry.version(self._db) == self._registry.version:
            return engine
        self.save()
        self._registry = registry.load(self._db)
        self._models = self._trained()
        changed = self._made(engine.through_at)
        self._said += changed.load(engine.save())
        return changed

    def _follow_scenario(self, engine: Engine, now_at: int) -> bool:
        """Everything up to the scenario's moment at once: it moves when all of it is stored."""
        if now_at <= engine.through_at and not self._said:
            return False
        rows: list[ReadingBatch] = []
        while found := self._due(self._batches(self._positions), now_at):
            rows += [batch.readings for batch in found]
            self._positions.update({batch.worker: batch.number for batch in found})
        self._decide(engine, concatenate(rows), now_at)
        self.save()
        return False

    def _decide(self, engine: Engine, rows: ReadingBatch, now_at: int) -> None:
        began_s = time.monotonic()
        said = engine.advance(rows, now_at)
        self._said += said
        self._measures.decided(len(rows), said, time.monotonic() - began_s)
        self._measures.reached(engine.through_at, self._now() or now_at)

    def _batches(
        self, positions: Mapping[int, int], *, limit_rows: int = _MOST_ROWS
    ) -> list[StoredBatch]:
        """The next ones, with the samples of their waveform packets as rows."""
        as_rows = partial(packets.rows, self._registry)
        return batches_after(self._db, positions, limit_rows=limit_rows, packets=as_rows)

    def _due(self, found: list[StoredBatch], now_at: int) -> list[StoredBatch]:
        """Without a worker's batches from the first on that holds a row of later than now."""
        due: list[StoredBatch] = []
        waiting: set[int] = set()
        for batch in sorted(found, key=lambda b: (b.worker, b.number)):
            arrivals = batch.readings.received_at
            if len(arrivals) and arrivals.max() > now_at:
                waiting.add(batch.worker)
            if batch.worker not in waiting:
                due.append(batch)
        return due

    def _follow_wall(self, engine: Engine, now_at: int) -> bool:
        """The next batches; timers run up to now only once no batch is left to read."""
        found = self._batches(self._positions)
        if lines_since(self._db, now_at - _LINE_LIVES) > 1:
            now_at -= HOLD
            found = self._due(found, now_at)
        if found:
            now_at = max(batch.received_at for batch in found)
        rows = concatenate([batch.readings for batch in found])
        now_at = max(now_at, int(rows.received_at.max(initial=now_at)))
        self._decide(engine, rows, now_at)
        self._positions.update({batch.worker: batch.number for batch in found})
        if self._said or time.monotonic() - self._saved >= _SAVE_S:
            self.save()
        return bool(found)


def watch(settings: Settings, stopped: threading.Event, clock: Clock | None = None) -> None:
    """Follow the store until `stopped`. A store that goes away is waited for.

    Raises SettingsError where waiting can't help.
    """
    if not settings.dsn:
        raise SettingsError("HOSHYAR_DSN is not set: give the database, or start `hoshyar up`")
    telemetry = Telemetry(STAGE)
    telemetry.listen(settings.metrics)
    measures = Measures(telemetry)
    failures = 0

    def worked() -> None:
        nonlocal failures
        failures = 0

    while not stopped.is_set():
        try:
            with connect(settings.dsn.reveal(), stage=STAGE) as db:
                follower = Follower(
                    db,
                    scenario=settings.clock == "scenario",
                    clock=clock or WallClock(),
                    measures=measures,
                    key=partial(model_key, settings),
                )
                _follow(db, follower, stopped, clock or WallClock(), worked, telemetry)
        except StoreUnavailable as error:
            pause = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
            failures += 1
            telemetry.beat("waiting", str(error))
            log.warning("the store is away, trying again in %s s: %s", pause, error)
            stopped.wait(pause)


def _follow(
    db: Database,
    follower: Follower,
    stopped: threading.Event,
    clock: Clock,
    worked: Callable[[], None],
    telemetry: Telemetry,
) -> None:
    beaten = -_BEAT_S
    while not stopped.is_set():
        if time.monotonic() - beaten >= _BEAT_S:
            detail = "; ".join(follower.refused)
            stages.beat(db, STAGE, os.getpid(), "running", detail, clock.now())
            telemetry.beat("running", detail)
            beaten = time.monotonic()
        more = follower.step()
        worked()
        if not more:
            db.wait(_WAIT_S)
    follower.save()
