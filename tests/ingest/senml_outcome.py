"""What decoding SenML gives."""

from __future__ import annotations

from typing import Any

from ingest import senml
from records.errors import BadMessage, Reason


def columns(payload: bytes) -> senml.Columns:
    return senml.columns(senml.decode(payload))


def outcome(payload: bytes) -> Any:
    """What decoding gives; anything but columns or a BadMessage fails the test."""
    try:
        entries = senml.decode(payload)
        senml.identity(entries[0])
        found = senml.columns(entries)
    except BadMessage as refused:
        refused.detail.encode("ascii")
        return refused.reason
    assert len(found.keys) == len(found.values) == len(found.seconds) > 0
    return found


def reason(payload: bytes) -> Reason:
    found = outcome(payload)
    assert isinstance(found, Reason)
    return found
