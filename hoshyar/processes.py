"""Child processes that can't outlive this program: how one is started, watched and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LOG_LIMIT_BYTES = 20_000_000
GRACE_S = 10.0


class Lifeline:
    """A pipe that nobody writes to; the kernel closes it when this program ends, in any way.

    Children are handed the reading end and leave when they see its end (`records.lifeline`).
    """

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def cut(self) -> None:
        """End all children that still hold the line."""
        for descriptor in (self.reading, self._writing):
            os.close(descriptor)


class Process:
    """One child: `python ARGUMENTS` in a process group of its own, its output in a log file."""

    grace_s = GRACE_S

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        lifeline: Lifeline,
    ) -> None:
        self.name = name
        self._command = [sys.executable, *arguments]
        self._environment = {**environment, "HOSHYAR_LIFELINE": str(lifeline.reading)}
        self._lifeline = lifeline
        self._log = log
        self._log_from = 0
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the child. Raises OSError where the machine can't."""
        self.trim()
        with self._log.open("ab") as log:
            self._log_from = log.tell()
            self._child = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._lifeline.reading,),
                # Ctrl-C in the terminal is for `hoshyar`, which stops the children in order.
                process_group=0,
            )

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self.alive() else None

    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the last child ended, or None."""
        return self._child.poll() if self._child else None

    def ask_to_end(self) -> None:
        self._send(signal.SIGTERM)

    def wait(self, timeout_s: float) -> bool:
        """True when the child has ended within `timeout_s`."""
        if self._child is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout_s)
        return not self.alive()

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        if self._child:
            self._child.wait()

    def _send(self, number: signal.Signals) -> None:
        # Only while the child is ours and not yet reaped, so that its pid can't be another's.
        if self._child and self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def last_words(self) -> str:
        """The last line that the child wrote since it was started, or ""."""
        with self._log.open("rb") as log:
            log.seek(max(self._log_from, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def trim(self) -> None:
        """Keep one older log and begin again where this one is too long."""
        with contextlib.suppress(FileNotFoundError):
            if self._log.stat().st_size > LOG_LIMIT_BYTES:
                older = self._log.with_suffix(".1.log")
                older.write_bytes(self._log.read_bytes())
                os.truncate(self._log, 0)
                self._log_from = 0
