"""What the screens' scripts share with the server in the same process."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab_ui.hub import Hub
from records.clock import Clock
from records.errors import StoreUnavailable
from store.connection import Database, connect

IDLE_CONNECTIONS = 3


@dataclass(slots=True)
class Runtime:
    hub: Hub
    clock: Clock
    dsn: str
    _idle: queue.LifoQueue[Database] = field(
        default_factory=lambda: queue.LifoQueue(IDLE_CONNECTIONS)
    )

    @contextmanager
    def store(self) -> Iterator[Database]:
        """A connection for one thread's few statements. Raises StoreUnavailable."""
        try:
            db = self._idle.get_nowait()
        except queue.Empty:
            db = connect(self.dsn, stage="lab_ui")
        try:
            yield db
        except StoreUnavailable:
            db.close()
            raise
        try:
            self._idle.put_nowait(db)
        except queue.Full:
            db.close()


_current: list[Runtime] = []


def begin(hub: Hub, clock: Clock, dsn: str) -> None:
    """Called once, before the server starts."""
    _current[:] = [Runtime(hub, clock, dsn)]


def current() -> Runtime:
    return _current[0]
