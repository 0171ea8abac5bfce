"""Processes that are killed, paused and started again, and that never outlive the harness."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
_WITH_STARTER = ROOT / "store" / "postmaster.py"


def command(*words: str) -> list[str]:
    """A Python program of this checkout that ends when the thread that starts it does."""
    return ending_with_us(sys.executable, *words)


def ending_with_us(*words: str) -> list[str]:
    return [sys.executable, "-ISB", str(_WITH_STARTER), str(os.getpid()), "0", "0", "--", *words]


def environment(**ours: str) -> dict[str, str]:
    """A clean one, with the code of this checkout."""
    rest = {k: v for k, v in os.environ.items() if not k.startswith("HOSHYAR_")}
    return {**rest, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **ours}


class Child:
    """One process. `kill` and `pause` may come from any thread, the rest from one."""

    def __init__(
        self, name: str, words: Sequence[str], variables: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self._words, self._environment, self._log = words, variables, log
        self._process: subprocess.Popen[bytes] | None = None
        self._start_s = self._resume_s = 0.0

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.returncode is None else None

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        """The end of what it and those before it wrote."""
        return self._log.read_text(errors="replace")[-2000:] or "none"

    def signal(self, number: int) -> None:
        """Send it a signal where it lives."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self, down_s: float) -> None:
        """kill -9; `look` starts it again when the time has passed."""
        self._start_s, self._resume_s = time.monotonic() + down_s, 0.0
        self.signal(signal.SIGKILL)

    def pause(self, for_s: float) -> None:
        self._resume_s = time.monotonic() + for_s
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._resume_s = 0.0
        self.signal(signal.SIGCONT)

    def look(self) -> None:
        """Start what has ended, wake what has slept for long enough."""
        now_s = time.monotonic()
        if self._resume_s and now_s >= self._resume_s:
            self.resume()
        if self._process is not None and self._process.poll() is not None:
            self._process = None
            self._start_s = max(self._start_s, now_s + 0.2)
        if self._process is None and now_s >= self._start_s:
            self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self, patience_s: float = 0.0) -> None:
        """SIGTERM where it is given time, then kill -9."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None and patience_s:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
        if process.poll() is None:
            process.kill()
        process.wait()
