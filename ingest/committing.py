"""A commit under way: the store writes one batch while the loop reads and takes the next.

There is at most one. Whoever began it ends it before anything else is said to the store, and before
anybody hears of what is in it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ingest.telling import Told
from ingest.waiting import Pending
from store.connection import Database
from store.readings import Commit, Committed

CommitTo = Callable[[Database, Commit], Committed]


class Taken(NamedTuple):
    """What is to be committed, and what is said once it is.

    `spent_s` went into taking it; `took` is to be told how long it took in all, and whether there
    was anything to store.
    """

    pending: Pending
    work: Commit
    spent_s: float
    took: Callable[[Pending, float, bool], None]
    commands: list[tuple[str, bytes]]
    receipts: list[Told]


class Done(NamedTuple):
    """What became of it, None where there was nothing to store, and how long that took."""

    committed: Committed | None
    spent_s: float


class Committing:
    """`commit` stores one commit. Can be watched for reading: readable when one is done."""

    def __init__(self, commit: CommitTo) -> None:
        self._commit = commit
        self._pool = ThreadPoolExecutor(1, "commit")
        self._done, self._bell = socket.socketpair()
        self._future: Future[Done] | None = None
        self.under_way: Taken | None = None

    def fileno(self) -> int:
        return self._done.fileno()

    @property
    def is_done(self) -> bool:
        """Whether there is one to `end` without waiting."""
        return self._future is not None and self._future.done()

    def begin(self, db: Database, taken: Taken) -> None:
        """Nothing else may use the database until `end`."""
        assert self._future is None
        self.under_way = taken
        self._future = self._pool.submit(self._carry_out, db, taken.work)
        self._future.add_done_callback(lambda _: self._bell.send(b"."))

    def end(self) -> tuple[Taken, Done]:
        """Wait for the one under way. Raises what `commit` raised."""
        assert self._future is not None
        assert self.under_way is not None
        future, self._future = self._future, None
        taken, self.under_way = self.under_way, None
        try:
            return taken, future.result()
        finally:
            self._done.recv(1)

    def close(self) -> None:
        """Waits for the one under way; nobody hears of it."""
        self._pool.shutdown()
        self._done.close()
        self._bell.close()

    def _carry_out(self, db: Database, work: Commit) -> Done:
        if not work.has_news:
            return Done(None, 0.0)
        began_s = time.monotonic()
        return Done(self._commit(db, work), time.monotonic() - began_s)
