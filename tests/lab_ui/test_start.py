"""Starting the stage: what is wrong is said in one line, with exit code 2."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HOSHYAR_")}
    return subprocess.run(
        [sys.executable, "-m", "lab_ui"],
        env={**clean, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# A database that is away is waited for, so the port is what stops these.
AWAY = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"


def test_an_occupied_port_is_one_line_and_exit_code_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = start(HOSHYAR_DSN=AWAY, HOSHYAR_UI_PORT=str(port), HOSHYAR_LOG_LEVEL="error")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        f"lab_ui: port {port} on 127.0.0.1 is taken by another program: end it or set"
        " HOSHYAR_UI_PORT"
    ]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "HOSHYAR_DSN"),
        ({"HOSHYAR_DSN": AWAY, "HOSHYAR_UI_PORT": "eight"}, "HOSHYAR_UI_PORT"),
        ({"HOSHYAR_DSN": AWAY, "HOSHYAR_UI_HOST": "no such host"}, "HOSHYAR_UI_HOST"),
        ({"HOSHYAR_DSN": "host=x password='"}, "database address"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(settings: dict[str, str], named: str) -> None:
    ended = start(**settings, HOSHYAR_LOG_LEVEL="error")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert named in ended.stderr
