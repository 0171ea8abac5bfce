"""What has come and is not yet committed: stamped, bounded, and handed on in portions.

What is live is stamped as it comes and handed on as much at a time as can be stored in a quarter of
a second. A backlog is handed on in smaller pieces, stamped only then: so moments follow the order
of commits over both lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from ingest.portions import Portions
from ingest.session import Received, Session
from ingest.waiting import Pending, Reception, Waiting

_MOST_TOPICS = 50_000


class Pace(NamedTuple):
    """When what has come is a batch.

    messages, size_bytes  at once when there are so many
    linger_s              so long after the first one in any case
    quiet_s, quiet_from   earlier when nothing has come for so long and there are so many
    """

    messages: int = 5_000
    size_bytes: int = 8 * 1024 * 1024
    linger_s: float = 0.1
    quiet_s: float = 0.002
    quiet_from: int = 16


# In a replay somebody waits for each batch.
LOCKSTEP = Pace(quiet_s=0.002, quiet_from=1)


# A batch, and a piece of a backlog, are cut so that storing them takes about this long, within
# these bounds: nobody's live reading or receipt waits for more than the one that is under way.
BATCH_S = 0.25
PIECE_S = 0.1
SMALLEST_BYTES = 16 * 1024
LARGEST_BATCH_BYTES = 8 * 1024 * 1024
LARGEST_PIECE_BYTES = 512 * 1024


class Stamps:
    """Gives deliveries their topic as text, and a moment that no other one has."""

    def __init__(self, ignores: Callable[[str, bool], bool]) -> None:
        """`ignores`: whether a topic, of the strays' session or not, is only acknowledged."""
        self._ignores = ignores
        self._last_at = 0
        # Topic as text; None for what is ignored.
        self._texts: dict[tuple[bool, bytes], str | None] = {}

    def first_of(self, count: int, now_at: int) -> int:
        """The moment of the first of so many (µs since 1970), in order on any clock."""
        at = max(now_at, self._last_at + 1)
        self._last_at = at + count - 1
        return at

    def topics(self, received: Received, stray: bool) -> list[str | None]:
        """The topic of each, None for what is ignored now."""
        return [self._text(delivery.topic, stray) for delivery in received.deliveries]

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
        self._waiting = Waiting()
        self._portions = Portions(BATCH_S, SMALLEST_BYTES, LARGEST_BATCH_BYTES)
        self._first_s = 0.0
        self._last_s = 0.0
        self.backlog = Backlog(self._stamps)

    def add(
        self, session: Session, received: Received, stray: bool, now_at: int, now_s: float
    ) -> None:
        """Stamp and keep. Every message gets a moment of its own, in order, on any clock.

        What strays in with a backlog waits with it, and what comes after that on the same session.
        """
        topics = self._stamps.topics(received, stray)
        if stray and (self.backlog.holds(session) or _any_backlog(topics)):
            self.backlog.put(session, received, topics)
            return
        if not self._waiting:
            self._first_s = now_s
        self._last_s = now_s
        at = self._stamps.first_of(len(topics), now_at)
        self._waiting.add(Reception(session, received, topics, at))

    @property
    def has_room(self) -> bool:
        return self._waiting.has_room

    def wait_s(self, now_s: float) -> float:
        """How long to wait for more at most; 0 when it is a batch now."""
        waiting, pace = self._waiting, self._pace
        if not waiting:
            return 0.0 if self.backlog.waits else pace.linger_s * 4
        count = waiting.messages
        if count >= pace.messages or waiting.size_bytes >= pace.size_bytes:
            return 0.0
        until_s = self._first_s + pace.linger_s
        if count >= pace.quiet_from or not count:
            until_s = min(until_s, self._last_s + pace.quiet_s)
        return max(0.0, until_s - now_s)

    @property
    def count(self) -> int:
        """Messages that wait, of both lanes."""
        return self._waiting.messages + self.backlog.count

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def is_due(self, now_s: float) -> bool:
        return self.waits and self.wait_s(now_s) == 0.0

    @property
    def is_full(self) -> bool:
        """Whether no more than what waits would go into the next batch."""
        return self._waiting.size_bytes >= self._portions.size_bytes

    def take(self) -> Pending:
        """The next batch, as much as can be stored in time. What is left is due at once."""
        self._first_s = float("-inf")
        return self._waiting.take(self._portions.size_bytes)

    def took(self, pending: Pending, spent_s: float, stored: bool) -> None:
        """How long a batch took, to store or only to take: the next one is cut to `BATCH_S`."""
        self._portions.took(pending.size_bytes, spent_s, stored=stored)

    def keep(self, sessions: Collection[Session]) -> None:
        """Drop what came on any other session: its next owner gets it from the broker."""
        self._waiting = self._waiting.of(sessions)
        self.backlog.keep(sessions)

    def forget(self) -> None:
        """What is ignored has changed."""
        self._stamps.forget()


class Backlog:
    """Collects what may wait, and hands it on in pieces between what may not."""

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps
        self._waiting = Waiting()
        self._portions = Portions(PIECE_S, SMALLEST_BYTES, LARGEST_PIECE_BYTES)

    def add(self, session: Session, received: Received) -> None:
        """Keep, in the order of the session."""
        self.put(session, received, self._stamps.topics(received, False))

    def put(self, session: Session, received: Received, topics: list[str | None]) -> None:
        """Keep with topics that are known already."""
        self._waiting.add(Reception(session, received, topics, 0))

    def holds(self, session: Session) -> bool:
        return self._waiting.holds(session)

    def keep(self, sessions: Collection[Session]) -> None:
        """As `Inbox.keep`."""
        self._waiting = self._waiting.of(sessions)

    @property
    def has_room(self) -> bool:
        return self._waiting.has_room

    @property
    def count(self) -> int:
        return self._waiting.messages

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def take(self, now_at: int) -> Pending:
        """The next piece, at least one message, stamped with the moment at which it is taken."""
        size_bytes = self._portions.size_bytes
        return self._waiting.take(size_bytes, lambda n: self._stamps.first_of(n, now_at))

    def took(self, piece: Pending, spent_s: float, stored: bool) -> None:
        """How long a piece took, to store or only to take: the next one is cut to `PIECE_S`."""
        self._portions.took(piece.size_bytes, spent_s, stored=stored)


def _any_backlog(topics: list[str | None]) -> bool:
    return any(topic is not None and topic.endswith("/backlog") for topic in topics)
