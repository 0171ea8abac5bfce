"""Alert lines: one JSON object a change, the same bytes for the same changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from records.language import phrase
from records.statements import AlertChange
from records.times import text


def fields(change: AlertChange) -> dict[str, Any]:
    """One change as the documented fields, in their order.

    at        RFC 3339 UTC
    level     the new level as a word; `green` = over
    stations  ids that agree now
    reason    in English
    lead_s    seconds to the expected onset, None where none is known
    """
    return {
        "at": text(change.at),
        "alert": change.alert,
        "change": change.change,
        "hazard": change.hazard.value,
        "area": change.area,
        "level": change.level.word,
        "stations": list(change.stations),
        "reason": phrase(change.reason, "en"),
        "lead_s": change.lead_s,
        "detector": change.detector,
        "status": change.status.value,
    }


def line(change: AlertChange) -> bytes:
    """One line without its end."""
    return msgspec.json.encode(fields(change))


def lines(changes: Iterable[AlertChange]) -> bytes:
    """JSON lines in UTF-8, each ended by a newline; nothing for no change."""
    return b"".join(line(change) + b"\n" for change in changes)
