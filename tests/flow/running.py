"""`hoshyar` commands as processes, for the flow tests."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0


def environment() -> dict[str, str]:
    """What a fresh shell has: no setting of ours, and the code of this checkout."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("HOSHYAR_")}
    return {**ours, "PYTHONPATH": str(ROOT)}


def until(true: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    """The first true answer. Fails the test after `timeout_s`."""
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        if answer := true():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {timeout_s} s")


class Command:
    """A running `hoshyar ...`; its lines on both outputs are collected."""

    def __init__(self, *arguments: str | Path, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hoshyar", *map(str, arguments)],
            env={**environment(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self.lines: list[str] = []
        self._ended: queue.Queue[None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
        self._ended.put(None)

    def said(self, words: str) -> bool:
        assert self.process.poll() is None or any(words in line for line in self.lines), self.lines
        return any(words in line for line in self.lines)

    def family(self) -> list[psutil.Process]:
        """This process and all its children, and theirs."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def interrupt(self) -> None:
        """Ctrl-C at its terminal: a SIGINT for its process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait for its end; returns the exit code."""
        code = self.process.wait(PATIENCE_S)
        self._ended.get(timeout=PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def force(self) -> None:
        """End it whatever it does, at the end of a test."""
        if self.process.poll() is None:
            self.process.kill()
            self.end()


def gone(processes: list[psutil.Process], timeout_s: float = PATIENCE_S) -> list[str]:
    """Command lines of those that still live after a while: [] when nothing is left behind."""
    _, alive = psutil.wait_procs(processes, timeout=timeout_s)
    return [" ".join(process.cmdline()) for process in alive]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hoshyar", *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def status(data: Path) -> dict[str, Any]:
    done = run("status", "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def parsed(text: str) -> Iterable[Metric]:
    """Families of an OpenMetrics text. Raises ValueError where it is none."""
    families: Iterable[Metric] = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return families


def assert_measured(address: str, stage: str) -> None:
    """The stage answers with its own measures as OpenMetrics, and that it is well."""
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
        families = [f.name for f in parsed(answer.read().decode())]
    named = {"lab_ui": "screens"}.get(stage, stage)
    assert families
    assert all(family.startswith(f"hoshyar_{named}_") for family in families), families
    health = address.replace("/metrics", "/healthz")
    with urllib.request.urlopen(health, timeout=PATIENCE_S) as answer:
        assert json.load(answer)["ok"]
