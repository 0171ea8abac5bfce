"""From a foreign feed's mapping to columns: which field is which reading, what is ignored."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping

from ingest.gathering import EARLIEST
from ingest.senml import Columns
from records.errors import BadMessage, Reason
from records.foreign import Feed
from records.times import SECOND

# Of one message: what a reader of untrusted bytes may spend on it.
MOST_VALUES = 5_000


class Fields:
    """The readings of one feed."""

    def __init__(self, feed: Feed, always_ignored: Iterable[str] = ()) -> None:
        self.keys: Mapping[str, tuple[str, str | None]] = {
            reading.field: (f"{reading.point}:{reading.quantity}", reading.unit)
            for reading in feed.readings
        }
        patterns = [fnmatch.translate(pattern) for pattern in (*feed.ignore, *always_ignored)]
        self._ignored = re.compile("|".join(patterns) or r"(?!)")

    def ignored(self, field: str) -> bool:
        return self._ignored.match(field) is not None

    def unmapped(self, field: str) -> BadMessage:
        return BadMessage(Reason.UNKNOWN_QUANTITY, f"field {ascii(field)[:120]} is not mapped")


class Rows:
    """Readings of one message, one after the other."""

    def __init__(self) -> None:
        self._keys: list[tuple[str, str | None]] = []
        self._values: list[float] = []
        self._seconds: list[float] = []

    def add(self, key: tuple[str, str | None], value: float, seconds: float) -> None:
        """Raises BadMessage for one reading too many."""
        if len(self._values) >= MOST_VALUES:
            raise BadMessage(Reason.TOO_LARGE, f"more than {MOST_VALUES} readings")
        self._keys.append(key)
        self._values.append(value)
        self._seconds.append(seconds)

    def columns(self) -> Columns | None:
        """None where there is no reading."""
        if not self._values:
            return None
        return Columns(("", None), self._keys, self._values, self._seconds)


def absolute(seconds: float) -> float:
    """The time of a foreign message, s since 1970. Raises BadMessage: it is never relative."""
    if not seconds >= EARLIEST / SECOND:
        raise BadMessage(Reason.IMPOSSIBLE_TIME, f"time {seconds!r} s")
    return seconds


def number(value: object, field: str) -> float:
    """Raises BadMessage for what is no number or no double holds."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        found = f"field {ascii(field)[:120]}: {ascii(value)[:40]} is no number"
        raise BadMessage(Reason.UNDECODABLE, found)
    try:
        return float(value)
    except OverflowError:
        raise BadMessage(Reason.NOT_FINITE, f"field {ascii(field)[:120]}") from None
