"""Messages without a sequence number, recognised by a hash of their bytes for a stated time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from records.times import HOUR

# How long the same bytes on the same topic are taken for the same message.
WINDOW = HOUR
MOST_MESSAGES = 200_000


def digest(topic: str, payload: bytes) -> bytes:
    """SHA-256 of topic and bytes: the same that the quarantine keeps."""
    return hashlib.sha256(topic.encode(errors="replace") + b"\0" + payload).digest()


class Recent:
    """Digests by arrival (microseconds), oldest first."""

    def __init__(self, seen: Mapping[bytes, int] | None = None) -> None:
        self._at = dict(sorted((seen or {}).items(), key=lambda item: item[1]))

    def is_new(self, message: bytes, received_at: int) -> bool:
        """True the first time within the window; a repeat does not prolong it."""
        self._forget(received_at)
        if message in self._at:
            return False
        if len(self._at) >= MOST_MESSAGES:
            del self._at[next(iter(self._at))]
        self._at[message] = received_at
        return True

    def _forget(self, now_at: int) -> None:
        while self._at:
            oldest = next(iter(self._at))
            if self._at[oldest] >= now_at - WINDOW:
                return
            del self._at[oldest]
