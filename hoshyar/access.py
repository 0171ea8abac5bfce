"""Finding the database: of a running `hoshyar up`, or the one that HOSHYAR_DSN names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hoshyar.folder import DataFolder, RunState
from hoshyar.system import read_settings
from records.errors import SettingsError
from store.connection import Database, connect
from store.embedded import EmbeddedServer


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


@contextmanager
def served(data: Path | None, say: Callable[[str], None], *, new: bool = False) -> Iterator[str]:
    """The address of that database; where nothing runs, the data folder's own for this long.

    With `new` a folder that has none gets one. Raises SettingsError.
    """
    settings, _ = read_settings(data)
    folder = DataFolder(settings.home)
    state = folder.running()
    own = folder.path / "database"
    if state or settings.dsn.reveal() or not (new or own.exists()):
        yield find(data)[0]
        return
    folder.claim()
    server = EmbeddedServer(own)
    try:
        yield server.start(say)
    finally:
        server.stop()
        folder.release()
