"""The embedded broker as a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from hoshyar import broker
from records.ports import free_port

WAIT_S = 60.0
COMMAND = (sys.executable, "-m", "hoshyar.broker")


def environment(folder: Path, port: int, **more: str) -> dict[str, str]:
    given = {"HOSHYAR_HOME": str(folder), "HOSHYAR_BROKER_PORT": str(port)}
    return {**os.environ, **given, **more}


def test_it_answers_while_it_runs_and_leaves_cleanly(tmp_path: Path) -> None:
    port = free_port()
    assert not broker.answers("127.0.0.1", port)
    with subprocess.Popen(COMMAND, env=environment(tmp_path, port)) as child:
        assert broker.wait_until_ready("127.0.0.1", port, WAIT_S)
        child.terminate()
        assert child.wait(WAIT_S) == 0
    assert not broker.answers("127.0.0.1", port)


def test_it_ends_with_its_starter(tmp_path: Path) -> None:
    port = free_port()
    reading, writing = os.pipe()
    given = environment(tmp_path, port, HOSHYAR_LIFELINE=str(reading))
    with subprocess.Popen(COMMAND, env=given, pass_fds=(reading,)) as child:
        os.close(reading)
        assert broker.wait_until_ready("127.0.0.1", port, WAIT_S)
        os.close(writing)
        child.wait(WAIT_S)


def test_an_occupied_port_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            COMMAND,
            env=environment(tmp_path, port),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"port {port} on 127.0.0.1" in ended.stderr


def test_something_else_on_the_port_is_no_broker(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert not broker.answers("127.0.0.1", other.getsockname()[1], timeout_s=0.2)
