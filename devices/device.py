"""Honest firmware of one device, without a wire: numbers, buffer, window, receipts.

What it promises: a message that was recorded stays in the buffer until a receipt covers it, or
until the buffer is full; then the oldest is declared gone, never silently dropped. The broker's
acknowledgement frees nothing. `now_at` is the device's clock [microseconds since 1970], `tick_s`
a monotonic clock [s] that serves retries only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from devices import waveform
from devices.buffer import Buffer, Key, Message
from devices.ranges import Range, covers, merged, outside
from devices.senml import Value, encode
from devices.waveform import Stretch
from records.times import SECOND

BURST = 50  # Messages given out in one go, so that one device's backlog delays no other.
FIRST_WINDOW = 100
FIRST_RETRY_S = 15.0
LONGEST_RETRY_S = 240.0
# What a receipt misses may just be on its way: each time it is sent it gets twice as long. At a
# fixed time a link or a store that is slower than that would carry more and more repeats.
ASKED_AGAIN_S = 3.0
RETRIED_AT_ONCE = 10
_BEFORE_ALL = Key(-1, -1)


class Receipt(msgspec.Struct, frozen=True):
    """What the server has settled of one boot: all through `through` but what is missing."""

    boot: int
    through: int
    missing: list[tuple[int, int]] = []
    window: int = FIRST_WINDOW


class Sent(NamedTuple):
    """When a message was sent last, and how long after that it is sent again if it is missed."""

    at_s: float
    patience_s: float = ASKED_AGAIN_S

    def again(self, tick_s: float) -> Sent:
        return Sent(tick_s, min(2 * self.patience_s, LONGEST_RETRY_S))


class Outgoing(NamedTuple):
    """A message to publish now: `channel` is `readings`, `waveform` or `backlog`."""

    channel: str
    key: Key
    payload: bytes


class Firmware:
    """One device since its last start. `first_boot` counts only for a device without a past."""

    def __init__(
        self, device: str, buffer: Buffer, *, late_after_s: float, capacity: int, first_boot: int
    ) -> None:
        self.device = device
        self.boot = buffer.next_boot(device, first_boot)
        self.next_seq = 0
        self.window = FIRST_WINDOW
        self._buffer = buffer
        self._late_after = round(late_after_s * SECOND)
        self._capacity = capacity
        self._held = buffer.count(device)
        self._under_way: dict[Key, Sent] = {}
        self._asked: set[Key] = set()
        self._retry_s = FIRST_RETRY_S
        self._retried_s = float("-inf")
        self._online = False
        self._live = self._old = self._old_end = _BEFORE_ALL
        # (boot, first to last) of messages that nobody will ever get.
        self.gone = buffer.gone(device)

    def record(self, measured_at: int, values: Sequence[Value]) -> Key:
        """Number a sample, write it into the buffer, make room where it is full."""
        key = Key(self.boot, self.next_seq)
        return self._keep(Message(key, measured_at, encode(self.device, *key, measured_at, values)))

    def record_stretch(self, stretch: Stretch) -> Key:
        """As `record`, for evenly spaced samples."""
        key = Key(self.boot, self.next_seq)
        return self._keep(Message(key, stretch.start_at, waveform.encode(*key, stretch)))

    def _keep(self, message: Message) -> Key:
        self._buffer.append(self.device, message)
        self.next_seq += 1
        self._held += 1
        if self._held > self._capacity:
            self._make_room()
        return message.key

    def connected(self, now_at: int) -> None:
        """A new connection: what no receipt covers is sent again, the newest first by lane."""
        self._online = True
        self._under_way.clear()
        self._asked.clear()
        self._retry_s = FIRST_RETRY_S
        first = self._buffer.first_since(self.device, now_at - self._late_after)
        self._old, self._old_end = _BEFORE_ALL, first or Key(self.boot, self.next_seq)
        self._live = Key(self._old_end.boot, self._old_end.seq - 1)

    def disconnected(self) -> None:
        self._online = False

    def outgoing(self, now_at: int, tick_s: float) -> list[Outgoing]:
        """What to publish now. Empty without a connection or with a full window."""
        if not self._online:
            return []
        again = self._again(tick_s)
        room = min(self.window - len(self._under_way), BURST)
        live = self._buffer.after(self.device, self._live, room) if room > 0 else []
        if live:
            self._live = live[-1].key
        old = self._backlog(room - len(live))
        for message in again:
            self._under_way[message.key] = self._under_way[message.key].again(tick_s)
        for message in (*live, *old):
            self._under_way[message.key] = Sent(tick_s)
        return [self._lane(message, now_at) for message in (*again, *live, *old)]

    def settle(self, receipt: Receipt) -> None:
        """Free what the receipt covers, and note what it misses. A receipt of a boot that has
        not been, or of numbers that were never sent, changes nothing beyond what was sent."""
        if receipt.boot > self.boot:
            return
        self.window = max(receipt.window, 1)
        last = receipt.through
        if receipt.boot == self.boot:
            last = min(last, self.next_seq - 1)
        freed = 0
        for part in outside(0, last, receipt.missing):
            freed += self._buffer.free(self.device, receipt.boot, part)
        self._held -= freed
        if freed:
            self._retry_s = FIRST_RETRY_S
        for key in [k for k in self._under_way if k.boot == receipt.boot and k.seq <= last]:
            if covers(receipt.missing, key.seq):
                self._asked.add(key)
            else:
                del self._under_way[key]
                self._asked.discard(key)
        self._review_gone(receipt, last)

    def _again(self, tick_s: float) -> list[Message]:
        """Messages to repeat: asked for by a receipt, or unanswered for long."""
        due = [key for key in self._asked if self._is_missed(key, tick_s)][:BURST]
        keys = sorted({*due, *self._silent(tick_s)})
        self._asked.difference_update(keys)
        found = [self._buffer.get(self.device, key) for key in keys]
        return [message for message in found if message is not None]

    def _is_missed(self, key: Key, tick_s: float) -> bool:
        at_s, patience_s = self._under_way[key]
        return tick_s - at_s >= patience_s

    def _silent(self, tick_s: float) -> list[Key]:
        """The few that have waited longest, once in `_retry_s`: the others have waited as long,
        and without an answer more of them would only be more of the same."""
        sent_s = min((sent.at_s for sent in self._under_way.values()), default=tick_s)
        if tick_s - max(sent_s, self._retried_s) < self._retry_s:
            return []
        self._retried_s = tick_s
        self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
        oldest = sorted((sent.at_s, key) for key, sent in self._under_way.items())
        return [key for _, key in oldest[:RETRIED_AT_ONCE]]

    def _backlog(self, room: int) -> list[Message]:
        if room <= 0 or self._old >= self._old_end:
            return []
        behind = self._buffer.after(self.device, self._old, room)
        old = [message for message in behind if message.key < self._old_end]
        self._old = old[-1].key if len(old) == room else self._old_end
        return old

    def _lane(self, message: Message, now_at: int) -> Outgoing:
        late = now_at - message.written_at > self._late_after
        live = "waveform" if waveform.is_packet(message.payload) else "readings"
        return Outgoing("backlog" if late else live, message.key, message.payload)

    def _make_room(self) -> None:
        """Let the oldest tenth go at once, so that it doesn't happen at each sample."""
        count = max(self._capacity // 10, self._held - self._capacity)
        for boot, part in self._buffer.drop_oldest(self.device, count):
            self._held -= part[1] - part[0] + 1
            self._declare(boot, [part])
        for key in [k for k in self._under_way if self._buffer.get(self.device, k) is None]:
            del self._under_way[key]
            self._asked.discard(key)

    def _review_gone(self, receipt: Receipt, last: int) -> None:
        """Missed and not here: gone. Declared gone and missed no longer: the server knows."""
        missing = [(max(a, 0), min(b, last)) for a, b in receipt.missing if a <= last and b >= 0]
        known = [part for boot, part in self.gone if boot == receipt.boot]
        settled = {part for part in known if part[1] <= last and not _overlaps(part, missing)}
        if settled:
            kept = [(b, p) for b, p in self.gone if b != receipt.boot or p not in settled]
            self._set_gone(kept)
        lost: list[Range] = []
        for within in missing:
            held = self._buffer.held(self.device, receipt.boot, within)
            lost += outside(*within, [*held, *known])
        self._declare(receipt.boot, lost)

    def _declare(self, boot: int, lost: Sequence[Range]) -> None:
        if lost:
            others = [(b, part) for b, part in self.gone if b != boot]
            parts = merged([*(part for b, part in self.gone if b == boot), *lost])
            self._set_gone(sorted([*others, *((boot, part) for part in parts)]))

    def _set_gone(self, gone: list[tuple[int, Range]]) -> None:
        self.gone = gone
        self._buffer.set_gone(self.device, gone)


def _overlaps(part: Range, others: Sequence[Range]) -> bool:
    return any(first <= part[1] and part[0] <= last for first, last in others)
