"""What has come and is not yet committed: stamped, bounded, and handed on in batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.intake import Arrival
from ingest.session import Received, Session

# Beyond this nothing more is read, so that the broker (and then the devices) keep it.
ROOM_MESSAGES = 50_000
ROOM_BYTES = 64 * 1024 * 1024
_MOST_TOPICS = 50_000


class Pace(NamedTuple):
    """When what has come is a batch.

    messages, size_bytes  at once when there are so many
    linger_s              so long after the first one in any case
    quiet_s, quiet_from   earlier when nothing has come for so long and there are so many
    """

    messages: int = 5_000
    size_bytes: int = 8 * 1024 * 1024
    linger_s: float = 0.05
    quiet_s: float = 0.002
    quiet_from: int = 16


# In a replay somebody waits for each batch.
LOCKSTEP = Pace(quiet_s=0.002, quiet_from=1)


@dataclass(slots=True)
class Pending:
    """Arrivals, and the receptions to acknowledge for them."""

    arrivals: list[Arrival] = field(default_factory=list)
    received: list[tuple[Session, Received]] = field(default_factory=list)
    size_bytes: int = 0


class Inbox:
    """Collects receptions. Moments are microseconds since 1970, `now_s` monotonic seconds."""

    def __init__(self, pace: Pace, ignores: Callable[[str, bool], bool]) -> None:
        """`ignores`: whether a topic, of the strays' session or not, is only acknowledged."""
        self._pace = pace
        self._ignores = ignores
        self._pending = Pending()
        self._first_s = 0.0
        self._last_s = 0.0
        self._last_at = 0
        # Topic as text; None for what is ignored.
        self._texts: dict[tuple[bool, bytes], str | None] = {}

    def add(
        self, session: Session, received: Received, stray: bool, now_at: int, now_s: float
    ) -> None:
        """Stamp and keep. Every message gets a moment of its own, in order, on any clock."""
        pending = self._pending
        if not pending.received:
            self._first_s = now_s
        self._last_s = now_s
        at = max(now_at, self._last_at + 1)
        for delivery in received.deliveries:
            topic = self._text(delivery.topic, stray)
            if topic is not None:
                pending.arrivals.append(Arrival(topic, delivery.payload, at))
                pending.size_bytes += len(delivery.payload)
                at += 1
        self._last_at = at - 1
        pending.received.append((session, received))

    @property
    def has_room(self) -> bool:
        pending = self._pending
        return len(pending.arrivals) < ROOM_MESSAGES and pending.size_bytes < ROOM_BYTES

    def wait_s(self, now_s: float) -> float:
        """How long to wait for more at most; 0 when it is a batch now."""
        pending, pace = self._pending, self._pace
        if not pending.received:
            return pace.linger_s * 4
        count = len(pending.arrivals)
        if count >= pace.messages or pending.size_bytes >= pace.size_bytes:
            return 0.0
        until_s = self._first_s + pace.linger_s
        if count >= pace.quiet_from or not count:
            until_s = min(until_s, self._last_s + pace.quiet_s)
        return max(0.0, until_s - now_s)

    def is_due(self, now_s: float) -> bool:
        return bool(self._pending.received) and self.wait_s(now_s) == 0.0

    def take(self) -> Pending:
        """Everything that has come so far."""
        pending, self._pending = self._pending, Pending()
        return pending

    def _text(self, topic: bytes, stray: bool) -> str | None:
        key = (stray, topic)
        try:
            return self._texts[key]
        except KeyError:
            pass
        text = topic.decode("utf-8", "replace")
        if len(self._texts) >= _MOST_TOPICS:
            self._texts.clear()
        self._texts[key] = None if self._ignores(text, stray) else text
        return self._texts[key]

    def forget(self) -> None:
        """What is ignored has changed."""
        self._texts.clear()
