"""Messages that wait to be stored, in the order of their sessions, cut at any message."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.arrivals import Arrival
from ingest.session import Received, Session

# Beyond this nothing more is read, so that the broker (and then the devices) keep it.
ROOM_MESSAGES = 50_000
ROOM_BYTES = 64 * 1024 * 1024
# What a message counts for beside its payload: an empty one costs time, too.
MESSAGE_BYTES = 64


class Reception(NamedTuple):
    """What came at once over one session.

    topics  of each delivery, as text; None where it is only to be acknowledged
    at      when the first one came (microseconds since 1970), each other one a microsecond later
    """

    session: Session
    received: Received
    topics: list[str | None]
    at: int

    @property
    def messages(self) -> int:
        """How many are more than to be acknowledged."""
        return len(self.topics) - self.topics.count(None)

    @property
    def size_bytes(self) -> int:
        """Of what is more than to be acknowledged."""
        return sum(
            MESSAGE_BYTES + len(delivery.payload)
            for delivery, topic in zip(self.received.deliveries, self.topics, strict=True)
            if topic is not None
        )

    def cut(self, size_bytes: int) -> tuple[Reception, Reception]:
        """The first deliveries up to this size, at least one, and the others."""
        size = count = 0
        for delivery, topic in zip(self.received.deliveries, self.topics, strict=True):
            count += 1
            size += 0 if topic is None else MESSAGE_BYTES + len(delivery.payload)
            if size >= size_bytes:
                break
        return self._part(0, count), self._part(count, len(self.topics))

    def _part(self, start: int, end: int) -> Reception:
        received = self.received._replace(deliveries=self.received.deliveries[start:end])
        return Reception(self.session, received, self.topics[start:end], self.at + start)

    def arrivals(self) -> list[Arrival]:
        return [
            Arrival(topic, delivery.payload, at)
            for at, (delivery, topic) in enumerate(
                zip(self.received.deliveries, self.topics, strict=True), self.at
            )
            if topic is not None
        ]


@dataclass(slots=True)
class Pending:
    """Arrivals, and the receptions to acknowledge for them."""

    arrivals: list[Arrival] = field(default_factory=list)
    received: list[tuple[Session, Received]] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, reception: Reception, size_bytes: int) -> None:
        self.arrivals += reception.arrivals()
        self.size_bytes += size_bytes
        self.received.append((reception.session, reception.received))


class Waiting:
    """A queue of receptions. What is only to be acknowledged takes no room in it."""

    def __init__(self, receptions: Iterable[Reception] = ()) -> None:
        # With its size in bytes.
        self._queue: deque[tuple[Reception, int]] = deque()
        self._sessions: Counter[Session] = Counter()
        self.messages = self.size_bytes = 0
        for reception in receptions:
            self.add(reception)

    def __bool__(self) -> bool:
        return bool(self._queue)

    @property
    def has_room(self) -> bool:
        return self.messages < ROOM_MESSAGES and self.size_bytes < ROOM_BYTES

    def holds(self, session: Session) -> bool:
        return session in self._sessions

    def add(self, reception: Reception) -> None:
        size = reception.size_bytes
        self._queue.append((reception, size))
        self._sessions[reception.session] += 1
        self.messages += reception.messages
        self.size_bytes += size

    def of(self, sessions: Collection[Session]) -> Waiting:
        """What came on these sessions; the next owner of another gets the rest from the broker."""
        return Waiting(x for x, _ in self._queue if x.session in sessions)

    def take(self, size_bytes: int, stamp: Callable[[int], int] | None = None) -> Pending:
        """The first ones up to this size; at least one message where there is one.

        `stamp` gives the moment of the first of so many, where they get theirs only now.
        """
        taken = Pending()
        while self._queue and taken.size_bytes < size_bytes:
            reception, size = self._first(size_bytes - taken.size_bytes)
            if stamp is not None:
                reception = reception._replace(at=stamp(len(reception.topics)))
            self.size_bytes -= size
            self.messages -= reception.messages
            taken.add(reception, size)
        return taken

    def _first(self, room_bytes: int) -> tuple[Reception, int]:
        """As much of the first reception as there is room for, and its size."""
        whole, size = self._queue.popleft()
        if size > room_bytes:
            first, rest = whole.cut(room_bytes)
            if rest.topics:
                part = first.size_bytes
                self._queue.appendleft((rest, size - part))
                return first, part
        self._forget(whole.session)
        return whole, size

    def _forget(self, session: Session) -> None:
        self._sessions[session] -= 1
        if not self._sessions[session]:
            del self._sessions[session]
