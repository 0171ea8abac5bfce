"""JSON objects whose fields a feed maps: `{"ts": 1763900000, "data": {"level_cm": 241.7}}`.

A field is written as its path (`data.level_cm`). Null is a missing value. With `each` the items of
an array are read each for itself; time and names that an item lacks are looked for outside.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ingest import extremes
from ingest.decoders import Content, Decoder, Identity
from ingest.fields import Fields, Rows, absolute, number
from ingest.senml import LARGEST_SEQUENCE
from records import times
from records.errors import BadMessage, Reason
from records.foreign import Feed
from records.times import SECOND

VERSION = "flat-json-1"
# Objects, arrays and fields of one message: what they may cost in time and memory is bounded.
_MOST_OPENED = 10_000
_MOST_FIELDS = 10_000
# Texts may hold colons too, a time two or three.
_MOST_COLONS = 4 * _MOST_FIELDS
_LONGEST_NAME = 200

_JSON = msgspec.json.Decoder(dict[str, Any])
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """Values by path: of the message itself, and of each item of its array.

    `unmapped` is a field that the feed doesn't know, "" where there is none.
    """

    outside: Found
    items: list[Found]
    unmapped: str


class FlatJson:
    """The decoder of one feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._fields = Fields(feed)
        self._own = {name for name in (feed.boot, feed.seq, feed.device_field, feed.each) if name}
        self._own |= {feed.time.field} if feed.time else set()
        self.decoder = Decoder(
            VERSION,
            self.decode,
            self.content,
            self.identity if feed.seq else _no_identity,
            device=self.device if feed.device_field else None,
        )

    def decode(self, payload: bytes) -> Message:
        """Raises BadMessage (`undecodable`, `too large`)."""
        walk = _Walk(self._fields, self._own)
        outside = walk.flat(parse(payload, _JSON))
        if not self._feed.each:
            return Message(outside, [{}], walk.unmapped)
        found = outside.pop(self._feed.each, None)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise BadMessage(Reason.UNDECODABLE, f"field {self._feed.each!r} is no list of objects")
        return Message(outside, [walk.flat(item) for item in found], walk.unmapped)

    def device(self, message: Message) -> str:
        name = message.outside.get(self._feed.device_field)
        return name if isinstance(name, str) and len(name) <= _LONGEST_NAME else ascii(name)[:80]

    def identity(self, message: Message) -> Identity | None:
        """Raises BadMessage (`bad sequence`)."""
        boot, seq = (message.outside.get(name) for name in (self._feed.boot, self._feed.seq))
        if boot is None and seq is None:
            return None
        for name, value in ((self._feed.boot, boot), (self._feed.seq, seq)):
            if type(value) is not int or not 0 <= value <= LARGEST_SEQUENCE:
                raise BadMessage(Reason.BAD_SEQUENCE, f"{name} is {ascii(value)[:80]}")
        return boot, seq  # type: ignore[return-value]  # both are int here

    def content(self, message: Message, received_at: int) -> Content:
        """Raises BadMessage."""
        if message.unmapped:
            raise self._fields.unmapped(message.unmapped)
        rows = Rows()
        for item in message.items:
            found = {**message.outside, **item} if item else message.outside
            seconds = self._seconds(found, received_at)
            # A field outside the array is read once, with the first item.
            for path in found if item is message.items[0] else item:
                key = self._fields.keys.get(path)
                if key is not None and found[path] is not None:
                    rows.add(key, number(found[path], path), seconds)
        return Content(rows.columns())

    def _seconds(self, found: Found, received_at: int) -> float:
        time = self._feed.time
        if time is None:
            return received_at / SECOND
        said = found.get(time.field)
        if time.form == "iso8601":
            try:
                return absolute(times.parse(said if isinstance(said, str) else "") / SECOND)
            except ValueError:
                found_it = f"field {time.field!r}: {ascii(said)[:60]} is no ISO 8601 time with zone"
                raise BadMessage(Reason.IMPOSSIBLE_TIME, found_it) from None
        if said is None:
            raise BadMessage(Reason.IMPOSSIBLE_TIME, f"no field {time.field!r}")
        return absolute(number(said, time.field) / (1000 if time.form == "epoch-ms" else 1))


class _Walk:
    """Through the objects of one message; their fields are counted."""

    def __init__(self, fields: Fields, own: Container[str]) -> None:
        self._fields, self._own = fields, own
        self._done = 0
        self.unmapped = ""

    def flat(self, root: Mapping[str, Any]) -> Found:
        """Values by path, but for what is ignored or not known. Raises BadMessage."""
        found: Found = {}
        todo: list[tuple[str, Mapping[str, Any]]] = [("", root)]
        while todo:
            before, fields = todo.pop()
            self._done += len(fields)
            if self._done > _MOST_FIELDS:
                raise BadMessage(Reason.TOO_LARGE, f"more than {_MOST_FIELDS} fields")
            for name, value in fields.items():
                path = before + name
                if path in self._fields.keys or path in self._own:
                    found[path] = value
                elif self._fields.ignored(path):
                    continue
                elif isinstance(value, dict) and len(path) <= _LONGEST_NAME:
                    todo.append((f"{path}.", value))
                else:
                    self.unmapped = self.unmapped or path
        return found


def _no_identity(_: Message) -> None:
    return None


def parse(payload: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """JSON with bounds. Raises BadMessage (`undecodable`, `too large`)."""
    if payload.count(b"{") + payload.count(b"[") > _MOST_OPENED:
        raise BadMessage(Reason.TOO_LARGE, f"more than {_MOST_OPENED} objects and arrays")
    if payload.count(b":") > _MOST_COLONS:
        raise BadMessage(Reason.TOO_LARGE, f"more than {_MOST_COLONS} colons")
    extremes.check(payload)
    try:
        return decoder.decode(payload)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise BadMessage(Reason.UNDECODABLE, ascii(str(error))[1:-1][:200]) from None
