"""A data folder: one instance at a time, its logs, and what a running instance says of itself."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from records.errors import SettingsError

LEAST_FREE_BYTES = 256_000_000


class PartState(msgspec.Struct, frozen=True):
    """One part of a running system: `pid` is None while it is down."""

    name: str
    pid: int | None
    restarts: int


class RunState(msgspec.Struct, frozen=True):
    """What `run.json` says: where everything is. Readable by the owner alone."""

    pid: int
    started_at: int
    dsn: str
    addresses: dict[str, str]
    parts: tuple[PartState, ...]


class DataFolder:
    """`path` with a lock that is held exactly as long as its holder lives."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self._run = self.path / "run.json"
        self._lock: IO[bytes] | None = None

    def claim(self) -> None:
        """Make the folder and hold it. Raises SettingsError: in use, no space, not writable."""
        with explained(self.path):
            self.logs.mkdir(parents=True, exist_ok=True)
            self._need_space()
            # Kept open, and never inherited: the kernel frees the lock when this program ends.
            self._lock = (self.path / "up.lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SettingsError(
                f"{self.path} is in use by another hoshyar: stop it, or name another folder"
                " with --data"
            ) from None
        self._run.unlink(missing_ok=True)

    def release(self) -> None:
        self._run.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    def _need_space(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < LEAST_FREE_BYTES:
            raise SettingsError(
                f"the disk of {self.path} has {free // 1_000_000} MB free and"
                f" {LEAST_FREE_BYTES // 1_000_000} MB are needed: free some, or name another"
                " folder with --data"
            )

    def say(self, state: RunState) -> None:
        """Write `run.json`, whole or not at all."""
        aside = self._run.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(state))
        aside.replace(self._run)

    def running(self) -> RunState | None:
        """What the instance that holds this folder says of itself; None when there is none."""
        if not self._is_held():
            return None
        try:
            return msgspec.json.decode(self._run.read_bytes(), type=RunState)
        except FileNotFoundError:
            raise SettingsError(f"{self.path} is just being started: ask again soon") from None

    def _is_held(self) -> bool:
        try:
            with (self.path / "up.lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what a file system says into one line that says what to do."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, f"can't be used: {_ELSEWHERE}")
        raise SettingsError(f"{path} {advice} ({error.strerror})") from error


_ELSEWHERE = "name another folder with --data"
_ADVICE = {
    errno.ENOSPC: "is on a full disk: free some space",
    errno.EDQUOT: "is over your quota: free some space",
    errno.EACCES: f"can't be written: change its owner, or {_ELSEWHERE}",
    errno.EROFS: f"is on a read-only disk: {_ELSEWHERE}",
    errno.ENOTDIR: f"is not a folder: {_ELSEWHERE}",
    errno.EEXIST: f"is not a folder: {_ELSEWHERE}",
}
