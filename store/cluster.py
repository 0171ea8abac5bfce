"""The folder of one embedded database: made aside and renamed, so it is whole or not there.

format        says that the folder is ours, and of which form
cluster/      PostgreSQL's own files
run/          its socket
password      of the role that the programs log in as, readable by the owner alone
address       where the running server listens
server.log    what it has said since it was started
server.lock   locked for as long as any process of the server lives
start.lock    locked while somebody starts or looks
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from records.errors import SettingsError
from store.programs import Programs

FORMAT = 1
ROLE = DATABASE = "hoshyar"
# PostgreSQL's limit for a socket's path is 107 bytes.
_SOCKET_PATH_BYTES = 107
# What a new database takes, and as much again to begin with.
_NEW_BYTES = 100 << 20
_HBA = """\
# Written by Hoshyar. Only roles that were given a password may log in: the owner, and the stages.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The data folder and what is in it."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "cluster"

    @property
    def sockets(self) -> Path:
        return self.home / "run"

    @property
    def has_socket(self) -> bool:
        """False where the folder's path is too long for a socket: then it listens on 127.0.0.1."""
        return len(os.fsencode(self.sockets / ".s.PGSQL.5432")) <= _SOCKET_PATH_BYTES

    def claim(self) -> None:
        """Make the folder ours, or see that it is. Raises SettingsError."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            mark = self.home / "format"
            if not mark.exists():
                if any(self.home.iterdir()):
                    raise SettingsError(
                        f"{self.home} holds something else than Hoshyar's database:"
                        " choose an empty folder"
                    )
                write(mark, f"{FORMAT}\n")
            self._check(mark.read_text())
        except OSError as error:
            raise SettingsError(f"the data folder {self.home}: {error.strerror}") from None

    def _check(self, text: str) -> None:
        if not re.fullmatch(r"\d{1,9}\n", text):
            raise SettingsError(f"{self.home / 'format'} is damaged: it should hold {FORMAT}")
        if int(text) > FORMAT:
            raise SettingsError(
                f"{self.home} was made by a newer Hoshyar (form {int(text)}, this one knows"
                f" {FORMAT}): use that one"
            )

    def make(self, programs: Programs, major: int) -> None:
        """Make the cluster where there is none, else see that this PostgreSQL can open it."""
        for half_made in self.home.glob("cluster.new-*"):
            shutil.rmtree(half_made)
        if not self.data.exists():
            self._make(programs)
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(major):
            raise SettingsError(
                f"{self.home} was made by PostgreSQL {made_by}, this is {major}: use programs of"
                f" version {made_by}, or dump and restore"
            )

    def _make(self, programs: Programs) -> None:
        if shutil.disk_usage(self.home).free < _NEW_BYTES:
            raise SettingsError(
                f"the disk of {self.home} is full: a new database needs"
                f" {_NEW_BYTES >> 20} MiB, free them and start again"
            )
        aside = self.home / f"cluster.new-{secrets.token_hex(4)}"
        password = secrets.token_hex(24)
        try:
            self._fill(aside, programs, password)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        write(self.home / "password", password)
        aside.rename(self.data)
        _sync(self.home)

    def _fill(self, aside: Path, programs: Programs, password: str) -> None:
        programs.user.own(aside)
        programs.run(
            *("initdb", "-D", str(aside), "-U", "postgres", "--auth=reject", "--encoding=UTF8"),
            *("--locale=C", "--data-checksums", "--no-instructions"),
        )
        programs.run(
            *("postgres", "--single", "-D", str(aside), "postgres"),
            text=f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n",
        )
        write(aside / "pg_hba.conf", _HBA)

    def clear_stale(self, programs: Programs) -> None:
        """Remove what a killed server left. Only for who holds `server.lock`."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        if self.sockets.exists():
            shutil.rmtree(self.sockets)
        programs.user.own(self.sockets)


def write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and see that it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
