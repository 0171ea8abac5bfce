"""A PostgreSQL of one's own in the data folder, for machines without a server.

`server.lock` is locked through a descriptor that every process of the server inherits, so it is
free exactly when none of them lives. No process is ever ended by a number read from a file: such
a number may long belong to somebody else.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from records.errors import SettingsError, StoreUnavailable
from records.ports import free_port
from store.cluster import DATABASE, ROLE, Cluster, write
from store.programs import ENVIRONMENT, Programs, User, explain, from_wheel
from store.session import open_session

_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_locks_per_transaction": "512",  # a query may open a year of daily partitions
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",
    "dynamic_shared_memory_type": "mmap",  # below the folder: a kill leaves nothing in /dev/shm
    "jit": "off",
    "unix_socket_permissions": "0700",
    "log_min_messages": "warning",
    "cluster_name": "hoshyar",
}
_SAY_EVERY_S = 3.0
_OTHER_ENDS_S = 60.0
_PORTS_TRIED = 5

Say = Callable[[str], None]


class EmbeddedServer:
    """The server of one folder. Call `start` and `stop` from one long-lived thread.

    On Linux the server ends, without loss, when the thread that started it ends: also when the
    program is killed.
    """

    def __init__(self, folder: Path, binaries: Path | None = None) -> None:
        """`binaries`: folder of `postgres` and `initdb`; None for those of the installation."""
        self._cluster = Cluster(folder.absolute())
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, say: Say) -> str:
        """Start it, making the database the first time; returns the address with its password.

        `say` gets a line about each long step. Returns when the database answers, however long its
        recovery takes. Raises SettingsError, one line that says what and what to do.
        """
        cluster = self._cluster
        cluster.claim()
        try:
            with self._locked("start.lock", say) as _, self._server_lock(say) as lock:
                user = User.for_cluster(cluster.data)
                programs = Programs(self._binaries or from_wheel(), user, cluster.home)
                major = programs.major()
                if not cluster.data.exists():
                    say("making the database")
                cluster.make(programs, major)
                return self._start(programs, major, lock, say)
        except OSError as error:
            raise SettingsError(explain(str(error), cluster.home)) from None

    def stop(self) -> None:
        """End it cleanly: sessions are ended, everything committed is on disk."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_OTHER_ENDS_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait()

    @property
    def pid(self) -> int | None:
        """The process id of the server that this object started, None when it has ended."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def running(self) -> str | None:
        """The address of the server that runs in this folder, whoever started it, or None."""
        try:
            port = int((self._cluster.home / "address").read_text())
            dsn = self._dsn(port)
            open_session(dsn, "hoshyar-look").close()
        except (OSError, ValueError, StoreUnavailable):
            return None
        return dsn

    def _start(self, programs: Programs, major: int, lock: int, say: Say) -> str:
        for attempt in range(_PORTS_TRIED):
            port = 5432 if self._cluster.has_socket else self._port(first=attempt == 0)
            self._cluster.clear_stale(programs)
            write(self._cluster.home / "address", f"{port}\n")
            self._process = self._launch(programs, major, port, lock)
            dsn = self._dsn(port)
            try:
                if self._until_ready(dsn, say):
                    return dsn
            except BaseException:
                self.stop()
                raise
            said = self._log.read_text(errors="replace")
            if "could not bind" not in said or self._cluster.has_socket:
                break
        raise SettingsError(explain(said, self._cluster.home))

    def _launch(
        self, programs: Programs, major: int, port: int, lock: int
    ) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, "port": str(port)}
        if self._cluster.has_socket:
            settings |= {
                "listen_addresses": "",
                "unix_socket_directories": str(self._cluster.sockets),
            }
        else:
            settings |= {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        if major >= 18:
            settings["io_method"] = "sync"  # else three more processes
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                programs.command("postgres", "-D", str(self._cluster.data), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # Ctrl-C at the terminal is for us, not for it
            )

    def _until_ready(self, dsn: str, say: Say) -> bool:
        """True when a real connection works, False when the server ended instead."""
        assert self._process is not None
        began, said = time.monotonic(), 0.0
        while self._process.poll() is None:
            try:
                open_session(dsn, "hoshyar-start").close()
                return True
            except StoreUnavailable:
                waited = time.monotonic() - began
                if waited - said > _SAY_EVERY_S:
                    said = waited
                    say(f"the database is being opened or recovered ({waited:.0f} s)")
                time.sleep(0.02)
        self._process = None
        return False

    def _port(self, *, first: bool) -> int:
        """The last run's port, so that who knew the address finds the server again; then others."""
        try:
            return int((self._cluster.home / "address").read_text()) if first else free_port()
        except (OSError, ValueError):
            return free_port()

    @property
    def _log(self) -> Path:
        return self._cluster.home / "server.log"

    def _dsn(self, port: int) -> str:
        password = (self._cluster.home / "password").read_text()
        if self._cluster.has_socket:
            host = quote(str(self._cluster.sockets), safe="")
            return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={host}&port={port}"
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"

    @contextmanager
    def _locked(self, name: str, say: Say) -> Iterator[int]:
        """Hold a lock of the folder; where somebody else has it, wait and say so."""
        with _opened(self._cluster.home / name) as descriptor:
            if not _take(descriptor):
                say("another start of this database is under way")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor

    @contextmanager
    def _server_lock(self, say: Say) -> Iterator[int]:
        """Hold `server.lock`: no process of the server lives. Waits for one that is ending."""
        with _opened(self._cluster.home / "server.lock") as descriptor:
            began, said = time.monotonic(), False
            while not _take(descriptor):
                if self.running() or time.monotonic() - began > _OTHER_ENDS_S:
                    raise SettingsError(
                        f"another Hoshyar uses {self._cluster.home}: stop it,"
                        " or choose another data folder"
                    )
                if not said:
                    said = True
                    say("the last run's database is still closing")
                time.sleep(0.25)
            yield descriptor


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
