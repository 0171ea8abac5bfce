"""The disk buffer of the devices of one process: one SQLite file, one row a message.

A message is written before it is sent and deleted on a receipt, so a device that is killed sends
again what may not have been stored. The boot counter is written through to the disk; messages
are safe against the end of the process, not against the end of the power, which costs no more
than the last seconds and never a number twice (the next boot counts anew).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from devices.ranges import Range, joined
from records.errors import SettingsError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    device TEXT, boot INTEGER, seq INTEGER, written_at INTEGER, payload BLOB,
    PRIMARY KEY (device, boot, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS device (id TEXT PRIMARY KEY, boot INTEGER);
CREATE TABLE IF NOT EXISTS gone (
    device TEXT, boot INTEGER, first INTEGER, last INTEGER,
    PRIMARY KEY (device, boot, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, text TEXT);
"""


class Key(NamedTuple):
    """Which message of a device; keys sort in the order of writing."""

    boot: int
    seq: int


class Message(NamedTuple):
    """A buffered message; `written_at` in microseconds since 1970, of the device's clock."""

    key: Key
    written_at: int
    payload: bytes


class Buffer:
    """Messages of many devices in one file (or in memory, for tests: path ":memory:").

    Raises SettingsError where the file can't be used or another process has it (after
    `patience_s`: one that was just killed may still be going).
    """

    def __init__(self, path: Path | str, patience_s: float = 5.0) -> None:
        self._path = path
        try:
            if isinstance(path, Path):
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=patience_s)
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL"):
                self._db.execute(f"PRAGMA {pragma}").fetchall()
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"the devices' buffer {path} can't be used ({error}): is another simulation "
                "running on this data folder, or is the disk full?"
            ) from error
        self._db.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Raises OSError where the disk doesn't take it (nothing is kept)."""
        self._db.execute("BEGIN")
        try:
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise OSError(f"the devices' buffer {self._path}: {error}") from error
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def next_boot(self, device: str, first: int) -> int:
        """Count one start of the device: `first`, or one more than the last. On disk on return."""
        self._db.execute("PRAGMA synchronous = FULL")
        (boot,) = self._db.execute(
            "INSERT INTO device VALUES (?, ?) "
            "ON CONFLICT (id) DO UPDATE SET boot = device.boot + 1 RETURNING boot",
            (device, first),
        ).fetchone()
        self._db.execute("PRAGMA synchronous = NORMAL")
        return int(boot)

    def append(self, device: str, message: Message) -> None:
        key, written_at, payload = message
        self._db.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?)", (device, *key, written_at, payload)
        )

    def after(self, device: str, key: Key, limit: int) -> list[Message]:
        """The next messages behind this key, in order."""
        rows = self._db.execute(
            "SELECT boot, seq, written_at, payload FROM message "
            "WHERE device = ? AND (boot, seq) > (?, ?) ORDER BY boot, seq LIMIT ?",
            (device, *key, limit),
        )
        return [Message(Key(boot, seq), at, payload) for boot, seq, at, payload in rows]

    def get(self, device: str, key: Key) -> Message | None:
        rows = self.after(device, Key(key.boot, key.seq - 1), 1)
        return rows[0] if rows and rows[0].key == key else None

    def first_since(self, device: str, moment_at: int) -> Key | None:
        """The first message written at or after a moment."""
        row = self._db.execute(
            "SELECT boot, seq FROM message WHERE device = ? AND written_at >= ? "
            "ORDER BY boot, seq LIMIT 1",
            (device, moment_at),
        ).fetchone()
        return None if row is None else Key(*row)

    def count(self, device: str) -> int:
        row = self._db.execute("SELECT count(*) FROM message WHERE device = ?", (device,))
        return int(row.fetchone()[0])

    def held(self, device: str, boot: int, within: Range) -> list[Range]:
        """The parts of a range of `seq` that are in the buffer."""
        rows = self._db.execute(
            "SELECT seq FROM message WHERE device = ? AND boot = ? AND seq BETWEEN ? AND ? "
            "ORDER BY seq",
            (device, boot, *within),
        )
        return joined([seq for (seq,) in rows])

    def free(self, device: str, boot: int, within: Range) -> int:
        """Delete what is settled; returns how many messages that were."""
        return self._db.execute(
            "DELETE FROM message WHERE device = ? AND boot = ? AND seq BETWEEN ? AND ?",
            (device, boot, *within),
        ).rowcount

    def drop_oldest(self, device: str, count: int) -> list[tuple[int, Range]]:
        """Delete unsettled messages for want of room; returns (boot, range) of what is lost."""
        keys = [message.key for message in self.after(device, Key(-1, -1), count)]
        lost: list[tuple[int, Range]] = []
        for boot in dict.fromkeys(key.boot for key in keys):
            for part in joined([key.seq for key in keys if key.boot == boot]):
                self.free(device, boot, part)
                lost.append((boot, part))
        return lost

    def gone(self, device: str) -> list[tuple[int, Range]]:
        """(boot, range) of all that this device has declared gone, in order."""
        rows = self._db.execute(
            "SELECT boot, first, last FROM gone WHERE device = ? ORDER BY boot, first", (device,)
        )
        return [(boot, (first, last)) for boot, first, last in rows]

    def set_gone(self, device: str, ranges: list[tuple[int, Range]]) -> None:
        self._db.execute("DELETE FROM gone WHERE device = ?", (device,))
        self._db.executemany(
            "INSERT INTO gone VALUES (?, ?, ?, ?)", [(device, b, *part) for b, part in ranges]
        )

    def note(self, name: str) -> str | None:
        """A text that was kept under this name."""
        row = self._db.execute("SELECT text FROM note WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep_note(self, name: str, text: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, text))
