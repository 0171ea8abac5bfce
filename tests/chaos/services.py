"""A database server and a broker to be ill-treated."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from records.errors import SettingsError
from store.embedded import EmbeddedServer
from store.migrations import migrate
from tests import needs
from tests.chaos.children import Child, command, ending_with_us, environment
from tests.chaos.disk import SmallDisk

_DISK_BYTES = 1200 << 20


class DatabaseServer:
    """One server for all schedules, with a fresh database for each. Use it from one thread;
    `kill`, `kill_backend` and `pause` may come from any."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._disk = SmallDisk(folder / kind, _DISK_BYTES)
        binaries = None if kind == "embedded" else needs.postgresql()
        self._server = EmbeddedServer(self._disk.folder / "pg", binaries)
        self._start_s = self._resume_s = 0.0
        self._freeing: threading.Timer | None = None
        self._paused: list[int] = []
        # Server processes of sessions that are never struck: the witness's own.
        self.spared: set[int] = set()
        self._address = self._server.start(lambda _: None)
        self._template = self._made("template0")
        migrate(self.dsn(self._template))
        self.pid = self._server.pid or 0

    def dsn(self, name: str) -> str:
        return make_conninfo(self._address, dbname=name)

    def through(self, port: int, name: str) -> str:
        """The address of a database by way of a proxy."""
        parts = conninfo_to_dict(self._address)
        return make_conninfo(
            "", host="127.0.0.1", port=port, dbname=name, user=parts["user"],
            password=parts["password"], sslmode="disable", gssencmode="disable",
        )  # fmt: skip

    @property
    def socket(self) -> str:
        parts = conninfo_to_dict(self._address)
        return f"{parts['host']}/.s.PGSQL.{parts['port']}"

    def fresh(self) -> str:
        """Name of a migrated database."""
        return self._made(self._template)

    def drop(self, name: str) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND usename = current_user",
                (name,),
            )
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))

    def kill(self, down_s: float) -> None:
        self._start_s = time.monotonic() + down_s
        self.signal(signal.SIGKILL)
        # One that sleeps would never see that its server has gone, and keep the folder.
        self._resume()

    def signal(self, number: int) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_backend(self) -> None:
        for pid in self._backends():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pause(self, for_s: float) -> None:
        self._resume_s = time.monotonic() + for_s
        self._paused = self._backends()
        for pid in self._paused:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def fill(self, for_s: float) -> None:
        self._disk.fill([self.pid, *self._children()])
        # By a timer: whoever starts a server on a full disk waits until there is room.
        self._freeing = threading.Timer(for_s, self._disk.free)
        self._freeing.start()

    def heal(self) -> None:
        self._start_s = self._resume_s = 0.0
        self._resume()
        if self._freeing is not None:
            self._freeing.cancel()
            self._freeing.join()
        self._disk.free()

    def look(self) -> None:
        """Start it where it has ended, wake it: whatever is due."""
        now_s = time.monotonic()
        if self._resume_s and now_s >= self._resume_s:
            self._resume()
        if self._server.pid is None and now_s >= self._start_s:
            self.pid = 0
            # A full disk: it is tried again.
            with suppress(SettingsError):
                self._address = self._server.start(lambda _: None)
                self.pid = self._server.pid or 0

    def close(self) -> None:
        self.heal()
        self._server.stop()
        self._disk.close()

    def _resume(self) -> None:
        self._resume_s = 0.0
        for pid in self._paused:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._paused = []

    def _children(self) -> list[int]:
        with suppress(psutil.Error):
            return [child.pid for child in psutil.Process(self.pid).children()] if self.pid else []
        return []

    def _backends(self) -> list[int]:
        """Those that serve ingest."""
        found = []
        for pid in self._children():
            with suppress(psutil.Error):
                title = " ".join(psutil.Process(pid).cmdline())
                if "hoshyar_chaos" in title and pid not in self.spared:
                    found.append(pid)
        return found

    def _made(self, template: str) -> str:
        name = f"hoshyar_chaos_{secrets.token_hex(4)}"
        words = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE {}")
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(words.format(*map(sql.Identifier, (name, template))))
        return name


def broker(kind: str, folder: Path, port: int, *, persistent: bool) -> Child:
    """A broker process. Its memory, where it has one, is `folder`/memory."""
    log = folder / "broker.log"
    if kind == "embedded":
        variables = environment(HOSHYAR_HOME=str(folder), HOSHYAR_BROKER_PORT=str(port))
        return Child("broker", command("-m", "hoshyar.broker"), variables, log)
    memory = folder / "memory"
    memory.mkdir()
    config = folder / "mosquitto.conf"
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "max_inflight_messages 5000",
        "max_queued_messages 200000",
        "log_dest none",
        *(["user root"] if os.geteuid() == 0 else []),
    ]
    if persistent:
        lines += ["persistence true", f"persistence_location {memory}/", "autosave_interval 1"]
    config.write_text("\n".join(lines) + "\n")
    return Child(
        "broker", ending_with_us(needs.program("mosquitto"), "-c", str(config)), environment(), log
    )


def ingest(dsn: str, port: int, kind: str, folder: Path, planted: str) -> Child:
    """The stage as a process; `planted` names a fault to plant in it, "" for none."""
    variables = environment(HOSHYAR_DSN=dsn, HOSHYAR_HOME=str(folder))
    if kind == "embedded":
        variables["HOSHYAR_BROKER_PORT"] = str(port)
    else:
        variables["HOSHYAR_BROKER"] = f"mqtt://127.0.0.1:{port}"
    words = ("-m", "tests.chaos.planted", planted) if planted else ("-m", "ingest")
    return Child("ingest", command(*words), variables, folder / "ingest.log")


def site(plan: Path, folder: Path, number: int) -> Child:
    words = command("-m", "tests.chaos.field", str(plan))
    return Child(f"site-{number}", words, environment(), folder / f"site-{number}.log")
