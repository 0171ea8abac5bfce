"""The player of a replay, seen from its leader: asked for spans of messages, started again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from hoshyar.processes import Lifeline
from hoshyar.supervisor import WRONG_SETTINGS
from records.errors import InputError, StoreUnavailable

MOST_DEATHS = 20


class Player:
    """`python -m devices play CASE`. Never waits: `answered` says what has come by now."""

    def __init__(
        self, case: Path, environment: Mapping[str, str], log: Path, lifeline: Lifeline
    ) -> None:
        self._command = [sys.executable, "-m", "devices", "play", str(case)]
        self._environment = {**environment, "HOSHYAR_LIFELINE": str(lifeline.reading)}
        self._lifeline = lifeline
        self._log = log
        self._heard = b""
        self._asked: tuple[int, int] | None = None
        self._deaths = 0
        self._child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(self._lifeline.reading,),
                process_group=0,
            )
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        return child

    @property
    def pid(self) -> int:
        return self._child.pid

    def ask(self, first: int, end: int) -> None:
        """Ask for the messages with places first to end-1."""
        self._asked = (first, end)
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(f"publish {first} {end}\n".encode())
            self._child.stdin.flush()
        except BrokenPipeError:
            return  # it died; `answered` starts another and asks again

    def answered(self) -> bool:
        """True when the broker has taken the span that was asked for last.

        Starts the player again where it died, and asks it the same. Raises InputError where it
        refuses the case, StoreUnavailable where it never stays.
        """
        assert self._child.stdout is not None
        if self._child.poll() is not None:
            self._again()
            return False
        self._heard += self._child.stdout.read() or b""
        *lines, self._heard = self._heard.split(b"\n")
        if self._asked and "published {} {}".format(*self._asked).encode() in lines:
            self._asked = None
        return self._asked is None

    def _again(self) -> None:
        self._deaths += 1
        if self._child.returncode == WRONG_SETTINGS:
            raise InputError(f"the player can't play the case: see {self._log}")
        if self._deaths > MOST_DEATHS:
            raise StoreUnavailable(f"the player doesn't stay: see {self._log}")
        self._close()
        self._heard = b""
        self._child = self._start()
        if self._asked:
            self.ask(*self._asked)

    def stop(self) -> None:
        """End the player."""
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._close()

    def _close(self) -> None:
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
