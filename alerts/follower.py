"""Follows models' warnings and people's actions, and commits what they change, exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from alerts import announcement, memory
from alerts.announcement import Announcement
from alerts.engine import Alerting
from alerts.policy import GRID
from records.clock import Clock
from records.network import Network
from records.statements import Action, AlertChange, HazardWarning
from records.times import SECOND
from store import clock as scenario_clock
from store import incidents, outbox, registry, stages, warnings
from store.connection import Database

MODELS = "models"
_SAVE_EVERY = 5 * SECOND
_AT_ONCE = 10_000


class Follower:
    """One connection's worth of following; after StoreUnavailable a new one is made.

    scenario  time is the store's clock, set by a replay; otherwise it is `wall`
    """

    def __init__(self, db: Database, wall: Clock, *, scenario: bool) -> None:
        self._db, self._wall, self._scenario = db, wall, scenario
        self._version = registry.version(db)
        self._network: Network = registry.load(db).network
        self._alerting, self._positions = memory.recall(db, self._network, scenario=scenario)
        self._saved_at = self._alerting.clock_at

    @property
    def alerting(self) -> Alerting:
        return self._alerting

    def step(self) -> list[AlertChange]:
        """Take what there is, decide, and commit it. Raises StoreUnavailable."""
        self._reload()
        through_at = stages.through_at(self._db, MODELS)
        heard = self._heard(through_at)
        done = self._done()
        now_at = self._now(through_at, [warning for _, warning in heard])
        if not heard and not done and now_at <= self._alerting.clock_at:
            return []
        changes = self._alerting.advance([w for _, w in heard], [a for _, a in done], now_at)
        for name, taken in (("warning", heard), ("action", done)):
            self._positions[name] = max([self._positions[name], *(number for number, _ in taken)])
        if heard or done or changes or self._scenario or now_at - self._saved_at >= _SAVE_EVERY:
            self._commit(changes)
            self._saved_at = now_at
        return changes

    def _reload(self) -> None:
        version = registry.version(self._db)
        if version != self._version:
            self._version = version
            self._network = registry.load(self._db).network
            self._alerting.reload(self._network)

    def _heard(self, through_at: int | None) -> list[tuple[int, HazardWarning]]:
        """New warnings; in a replay those that models have finished a chunk with."""
        found: list[tuple[int, HazardWarning]] = []
        number = self._positions["warning"]
        while more := warnings.after(self._db, number, _AT_ONCE):
            found += more
            number = more[-1][0]
        if not self._scenario:
            return found
        through = [number for number, w in found if through_at is None or w.decided_at > through_at]
        return [pair for pair in found if pair[0] < min(through, default=pair[0] + 1)]

    def _done(self) -> list[tuple[int, Action]]:
        return incidents.actions_after(self._db, self._positions["action"], _AT_ONCE)

    def _now(self, through_at: int | None, heard: Sequence[HazardWarning]) -> int:
        """How far the clock may be followed.

        Never past what models have come through: while they are dead no timer runs, so that
        their silence ends nothing. Live, timers move in steps of the grid; between those the
        clock goes by the warnings, so that each counts at the moment that decided it.
        """
        reached = self._alerting.clock_at
        if through_at is not None:
            if self._scenario:
                scenario_at = scenario_clock.scenario(self._db)
                reached = max(reached, min(through_at, scenario_at or 0))
            else:
                reached = max(reached, min(through_at, self._wall.now()) // GRID * GRID)
        return max([reached, *(warning.decided_at for warning in heard)])

    def _commit(self, changes: Sequence[AlertChange]) -> None:
        with self._db.transaction():
            incidents.append(self._db, changes)
            for said in self._announcements(changes):
                outbox.put(
                    self._db, said.channel, said.topic, said.payload, said.retain, said.alert
                )
            memory.keep(self._db, self._alerting, self._positions)

    def _announcements(self, changes: Sequence[AlertChange]) -> list[Announcement]:
        histories = {c.alert: incidents.history(self._db, c.alert) for c in changes}
        to_come = Counter(change.alert for change in changes)
        found: list[Announcement] = []
        for change in changes:
            history = histories[change.alert]
            to_come[change.alert] -= 1
            found += announcement.of_change(
                history[: len(history) - to_come[change.alert]], self._network
            )
        for (hazard, area), last in {(c.hazard, c.area): c for c in changes}.items():
            standing = self._alerting.standing(hazard, area)
            found.append(announcement.of_standing(last, standing, self._network))
        return found
