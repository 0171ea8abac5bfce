"""`hoshyar doctor`: what is wrong with this machine and what to do, a line a check."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hoshyar.folder import LEAST_FREE_BYTES, DataFolder, RunState, explained
from hoshyar.system import need_free, read_settings
from records import times
from records.clock import WallClock
from records.errors import HoshyarError, SettingsError
from records.settings import Settings

OLDEST_PYTHON = (3, 11)
# No machine that runs this program lives before it was written.
EARLIEST = times.parse("2025-01-01T00:00:00Z")
ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `wrong` is "" where all is well, else what is wrong and what to do."""

    what: str
    wrong: str

    def __str__(self) -> str:
        return f"{'ok  ' if not self.wrong else 'bad '} {self.what}" + (
            f": {self.wrong}" if self.wrong else ""
        )


def examine(data: Path | None) -> list[Finding]:
    """All checks that make sense here: ports only where nothing runs yet."""
    try:
        settings, _ = read_settings(data)
        folder = DataFolder(settings.home)
        state = folder.running()
    except SettingsError as error:
        return [Finding("settings", str(error))]
    checks: dict[str, Callable[[], None]] = {
        f"Python {sys.version.split()[0]}": _check_python,
        "settings": lambda: None,
        f"data folder {folder.path}": lambda: _check_folder(folder.path),
        "clock": lambda: _check_clock(WallClock().now()),
    }
    if state:
        checks[f"a running instance, process {state.pid}"] = lambda: None
    else:
        checks |= _ports(settings)
    return [_find(what, check) for what, check in (checks | _services(settings, state)).items()]


def _find(what: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except HoshyarError as error:
        return Finding(what, str(error))
    return Finding(what, "")


def _check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        raise SettingsError("3.11 or newer is needed: install it and make the environment anew")


def _check_clock(now_at: int) -> None:
    if now_at < EARLIEST:
        raise SettingsError(f"it says {times.text(now_at)}: set it, best with NTP")


def _check_folder(path: Path) -> None:
    there = next(p for p in (path, *path.parents) if p.exists())
    with explained(there), tempfile.TemporaryFile(dir=there) as file:
        file.write(b"x")
        os.fsync(file.fileno())
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE_BYTES:
        raise SettingsError(f"only {free // 1_000_000} MB are free on its disk: free some")


def _ports(settings: Settings) -> dict[str, Callable[[], None]]:
    ports: dict[str, Callable[[], None]] = {
        f"port {settings.ui_port} for the screens": lambda: need_free(
            settings.ui_host, settings.ui_port, "the screens", "--ui-port"
        )
    }
    if settings.broker is None:
        ports[f"port {settings.broker_port} for the broker"] = lambda: need_free(
            "127.0.0.1", settings.broker_port, "the broker", "--broker-port"
        )
    return ports


def _services(settings: Settings, state: RunState | None) -> dict[str, Callable[[], None]]:
    broker = state.addresses["broker"] if state else str(settings.broker or "")
    services: dict[str, Callable[[], None]] = {}
    if dsn := state.dsn if state else settings.dsn.reveal():
        services["database"] = lambda: _check_database(dsn)
    else:
        services["embedded PostgreSQL"] = _check_programs
    if broker:
        services[f"broker {broker}"] = lambda: _check_port(broker)
    return services


def _check_database(dsn: str) -> None:
    # `connect` refuses a server that may lose what it has committed, and another schema.
    from store.connection import connect

    connect(dsn, stage="doctor").close()


def _check_programs() -> None:
    from store.programs import from_wheel

    from_wheel()


def _check_port(address: str) -> None:
    url = urlsplit(address)
    try:
        socket.create_connection((url.hostname, url.port), timeout=ANSWER_WITHIN_S).close()
    except OSError as error:
        raise SettingsError(f"nothing answers ({error.strerror or error}): start it") from None
