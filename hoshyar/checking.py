"""`hoshyar db check`: a store that is not this program's is a finding too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hoshyar.access import served
from records.errors import SchemaMismatch
from store import check, tables
from store.accounts import Finding
from store.connection import connect


def examine(data: Path | None, say: Callable[[str], None], *, full: bool) -> list[Finding]:
    """What does not fit together. Raises SettingsError or StoreUnavailable."""
    with served(data, say) as dsn:
        try:
            with closing(connect(dsn, stage="check")) as db, tables.owned():
                return check.examine(db, full=full)
        except SchemaMismatch as error:
            return [Finding("migrations", str(error))]
