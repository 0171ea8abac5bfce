"""JSON numbers near the ends of what a double holds: reading many of them is slow.

A decimal that is very large, very small or between two doubles is read digit by digit, in up to
10 us each (`1e-310` a million bytes long: 0.9 s, measured). No sensor sends such in masses, so of
one message they are counted before it is read.
"""

from __future__ import annotations

import re

from records.errors import BadMessage, Reason

MOST_EXTREMES = 500
# An exponent of ten of 50 or more, either way, whatever zeros stand before it.
_EXTREME = re.compile(rb"[eE][+-]?0*+(?:[5-9]\d|[1-9]\d\d)")
# The shortest is `1e99,`.
_HARMLESS_BYTES = 5 * MOST_EXTREMES


def check(payload: bytes) -> None:
    """Raises BadMessage (`too large`) for more of them than cost a few milliseconds."""
    if len(payload) <= _HARMLESS_BYTES or _marks(payload) <= MOST_EXTREMES:
        return
    for count, _ in enumerate(_EXTREME.finditer(payload)):
        if count >= MOST_EXTREMES:
            found = f"more than {MOST_EXTREMES} exponents of 50 or more"
            raise BadMessage(Reason.TOO_LARGE, found)


def _marks(payload: bytes) -> int:
    """At most so many exponents: to count letters is many times faster than to search for them."""
    return payload.count(b"e") + payload.count(b"E")
