"""Which span of days a partition of readings covers. Days are counted since 1970-01-01 UTC.

A day near its arrival has a partition of its own. What arrives long after shares one of a month or
a year: a device whose clock jumps about can't make ten thousand tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

_EPOCH = date(1970, 1, 1)
_NAME = re.compile(r"reading_(\d{8})_(\d{8})")
_RECENT_DAYS = 31
_THIS_YEAR_DAYS = 366


@dataclass(frozen=True, slots=True)
class Span:
    """Days `first` <= day < `end`."""

    first: int
    end: int

    def __contains__(self, day: int) -> bool:
        return self.first <= day < self.end

    @property
    def name(self) -> str:
        return f"reading_{_date(self.first):%Y%m%d}_{_date(self.end):%Y%m%d}"

    @property
    def first_text(self) -> str:
        return f"{_date(self.first).isoformat()} 00:00:00+00"

    @property
    def end_text(self) -> str:
        return f"{_date(self.end).isoformat()} 00:00:00+00"

    @classmethod
    def named(cls, name: str) -> Span:
        """The span of a partition's name. Raises ValueError for another table's."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"{name} is not a partition of readings")
        return cls(*(_day(date.fromisoformat(text)) for text in match.groups()))


def span_for(day: int, today: int, taken: Sequence[Span]) -> Span:
    """The span of a new partition for `day` when `today` is the day of arrival.

    It overlaps none of `taken`, and none of them may hold `day`.
    """
    whole = _period(day, today)
    first = max([whole.first, *(span.end for span in taken if span.end <= day)])
    end = min([whole.end, *(span.first for span in taken if span.first > day)])
    return Span(first, end)


def width_days(day: int, today: int) -> int:
    """How many days a chunk for `day` covers where chunks have widths, not calendar spans.

    No wide one reaches today: it is narrower than the day is away.
    """
    away = abs(today - day)
    return 1 if away <= _RECENT_DAYS else 30 if away <= _THIS_YEAR_DAYS else 365


def _period(day: int, today: int) -> Span:
    if abs(today - day) <= _RECENT_DAYS:
        return Span(day, day + 1)
    then = _date(day)
    if abs(today - day) <= _THIS_YEAR_DAYS:
        month = then.replace(day=1)
        return Span(_day(month), _day((month + timedelta(days=32)).replace(day=1)))
    return Span(_day(date(then.year, 1, 1)), _day(date(then.year + 1, 1, 1)))


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def _day(then: date) -> int:
    return (then - _EPOCH).days
