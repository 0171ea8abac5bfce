"""Which devices are due a receipt, and when: rate-limited, never forgotten."""

from __future__ import annotations

from collections.abc import Iterable

Key = tuple[int, int]
EVERY_S = 1.0


class DueReceipts:
    """(device number, boot) that were promised a receipt; times are monotonic seconds."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._due: dict[Key, None] = {}
        self._sent_s: dict[Key, float] = {}

    def add(self, keys: Iterable[Key]) -> None:
        """Something of theirs is settled."""
        for key in keys:
            self._due.setdefault(key)

    def at_once(self, key: Key) -> None:
        """The device has just come: it is not kept waiting."""
        self._sent_s.pop(key, None)
        self._due.setdefault(key)

    def ready(self, now_s: float) -> list[Key]:
        """Those whose turn it is. Call `sent` for each that went out."""
        never = -self._every_s
        return [
            key
            for key in self._due
            if now_s - self._sent_s.get(key, now_s + never) >= self._every_s
        ]

    def sent(self, key: Key, now_s: float) -> None:
        self._due.pop(key, None)
        # Only the rate of those that send now matters.
        self._sent_s.pop(key, None)
        self._sent_s[key] = now_s
        while self._sent_s and now_s - next(iter(self._sent_s.values())) > self._every_s:
            del self._sent_s[next(iter(self._sent_s))]
