"""Ctrl-C and SIGTERM: the first asks to stop in order, the second ends at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

# 128 + SIGINT, as a shell says it.
STOPPED = 130


class Stopped(Exception):
    """Somebody asked this program to stop."""


class Interrupts:
    """Only notes the first signal, so that nothing is torn half way; the second doesn't wait."""

    def __init__(self) -> None:
        self.asked = False
        self._force: Callable[[], None] = lambda: None

    def listen(self, force: Callable[[], None]) -> None:
        """Take the signals. `force` must end the children at once; this program then ends."""
        self._force = force
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.asked and number == signal.SIGINT:
            self._force()
            os._exit(STOPPED)
        self.asked = True
        # Not print: a signal may come in the middle of another one.
        os.write(sys.stderr.fileno(), b"\nhoshyar: stopping (once more to end at once)\n")

    def check(self) -> None:
        """Raise Stopped when somebody asked."""
        if self.asked:
            raise Stopped
