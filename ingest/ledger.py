"""The settled sequence numbers of every device and boot, in memory: what makes a message a repeat.

Beside them stands what a device has declared gone: receipts pass over it, and it makes nothing a
repeat, so that a message that was thought lost is stored when it comes after all.

It runs ahead of the store by the batch that is being committed; between batches the two are equal,
and only then are receipts written.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from store.readings import Settled

Key = tuple[int, int]
Ranges = tuple[tuple[int, int], ...]
# A device that counts in some other way than by one may not fill the memory and the store.
MOST_SPANS = 1_000
MOST_BOOTS = 1_000
# Receipts name that many gaps; what lies after a further one is not covered yet.
MOST_MISSING = 100
WINDOW = 500


class Answer(Enum):
    NEW = auto()
    REPEAT = auto()
    FULL = auto()


class Receipt(NamedTuple):
    """All of a boot's messages up to `through` are settled or gone, but for those in `missing`."""

    boot: int
    through: int
    missing: Ranges
    window: int = WINDOW


class Spans:
    """Whole numbers as sorted, disjoint, inclusive ranges that do not touch."""

    __slots__ = ("ends", "starts")

    def __init__(self, ranges: Ranges = ()) -> None:
        self.starts = [first for first, _ in ranges]
        self.ends = [last for _, last in ranges]

    def add(self, number: int) -> Answer:
        """NEW, REPEAT, or FULL where it would need a range too many (then nothing changes)."""
        starts, ends = self.starts, self.ends
        if ends and number == ends[-1] + 1:
            ends[-1] = number
            return Answer.NEW
        place = bisect_right(starts, number)
        if place and number <= ends[place - 1]:
            return Answer.REPEAT
        after_left = place > 0 and ends[place - 1] == number - 1
        before_right = place < len(starts) and starts[place] == number + 1
        if after_left and before_right:
            ends[place - 1] = ends.pop(place)
            del starts[place]
        elif after_left:
            ends[place - 1] = number
        elif before_right:
            starts[place] = number
        elif len(starts) >= MOST_SPANS:
            return Answer.FULL
        else:
            starts.insert(place, number)
            ends.insert(place, number)
        return Answer.NEW

    def add_range(self, first: int, last: int) -> Answer:
        """Add first to last; the answers are those of `add`. NEW: some of it was."""
        starts, ends = self.starts, self.ends
        # From `left` up to `right` are the ranges that it overlaps or touches.
        left, right = bisect_left(ends, first - 1), bisect_right(starts, last + 1)
        if left == right:
            if len(starts) >= MOST_SPANS:
                return Answer.FULL
            starts.insert(left, first)
            ends.insert(left, last)
            return Answer.NEW
        if starts[left] <= first and last <= ends[left]:
            return Answer.REPEAT
        starts[left:right] = [min(first, starts[left])]
        ends[left:right] = [max(last, ends[right - 1])]
        return Answer.NEW

    def extend(self, first: int, last: int) -> None:
        """Add a range that begins no earlier than those before it, however many there are."""
        if self.ends and first <= self.ends[-1] + 1:
            self.ends[-1] = max(last, self.ends[-1])
        else:
            self.starts.append(first)
            self.ends.append(last)

    def ranges(self) -> Ranges:
        return tuple(zip(self.starts, self.ends, strict=True))

    def gaps(self) -> list[tuple[int, int]]:
        """What is missing below the highest number, from 0 on."""
        before = [-1, *self.ends[:-1]]
        pairs = zip(before, self.starts, strict=True) if self.starts else ()
        return [(end + 1, start - 1) for end, start in pairs if start > end + 1]


class Ledger:
    """Settled numbers by (device number, boot), and what was added since the last batch."""

    def __init__(
        self,
        settled: Mapping[Key, Ranges] | None = None,
        gone: Mapping[Key, Ranges] | None = None,
    ) -> None:
        settled, gone = settled or {}, gone or {}
        self._spans = {key: Spans(settled.get(key, ())) for key in (*settled, *gone)}
        self._gone = {key: Spans(ranges) for key, ranges in gone.items()}
        self._boots: dict[int, int] = {}
        for device, _ in self._spans:
            self._boots[device] = self._boots.get(device, 0) + 1
        self._news: dict[Key, list[int]] = {}
        self._gone_news: set[Key] = set()

    def settle(self, key: Key, seq: int) -> Answer:
        """Settle one message. FULL: it can't be kept in the ledger, take it as best effort."""
        spans = self._spans.get(key) or self._begin(key)
        if spans is None:
            return Answer.FULL
        answer = spans.add(seq)
        if answer is Answer.NEW:
            news = self._news.get(key)
            if news is None:
                self._news[key] = [seq]
            else:
                news.append(seq)
        return answer

    def declare_gone(self, key: Key, first: int, last: int) -> Answer:
        """The device will never send these. FULL: it can't be kept, and they stay missing."""
        if key not in self._spans and self._begin(key) is None:
            return Answer.FULL
        answer = self._gone.setdefault(key, Spans()).add_range(first, last)
        if answer is Answer.NEW:
            self._gone_news.add(key)
        return answer

    def _begin(self, key: Key) -> Spans | None:
        """A boot that is not known yet; None where its device has had too many."""
        boots = self._boots.get(key[0], 0)
        if boots >= MOST_BOOTS:
            return None
        self._boots[key[0]] = boots + 1
        spans = self._spans[key] = Spans()
        return spans

    def news(self) -> tuple[Settled, ...]:
        """What was settled since the last call, by device and boot."""
        news, self._news = self._news, {}
        return tuple(
            Settled(device, boot, _ranges(numbers))
            for (device, boot), numbers in sorted(news.items())
        )

    def gone_news(self) -> tuple[Settled, ...]:
        """All that is gone of each boot where more of it is since the last call."""
        news, self._gone_news = self._gone_news, set()
        return tuple(Settled(*key, self._gone[key].ranges()) for key in sorted(news))

    def receipt(self, device: int, boot: int) -> Receipt | None:
        """What may be told the device; None where nothing of this boot is settled or gone."""
        spans = self._covered((device, boot))
        if spans is None or not spans.ends:
            return None
        gaps = spans.gaps()
        named = tuple(gaps[:MOST_MISSING])
        through = gaps[MOST_MISSING][0] - 1 if len(gaps) > MOST_MISSING else spans.ends[-1]
        return Receipt(boot, through, named)

    def _covered(self, key: Key) -> Spans | None:
        spans, gone = self._spans.get(key), self._gone.get(key)
        if spans is None or gone is None:
            return spans
        both = Spans()
        for first, last in sorted((*spans.ranges(), *gone.ranges())):
            both.extend(first, last)
        return both

    def newest_boots(self) -> dict[int, int]:
        """The highest boot of each device."""
        newest: dict[int, int] = {}
        for device, boot in self._spans:
            newest[device] = max(boot, newest.get(device, boot))
        return newest


def _ranges(numbers: list[int]) -> Ranges:
    if numbers[-1] - numbers[0] == len(numbers) - 1 and numbers == sorted(numbers):
        return ((numbers[0], numbers[-1]),)
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return tuple((first, last) for first, last in spans)
