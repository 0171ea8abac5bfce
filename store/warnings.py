"""Warnings of the models, numbered in the order they were committed."""

from __future__ import annotations

from collections.abc import Sequence

from records.statements import HazardWarning
from store import statements
from store.connection import Database


def append(db: Database, warnings: Sequence[HazardWarning]) -> None:
    """Add them in this order, then notify `warning`."""
    if warnings:
        with db.transaction():
            statements.append(db, warnings)
            db.run("NOTIFY warning")


def after(db: Database, number: int, limit: int = 10_000) -> list[tuple[int, HazardWarning]]:
    """At most `limit` warnings numbered above `number`, with their numbers, in order."""
    return statements.select(db, HazardWarning, "number > %s", (number,), limit=limit)
