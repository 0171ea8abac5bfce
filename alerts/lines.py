"""Alert lines: one JSON object a change, the same bytes for the same changes and the same names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from alerts.lifecycle import Change
from alerts.naming import sentence
from records.network import Network
from records.statements import AlertChange
from records.times import text

# Changes that say why the level is what it is; the others say what somebody did about it.
_SETTING = frozenset({Change.RAISED, Change.ESCALATED, Change.EASED, Change.RETURNED})
NAMELESS = Network(lab=(), station=(), device=(), series=())


def fields(change: AlertChange, network: Network = NAMELESS) -> dict[str, Any]:
    """One change as the documented fields, in their order.

    at        RFC 3339 UTC
    level     the new level as a word; `green` = over
    stations  ids that agree now
    reason    in English; stations by name where `network` has one, else by id
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
        "reason": sentence(change.reason, network, "en"),
        "lead_s": change.lead_s,
        "detector": change.detector,
        "status": change.status.value,
    }


def telling(history: Sequence[AlertChange]) -> AlertChange:
    """The change that says why an incident has its level: the last one that set it."""
    setting = [change for change in history if change.change in _SETTING]
    return (setting or history)[-1]


def line(change: AlertChange, network: Network = NAMELESS) -> bytes:
    """One line without its end."""
    return msgspec.json.encode(fields(change, network))


def lines(changes: Iterable[AlertChange], network: Network = NAMELESS) -> bytes:
    """JSON lines in UTF-8, each ended by a newline; nothing for no change."""
    return b"".join(line(change, network) + b"\n" for change in changes)
