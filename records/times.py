"""Moments as integers: microseconds since 1970-01-01 UTC.

Columns of readings, the store and every decision use this one form, so that two paths can't
differ by a rounding. A value ends in `_at`; durations are seconds and end in `_s`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)\Z",
    re.ASCII,
)


def from_seconds(seconds: float) -> int:
    """Seconds since 1970 to microseconds, rounded half to even.

    Raises ValueError for NaN, infinities and anything outside the years 1 to 9999.
    """
    if not math.isfinite(seconds) or not -62_135_596_800 <= seconds < 253_402_300_800:
        raise ValueError(f"{seconds!r} is not a moment")
    whole = math.floor(seconds)
    return whole * SECOND + round((seconds - whole) * SECOND)


def from_datetime(moment: datetime) -> int:
    """An aware datetime to microseconds since 1970. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(moment_at: int) -> datetime:
    """Microseconds since 1970 to an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=moment_at)


def parse(text: str) -> int:
    """RFC 3339 with a zone (`2011-03-11T05:46:24Z`, fractions allowed) to microseconds.

    Digits after the sixth are rounded half to even. Raises ValueError for anything else.
    """
    found = _RFC3339.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2011-03-11T05:46:24Z")
    date, time, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}{'+00:00' if zone in 'Zz' else zone}")
        whole = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: {error}") from None
    nanos = int((fraction or "0").ljust(9, "0"))
    return from_datetime(whole) + round(nanos / 1000)


def text(moment_at: int) -> str:
    """Microseconds to RFC 3339 UTC, with a fraction only where there is one."""
    moment = to_datetime(moment_at)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}{fraction}Z"


def grid_after(moment_at: int, step: int) -> int:
    """The first multiple of `step` (microseconds) strictly after `moment_at`."""
    return (moment_at // step + 1) * step
