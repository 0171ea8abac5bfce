"""The embedded PostgreSQL as a part that is supervised like a stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from store.embedded import EmbeddedServer

LOOK_EVERY_S = 0.1


class EmbeddedDatabase:
    """Started and looked at by one thread only: on Linux the server ends with that thread."""

    name = "database"
    # A clean stop writes everything to disk, which a slow disk takes its time for.
    grace_s = 60.0
    exit_code: int | None = None

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._server = EmbeddedServer(folder)
        self._say = say
        self.dsn = ""

    def start(self) -> None:
        """Start it and wait until it answers. Raises SettingsError."""
        self.dsn = self._server.start(self._say)

    @property
    def pid(self) -> int | None:
        return self._server.pid

    def alive(self) -> bool:
        return self._server.pid is not None

    def ask_to_end(self) -> None:
        self._server.stop()

    def wait(self, timeout_s: float) -> bool:
        """True when it has ended within `timeout_s`."""
        until_s = time.monotonic() + timeout_s
        while self.alive() and time.monotonic() < until_s:
            time.sleep(LOOK_EVERY_S)
        return not self.alive()

    def kill(self) -> None:
        """The same as a stop: nothing committed may be put at risk, and it ends with us anyway."""
        self._server.stop()

    def last_words(self) -> str:
        return ""

    def trim(self) -> None:
        """Its log is begun anew at each start."""
