"""Passwords at the broker, one a device, in the file that Mosquitto reads.

Only the standard library: `scripts/make-secrets` uses it before anything is installed. The file
holds hashes; a password is said once, when it is made. Mosquitto reads the file again on SIGHUP.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

# Names of the stages' own users: no device may have such a one.
STAGES_PREFIX = "hoshyar-"
# Mosquitto counts rounds in the file. Its passwords here are random and long, so that more
# rounds would only slow down a thousand devices that come back at once.
_ROUNDS = 101


class PasswordFile:
    """Users and their hashes, a line each. What is there already stays as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def users(self) -> set[str]:
        """Raises OSError where the file can't be read; a file that is not there has none."""
        return {line.partition(":")[0] for line in self._lines()}

    def add(self, user: str) -> str:
        """A new password for this user, in place of an old one. Raises OSError."""
        word, salt = secrets.token_urlsafe(32), secrets.token_bytes(12)
        key = hashlib.pbkdf2_hmac("sha512", word.encode(), salt, _ROUNDS, 64)
        salted, hashed = (base64.b64encode(part).decode() for part in (salt, key))
        self._write([*self._others(user), f"{user}:$7${_ROUNDS}${salted}${hashed}"])
        return word

    def remove(self, user: str) -> None:
        """Nothing happens to a user who has none. Raises OSError."""
        self._write(self._others(user))

    def _others(self, user: str) -> list[str]:
        return [line for line in self._lines() if line.partition(":")[0] != user]

    def _lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines() if self.path.exists() else []

    def _write(self, lines: list[str]) -> None:
        # The broker's own user reads it inside a folder that is closed to all others.
        write_whole(self.path, "".join(f"{line}\n" for line in lines), mode=0o644)


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write whole or not at all, never readable by others in between. Raises OSError."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    aside.replace(path)
