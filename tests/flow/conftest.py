"""Flow tests run on the embedded broker and database, and once more on Debian's of both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoshyar import broker as embedded
from records.ports import free_port
from records.settings import BrokerAddress
from tests import needs
from tests.databases import KINDS


class RunningBroker:
    """A broker process on a port of its own that can be killed and started again."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.address = BrokerAddress("127.0.0.1", free_port(), False)
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.kind == "debian":
            config = self._folder / "mosquitto.conf"
            config.write_text(
                f"listener {self.address.port} 127.0.0.1\nallow_anonymous true\n"
                "max_inflight_messages 5000\nmax_queued_messages 200000\n"
                "log_dest none\n"
            )
            command = [needs.program("mosquitto"), "-c", str(config)]
        else:
            command = [sys.executable, "-m", "hoshyar.broker"]
        environment = {**os.environ, "HOSHYAR_HOME": str(self._folder)}
        environment["HOSHYAR_BROKER_PORT"] = str(self.address.port)
        self._child = subprocess.Popen(command, env=environment)
        assert embedded.wait_until_ready(self.address.host, self.address.port, 20)

    def kill(self) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGKILL)
            self._child.wait()
            self._child = None


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The services of a test: `embedded`, or Mosquitto and PostgreSQL of `debian`."""
    found: str = request.param
    return found


@pytest.fixture
def broker(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A broker of the test's own."""
    running = RunningBroker(kind, tmp_path_factory.mktemp("broker"))
    running.start()
    yield running
    running.kill()
