"""Messages without a sequence number, recognised by the digest of their bytes for a stated time."""

from __future__ import annotations

from collections.abc import Mapping

from records.times import HOUR

# How long the same bytes on the same topic are taken for the same message.
WINDOW = HOUR
MOST_MESSAGES = 200_000


class Recent:
    """Arrival (microseconds) by digest, the oldest first but for those of one batch."""

    def __init__(self, seen: Mapping[bytes, int] | None = None) -> None:
        self._at = dict(sorted((seen or {}).items(), key=lambda item: item[1]))

    def is_new(self, message: bytes, received_at: int) -> bool:
        """True the first time within the window; a repeat does not prolong it."""
        before_at = self._at.get(message)
        if before_at is not None:
            if before_at >= received_at - WINDOW:
                return False
            del self._at[message]
        if len(self._at) >= MOST_MESSAGES:
            del self._at[next(iter(self._at))]
        self._at[message] = received_at
        return True

    def forget(self, now_at: int) -> None:
        """Let go of what is older than the window by then."""
        while self._at:
            oldest = next(iter(self._at))
            if self._at[oldest] >= now_at - WINDOW:
                return
            del self._at[oldest]
