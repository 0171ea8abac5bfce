"""What has come and is not yet committed: stamped, bounded, and handed on in batches.

What is live is stamped as it comes and handed on whole. A backlog is handed on in pieces, stamped
only then: so moments follow the order of commits over both lanes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
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


# A piece of a backlog is cut so that storing it takes about this long, within these bounds.
PIECE_S = 0.1
SMALLEST_PIECE_BYTES = 16 * 1024
LARGEST_PIECE_BYTES = 512 * 1024


@dataclass(slots=True)
class Pending:
    """Arrivals, and the receptions to acknowledge for them."""

    arrivals: list[Arrival] = field(default_factory=list)
    received: list[tuple[Session, Received]] = field(default_factory=list)
    size_bytes: int = 0


class Stamps:
    """Makes arrivals of deliveries: the topic as text, and a moment that no other one has."""

    def __init__(self, ignores: Callable[[str, bool], bool]) -> None:
        """`ignores`: whether a topic, of the strays' session or not, is only acknowledged."""
        self._ignores = ignores
        self._last_at = 0
        # Topic as text; None for what is ignored.
        self._texts: dict[tuple[bool, bytes], str | None] = {}

    def put(self, pending: Pending, received: Received, stray: bool, now_at: int) -> None:
        """Add the arrivals of one reception, in order on any clock (µs since 1970)."""
        at = max(now_at, self._last_at + 1)
        for delivery in received.deliveries:
            topic = self._text(delivery.topic, stray)
            if topic is not None:
                pending.arrivals.append(Arrival(topic, delivery.payload, at))
                pending.size_bytes += len(delivery.payload)
                at += 1
        self._last_at = at - 1

    def forget(self) -> None:
        """What is ignored has changed."""
        self._texts.clear()

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


class Inbox:
    """Collects receptions. Moments are microseconds since 1970, `now_s` monotonic seconds.

    `backlog` is the lane beside it, for what may wait.
    """

    def __init__(self, pace: Pace, ignores: Callable[[str, bool], bool]) -> None:
        """`ignores`: whether a topic, of the strays' session or not, is only acknowledged."""
        self._pace = pace
        self._stamps = Stamps(ignores)
        self._pending = Pending()
        self._first_s = 0.0
        self._last_s = 0.0
        self.backlog = Backlog(self._stamps)

    def add(
        self, session: Session, received: Received, stray: bool, now_at: int, now_s: float
    ) -> None:
        """Stamp and keep. Every message gets a moment of its own, in order, on any clock."""
        pending = self._pending
        if not pending.received:
            self._first_s = now_s
        self._last_s = now_s
        self._stamps.put(pending, received, stray, now_at)
        pending.received.append((session, received))

    @property
    def has_room(self) -> bool:
        pending = self._pending
        return len(pending.arrivals) < ROOM_MESSAGES and pending.size_bytes < ROOM_BYTES

    def wait_s(self, now_s: float) -> float:
        """How long to wait for more at most; 0 when it is a batch now."""
        pending, pace = self._pending, self._pace
        if not pending.received:
            return 0.0 if self.backlog.waits else pace.linger_s * 4
        count = len(pending.arrivals)
        if count >= pace.messages or pending.size_bytes >= pace.size_bytes:
            return 0.0
        until_s = self._first_s + pace.linger_s
        if count >= pace.quiet_from or not count:
            until_s = min(until_s, self._last_s + pace.quiet_s)
        return max(0.0, until_s - now_s)

    @property
    def count(self) -> int:
        """Messages that wait, of both lanes."""
        return len(self._pending.arrivals) + self.backlog.count

    @property
    def waits(self) -> bool:
        return bool(self._pending.received)

    def is_due(self, now_s: float) -> bool:
        return self.waits and self.wait_s(now_s) == 0.0

    def take(self) -> Pending:
        """Everything that has come so far."""
        pending, self._pending = self._pending, Pending()
        return pending

    def forget(self) -> None:
        """What is ignored has changed."""
        self._stamps.forget()


class Backlog:
    """Collects what may wait, and hands it on in pieces between what may not."""

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps
        self._waiting: deque[tuple[Session, Received]] = deque()
        self._messages = self._size_bytes = 0
        self._piece_bytes = SMALLEST_PIECE_BYTES

    def add(self, session: Session, received: Received) -> None:
        """Keep, in the order of the session."""
        self._count(received, 1)
        self._waiting.append((session, received))

    def keep(self, sessions: Collection[Session]) -> None:
        """Drop what came on any other session: its next owner gets it from the broker."""
        waiting, self._waiting = self._waiting, deque()
        self._messages = self._size_bytes = 0
        for session, received in waiting:
            if session in sessions:
                self.add(session, received)

    @property
    def has_room(self) -> bool:
        return self._messages < ROOM_MESSAGES and self._size_bytes < ROOM_BYTES

    @property
    def count(self) -> int:
        return self._messages

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def take(self, now_at: int) -> Pending:
        """The next piece, at least one message, stamped with the moment at which it is taken."""
        piece = Pending()
        room = self._piece_bytes
        while self._waiting and room > 0:
            session, received = self._waiting.popleft()
            part, rest = _cut(received, room)
            if rest.deliveries:
                self._waiting.appendleft((session, rest))
            room -= self._count(part, -1)
            self._stamps.put(piece, part, False, now_at)
            piece.received.append((session, part))
        return piece

    def took(self, spent_s: float) -> None:
        """How long the last piece was being stored: the next one is cut to `PIECE_S`."""
        wanted = self._piece_bytes * PIECE_S / max(spent_s, PIECE_S / 2)
        self._piece_bytes = min(max(round(wanted), SMALLEST_PIECE_BYTES), LARGEST_PIECE_BYTES)

    def _count(self, received: Received, sign: int) -> int:
        size = sum(len(delivery.payload) for delivery in received.deliveries)
        self._messages += sign * len(received.deliveries)
        self._size_bytes += sign * size
        return size


def _cut(received: Received, size_bytes: int) -> tuple[Received, Received]:
    """The first deliveries up to this size, at least one, and the others."""
    size = count = 0
    for delivery in received.deliveries:
        size += len(delivery.payload)
        count += 1
        if size >= size_bytes:
            break
    first, rest = received.deliveries[:count], received.deliveries[count:]
    return received._replace(deliveries=first), received._replace(deliveries=rest)
