"""The services and stages of one machine, started for `up` and for a replay alike."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from hoshyar.database import EmbeddedDatabase
from hoshyar.folder import DataFolder, PartState, RunState
from hoshyar.processes import Lifeline, Process
from hoshyar.supervisor import Supervisor
from records.clock import WallClock
from records.errors import SettingsError
from records.ports import free_port
from records.settings import Settings
from store import roles

Say = Callable[[str], None]


class System:
    """Parts in a data folder, and the environment that makes them find each other.

    interrupted  raises when somebody wants to stop; asked in every wait
    """

    def __init__(
        self,
        folder: DataFolder,
        environment: Mapping[str, str],
        say: Say,
        interrupted: Callable[[], None],
    ) -> None:
        # One thread a stage: on a small machine more only get in each other's way.
        self.environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **environment}
        self.environment["HOSHYAR_HOME"] = str(folder.path)
        self.dsn = self.environment.pop("HOSHYAR_DSN", "")
        self._dsn_of: dict[str, str] = {}
        self._is_own = False
        self.folder = folder
        self.lifeline = Lifeline()
        self.supervisor = Supervisor(say)
        self.addresses: dict[str, str] = {}
        self._say = say
        self._interrupted = interrupted
        self._started_at = WallClock().now()

    def start_broker(self, port: int) -> None:
        """Start the embedded broker on 127.0.0.1; it may not answer yet when this returns."""
        self.environment["HOSHYAR_BROKER_PORT"] = str(port)
        self.environment["HOSHYAR_BROKER"] = f"mqtt://127.0.0.1:{port}"
        self.start_stage("broker", "-m", "hoshyar.broker")

    def start_database(self) -> None:
        """Start the embedded database and wait until it answers. Raises SettingsError."""
        database = EmbeddedDatabase(self.folder.path / "database", self._say_waiting)
        self.supervisor.add(database)
        self.dsn, self._is_own = database.dsn, True

    def open_database(self, stages: Iterable[str]) -> None:
        """From now on these stages are started with the database's address.

        At the embedded database each logs in with a role and a password of its own, new at each
        start. Elsewhere passwords are the operator's, and all use the address that was named.
        """
        words = {name: secrets.token_urlsafe(24) for name in stages}
        complaint = roles.establish(self.dsn, words if self._is_own else {})
        if complaint:
            self._say(complaint)
        alone = self._is_own and not complaint
        self._dsn_of = {
            name: roles.login(self.dsn, name, word) if alone else self.dsn
            for name, word in words.items()
        }

    def start_stage(self, name: str, *arguments: str) -> None:
        """Start `python ARGUMENTS` as a stage with everything that is known by now."""
        self._start(name, arguments, self.environment)

    def start_measured(self, name: str, *arguments: str) -> None:
        """As `start_stage`, for a stage that says its measures: on a free port of 127.0.0.1."""
        address = f"127.0.0.1:{free_port()}"
        self.addresses[f"{name} metrics"] = f"http://{address}/metrics"
        self._start(name, arguments, {**self.environment, "HOSHYAR_METRICS": address})

    def _start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        log = self.folder.logs / f"{name}.log"
        if name in self._dsn_of:
            environment = {**environment, "HOSHYAR_DSN": self._dsn_of[name]}
        self.supervisor.add(Process(name, arguments, environment, log, self.lifeline))

    def say_state(self) -> None:
        """Write `run.json`."""
        parts = tuple(PartState(w.part.name, w.part.pid, w.restarts) for w in self.supervisor)
        state = RunState(os.getpid(), self._started_at, self.dsn, self.addresses, parts)
        self.folder.say(state)

    def check(self) -> None:
        """Look after all parts once. Raises what `interrupted` raises."""
        self._interrupted()
        if self.supervisor.check():
            try:
                self.say_state()
            except OSError as error:
                # A full disk must not end what still runs.
                self._say(f"{self.folder.path / 'run.json'} can't be written: {error.strerror}")

    def _say_waiting(self, line: str) -> None:
        self._say(line)
        self._interrupted()

    def force(self) -> None:
        """End everything at once."""
        self.supervisor.kill()


def need_free(host: str, port: int, what: str, option: str) -> None:
    """Raise SettingsError where nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise SettingsError(
                f"port {port} on {host}, for {what}, can't be had ({error.strerror}): end the"
                f" program that has it, or name another port with {option}"
            ) from error


def read_settings(data: Path | None = None, **given: object) -> tuple[Settings, dict[str, str]]:
    """Settings and the environment they were read from, options before variables.

    `given`: variable (without `HOSHYAR_`, lower case) = value; None leaves the environment's.
    Raises SettingsError that names every bad variable.
    """
    environment = {name: value for name, value in os.environ.items() if name != "HOSHYAR_LIFELINE"}
    options = {"home": data, **given}
    for name, value in options.items():
        if value is not None:
            environment[f"HOSHYAR_{name.upper()}"] = str(value)
    return Settings.read(environment), environment
