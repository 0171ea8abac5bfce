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
ASK_AGAIN_S = 3.0
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
        # Device id -> how many of its messages have been played; their numbers count from 0.
        self._played: dict[str, int] = {}

    def run(self, chunks: Iterable[Chunk], done: Callable[[Chunk], None]) -> None:
        """Play all chunks; `done` is called after each. Raises what `look` raises."""
        for chunk in chunks:
            for message in self._messages[chunk.first : chunk.end]:
                self._played[message.device] = message.seq + 1
            if chunk.end > chunk.first:
                self._settle(chunk)
            self._ask(lambda db, at=chunk.until_at: clock.set_scenario(db, at))  # type: ignore[misc]
            for name in FOLLOWERS:
                self._await_follower(name, chunk.until_at)
            done(chunk)

    def close(self) -> None:
        if self._db:
            self._db.close()

    def _settle(self, chunk: Chunk) -> None:
        """Until the ledger holds every message up to the chunk's end.

        The ledger is asked, not the broker: what a killed stage or broker has forgotten is
        published again, and what is there already changes nothing.
        """
        self._player.ask(chunk.first, chunk.end)
        asked_s, before = time.monotonic(), chunk.first
        while (missing := self._missing(chunk)) is not None:
            if missing != before:
                asked_s, before = time.monotonic(), missing
            if self._player.answered() and time.monotonic() - asked_s > ASK_AGAIN_S:
                self._player.ask(missing, chunk.end)
                asked_s = time.monotonic()
            self._wait()

    def _missing(self, chunk: Chunk) -> int | None:
        """Place of the first message of the chunk that the ledger doesn't hold yet."""
        ledger = self._ask(readings.ledger)
        through = {
            device: _through(ledger.get((self._number[device], BOOT), ()))
            for device in self._played
        }
        if all(through[device] + 1 >= count for device, count in self._played.items()):
            return None
        return next(
            place
            for place in range(chunk.first, chunk.end)
            if self._messages[place].seq > through[self._messages[place].device]
        )

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
