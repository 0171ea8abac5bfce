"""Commits of several workers at once: none waits for another's disk."""

from __future__ import annotations

import threading
from collections.abc import Callable

from store.connection import Database, connect
from store.readings import Committed
from tests.databases import with_sessions

Store = Callable[..., Committed]


@with_sessions
def test_a_worker_commits_while_another_one_is_about_to(
    dsn: str, db: Database, store: Store
) -> None:
    store([(1, 0, 1.0), (2, 0, 1.0)])
    done: list[Committed] = []
    with connect(dsn, stage="first") as first, connect(dsn, stage="second") as second:
        first.listen("batch")

        def other() -> None:
            done.append(store([(2, 60, 1.0)], 1, db=second, worker=2))

        with db.transaction():
            store([(1, 60, 1.0)], 1, worker=1)
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(10)
            assert done == [Committed(1, 1, 0, 0)]
        assert first.wait(5)
