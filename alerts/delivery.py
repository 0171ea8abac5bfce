"""Delivery of what the outbox holds: each message at least once, with a receipt or an error.

Messages of one channel and topic go out in their order, so that an older state never replaces a
newer one; a topic that can't be served waits without holding up the others.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from records.clock import Clock
from records.errors import HoshyarError, StoreUnavailable
from records.times import MINUTE, SECOND, parse
from store import outbox
from store.connection import Database, connect
from store.outbox import Message

_FIRST_RETRY = SECOND
_LONGEST_RETRY = MINUTE
_LOOK_EVERY_S = 5.0
_STOP_EVERY_S = 1.0
_AT_ONCE = 1000
# Asks the outbox for everything undelivered: when a topic is tried again is decided here.
_ALWAYS = parse("9999-12-31T00:00:00Z")

log = logging.getLogger(__name__)


class NotDelivered(HoshyarError):
    """A channel did not take a message; it is tried again."""


class Channel(Protocol):
    """A way to reach somebody."""

    def connections(self) -> int:
        """How often it has connected: after each time the other side may have forgotten all."""

    def send(self, message: Message) -> str:
        """Deliver, and return a receipt once it is certain. Raises NotDelivered."""


class LogChannel:
    """A line to standard error."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stderr.buffer

    def connections(self) -> int:
        return 0

    def send(self, message: Message) -> str:
        try:
            self._stream.write(message.payload + b"\n")
            self._stream.flush()
        except OSError as error:
            raise NotDelivered(f"the log can't be written: {error}") from error
        return "written"


@dataclass(slots=True)
class _Wait:
    failures: int
    retry_at: int


class Round:
    """Delivers what is due on one channel, and remembers which topics wait until when."""

    def __init__(self, name: str, channel: Channel) -> None:
        self._name, self._channel = name, channel
        self._waiting: dict[str, _Wait] = {}
        self._restored: int | None = None
        self.undelivered = 0

    def deliver(self, db: Database, clock: Clock) -> float:
        """One pass over the outbox; returns the seconds after which the next is worth while."""
        if self._channel.connections() != self._restored:
            self._restore(db)
        pending = outbox.pending(db, _ALWAYS, _AT_ONCE)
        stopped = {topic for topic, wait in self._waiting.items() if wait.retry_at > clock.now()}
        left = 0
        for message in pending:
            if message.channel != self._name:
                continue
            if message.topic in stopped or not self._attempt(db, message, clock):
                stopped.add(message.topic)
                left += 1
        self.undelivered = left
        now_at = clock.now()
        waits = [(wait.retry_at - now_at) / SECOND for wait in self._waiting.values()]
        return max(0.0, min([_LOOK_EVERY_S, *waits]))

    def _restore(self, db: Database) -> None:
        """Say again what is retained: a broker without a disk has forgotten it in its restart.

        Also at the start of this process, which can't know what happened before it.
        """
        retained = outbox.retained(db, self._name)
        connections = self._channel.connections()
        try:
            for place, message in enumerate(retained):
                self._channel.send(message)
                if place == 0:
                    # Sending may have connected; what was sent before a later one may be lost.
                    connections = self._channel.connections()
        except NotDelivered as error:
            log.warning("retained states are not said again yet: %s", error)
            return
        self._restored = connections

    def _attempt(self, db: Database, message: Message, clock: Clock) -> bool:
        try:
            receipt = self._channel.send(message)
        except NotDelivered as error:
            before = self._waiting.get(message.topic)
            failures = before.failures + 1 if before else 1
            pause = min(_FIRST_RETRY * 2 ** min(failures - 1, 10), _LONGEST_RETRY)
            self._waiting[message.topic] = _Wait(failures, clock.now() + pause)
            outbox.failed(db, message.number, str(error), clock.now() + pause)
            log.warning("not delivered on %s %s: %s", message.channel, message.topic, error)
            return False
        self._waiting.pop(message.topic, None)
        outbox.delivered(db, message.number, receipt, clock.now())
        return True


class Delivery(threading.Thread):
    """One channel's thread, with a connection of its own: nobody waits for a slow channel."""

    def __init__(
        self, dsn: str, name: str, channel: Channel, clock: Clock, stop: threading.Event
    ) -> None:
        # A daemon: an answer that doesn't come must not keep the stage from stopping.
        super().__init__(name=f"delivery-{name}", daemon=True)
        self._dsn, self._clock, self._stop_asked = dsn, clock, stop
        self._round = Round(name, channel)
        self._finished = False

    @property
    def undelivered(self) -> int:
        """Messages that were not delivered at the last pass."""
        return self._round.undelivered

    @property
    def died(self) -> bool:
        """True where the thread ended otherwise than asked."""
        return bool(self.ident) and not self.is_alive() and not self._finished

    def run(self) -> None:
        """Until asked to stop. Whatever ends it ends the stage: a mute stage is a dead one."""
        try:
            while not self._stop_asked.is_set():
                try:
                    with closing(connect(self._dsn, stage=f"alerts-{self.name}")) as db:
                        self._work(db)
                except StoreUnavailable as error:
                    log.warning("delivery waits: %s", error)
                    self._stop_asked.wait(1.0)
            self._finished = True
        finally:
            self._stop_asked.set()

    def _work(self, db: Database) -> None:
        db.listen("outbox")
        while not self._stop_asked.is_set():
            wait_s = self._round.deliver(db, self._clock)
            while wait_s > 0 and not self._stop_asked.is_set():
                if db.wait(min(wait_s, _STOP_EVERY_S)):
                    break
                wait_s -= _STOP_EVERY_S
