"""Where `now` comes from. Only a clock knows; everything that decides is handed its answer."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, in microseconds since 1970 UTC."""

    def now(self) -> int: ...


class WallClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000


class ScenarioClock:
    """A clock that stands still until it is told: for replays and tests."""

    def __init__(self, now_at: int) -> None:
        self._now_at = now_at

    def now(self) -> int:
        return self._now_at

    def advance(self, now_at: int) -> None:
        """Move to `now_at`. Raises ValueError when that is in the past."""
        if now_at < self._now_at:
            raise ValueError("a clock does not run backwards")
        self._now_at = now_at
