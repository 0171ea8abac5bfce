"""Finding the database: of a running `hoshyar up`, or the one that HOSHYAR_DSN names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hoshyar.folder import DataFolder, RunState
from hoshyar.system import read_settings
from records.errors import SettingsError
from store.connection import Database, connect


def find(data: Path | None = None) -> tuple[str, RunState | None]:
    """The database's address, and what the running instance says of itself, if it is one.

    A running instance of the data folder comes before HOSHYAR_DSN. Raises SettingsError where
    there is neither.
    """
    settings, _ = read_settings(data)
    folder = DataFolder(settings.home)
    state = folder.running()
    dsn = state.dsn if state else settings.dsn.reveal()
    if not dsn:
        raise SettingsError(
            f"nothing runs in {folder.path}: start it with `hoshyar up`, name its folder with"
            " --data, or set HOSHYAR_DSN"
        )
    return dsn, state


@contextmanager
def opened(data: Path | None = None) -> Iterator[Database]:
    """A connection to that database. Raises SettingsError or StoreUnavailable."""
    dsn, _ = find(data)
    with closing(connect(dsn, stage="cli")) as db:
        yield db
