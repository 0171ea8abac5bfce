"""Values as the database can hold them."""

from __future__ import annotations

from datetime import datetime

from records.times import from_datetime, to_datetime


def storable(text: str) -> str:
    """`text` with U+FFFD for what PostgreSQL has no place for: NUL and lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def moment(moment_at: int | None) -> datetime | None:
    """Microseconds to what psycopg sends, None to null."""
    return None if moment_at is None else to_datetime(moment_at)


def microseconds(moment_at: datetime | None) -> int | None:
    """What psycopg read to microseconds, null to None."""
    return None if moment_at is None else from_datetime(moment_at)
