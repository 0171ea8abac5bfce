"""The lead of a replay: one chunk of arrivals, then everybody settles, then the clock moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hoshyar.chunks import Chunk
from hoshyar.playing import Player
from records.case import BOOT, Message
from records.errors import StoreUnavailable
from store import clock, readings, stages
from store.connection import Database, connect
from store.directory import Registry

# Followers that decide, in the order in which the clock reaches them.
FOLLOWERS = ("models", "alerts")
LOOK_EVERY_S = 0.25
ASK_AGAIN_S = 2.0
RECONNECT_S = 0.5
Answer = TypeVar("Answer")


class Lead:
    """Leads one replay.

    look  called often while waiting: keeps the stages alive, raises when somebody wants to stop
    """

    def __init__(
        self,
        dsn: str,
        registry: Registry,
        messages: Sequence[Message],
        player: Player,
        look: Callable[[], None],
    ) -> None:
        self._dsn = dsn
        self._number = registry.device_number
        self._messages = messages
        self._player = player
        self._look = look
        self._db: Database | None = None
        # Devices of which what is published now reaches ingest.
        self._sure: set[str] = set()

    def run(self, chunks: Iterable[Chunk], done: Callable[[Chunk], None]) -> None:
        """Play all chunks; `done` is called after each. Raises what `look` raises."""
        # Silence counts from when models begin: let them see the start before the clock moves.
        start_at = self._ask(clock.scenario)
        if start_at is not None:
            self._await_follower("models", start_at)
        for chunk in chunks:
            self._settle(chunk)
            self._ask(lambda db, at=chunk.until_at: clock.set_scenario(db, at))  # type: ignore[misc]
            for name in FOLLOWERS:
                self._await_follower(name, chunk.until_at)
            done(chunk)

    def close(self) -> None:
        if self._db:
            self._db.close()

    def _settle(self, chunk: Chunk) -> None:
        """Until the ledger holds every message of the chunk.

        The ledger is asked, not the broker: what a killed stage or broker has forgotten is
        published again, and what is there already changes nothing. After trouble one message of
        each device goes ahead, so that none overtakes another while ingest is not yet listening
        again (to one device it may be, and not to the next): the checks of a series' values go by
        their order.
        """
        while (missing := self._missing(chunk.first, chunk.end)) is not None:
            end = self._sure_end(missing, chunk.end)
            self._player.ask(missing, end)
            if self._await_ledger(missing, end):
                self._sure.update(map(self._device, range(missing, end)))
            else:
                self._sure.clear()

    def _sure_end(self, first: int, end: int) -> int:
        """Up to where messages may be published at once: of a device that is not sure, one."""
        ahead: set[str] = set()
        for place in range(first, end):
            device = self._device(place)
            if device in ahead:
                return place
            if device not in self._sure:
                ahead.add(device)
        return end

    def _await_ledger(self, first: int, end: int) -> bool:
        """True when the ledger holds these messages, False when nothing more comes."""
        asked_s = time.monotonic()
        while (missing := self._missing(first, end)) is not None:
            if missing != first:
                asked_s, first = time.monotonic(), missing
            if self._player.answered() and time.monotonic() - asked_s > ASK_AGAIN_S:
                return False
            self._wait()
        return True

    def _missing(self, first: int, end: int) -> int | None:
        """Place of the first of these messages that the ledger doesn't hold."""
        ledger = self._ask(readings.ledger)
        through = {
            device: _through(ledger.get((number, BOOT), ()))
            for device, number in self._number.items()
        }
        return next(
            (n for n in range(first, end) if self._messages[n].seq > through[self._device(n)]),
            None,
        )

    def _device(self, place: int) -> str:
        return self._messages[place].device

    def _await_follower(self, name: str, until_at: int) -> None:
        def reached(db: Database) -> bool:
            progress = stages.progress(db, name)
            return progress is not None and progress.through_at >= until_at

        while not self._ask(reached):
            self._wait()

    def _wait(self) -> None:
        self._look()
        self._ask(lambda db: db.wait(LOOK_EVERY_S))

    def _ask(self, question: Callable[[Database], Answer]) -> Answer:
        """Ask the store, again and again while it can't be reached."""
        while True:
            try:
                if self._db is None:
                    self._db = connect(self._dsn, stage="replay")
                    self._db.listen("batch", "progress")
                return question(self._db)
            except StoreUnavailable:
                if self._db:
                    self._db.close()
                    self._db = None
                self._look()
                time.sleep(RECONNECT_S)


def _through(ranges: Sequence[tuple[int, int]]) -> int:
    """The last number that is settled without gaps from 0; -1 where 0 is missing."""
    return ranges[0][1] if ranges and ranges[0][0] == 0 else -1
