"""Keeps the parts of a system running: starts them in order, starts again what dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from records.errors import HoshyarError, SettingsError, StoreUnavailable

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
# A part that ran this long is healthy: its next death is answered quickly again.
HEALTHY_S = 30.0
TRIM_EVERY_S = 60.0
WRONG_SETTINGS = 2


class Part(Protocol):
    """Something that is started, watched and ended: a child process or the embedded database."""

    @property
    def name(self) -> str: ...

    @property
    def grace_s(self) -> float: ...

    @property
    def pid(self) -> int | None: ...

    @property
    def exit_code(self) -> int | None: ...

    def start(self) -> None: ...

    def alive(self) -> bool: ...

    def ask_to_end(self) -> None: ...

    def wait(self, timeout_s: float) -> bool: ...

    def kill(self) -> None: ...

    def last_words(self) -> str: ...

    def trim(self) -> None: ...


@dataclass(slots=True)
class Watched:
    """A part with its history. `failures` counts deaths in quick succession."""

    part: Part
    started_s: float
    restarts: int = 0
    failures: int = 0
    due_s: float | None = None


def delay_s(failures: int) -> float:
    """How long to wait before the next start: doubles with each quick death, up to a limit."""
    return float(min(FIRST_DELAY_S * 2.0 ** min(failures - 1, 30), LONGEST_DELAY_S))


class Supervisor:
    """Parts in the order of their start. Not for threads: one caller calls `check` often."""

    def __init__(
        self,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._clock = clock
        self._watched: list[Watched] = []
        self._trimmed_s = clock()

    def add(self, part: Part) -> None:
        """Start a part and watch it from now on. Raises what its start raises."""
        self._watched.append(Watched(part, self._clock()))
        part.start()

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._watched)

    def check(self) -> bool:
        """Look at every part once; start what died, when its time has come. True = a change."""
        now = self._clock()
        changes = [self._check(watched, now) for watched in self._watched]
        if now - self._trimmed_s > TRIM_EVERY_S:
            self._trimmed_s = now
            for watched in self._watched:
                watched.part.trim()
        return any(changes)

    def _check(self, watched: Watched, now: float) -> bool:
        if watched.due_s is None:
            if watched.part.alive():
                return False
            self._note_death(watched, now)
            return True
        if now < watched.due_s:
            return False
        self._start_again(watched)
        return True

    def _note_death(self, watched: Watched, now: float) -> None:
        healthy = now - watched.started_s >= HEALTHY_S
        watched.failures = 1 if healthy else watched.failures + 1
        watched.due_s = now + delay_s(watched.failures)
        how = _how(watched.part.exit_code)
        words = watched.part.last_words()
        self._say(f"{watched.part.name} {how}, starting it again{': ' + words if words else ''}")

    def _start_again(self, watched: Watched) -> None:
        watched.restarts += 1
        watched.started_s, watched.due_s = self._clock(), None
        try:
            watched.part.start()
        except (OSError, HoshyarError) as error:
            watched.failures += 1
            watched.due_s = self._clock() + delay_s(watched.failures)
            self._say(f"{watched.part.name} can't be started, trying again: {error}")

    def must_live(self, most: int = 3) -> None:
        """Raise for a part that gives up, or died more than `most` times in quick succession."""
        for watched in self._watched:
            if watched.part.exit_code == WRONG_SETTINGS:
                raise SettingsError(watched.part.last_words() or f"{watched.part.name} gave up")
            if watched.failures > most:
                words = watched.part.last_words()
                raise StoreUnavailable(f"{watched.part.name} does not start: {words}")

    def stop(self, after: Callable[[str], None] = lambda _: None) -> None:
        """End all parts, the last started first; what doesn't end in its grace is killed."""
        for watched in reversed(self._watched):
            part = watched.part
            part.ask_to_end()
            if not part.wait(part.grace_s):
                part.kill()
            after(part.name)
        self._watched.clear()

    def kill(self) -> None:
        """End all parts at once."""
        for watched in reversed(self._watched):
            watched.part.kill()
        self._watched.clear()


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "is gone"
    return f"was killed (signal {-exit_code})" if exit_code < 0 else f"ended ({exit_code})"


@contextmanager
def supervised(supervisor: Supervisor) -> Iterator[Supervisor]:
    """Leave nothing running, however the block ends."""
    try:
        yield supervisor
    except Exception:
        supervisor.stop()
        raise
    except BaseException:
        supervisor.kill()
        raise
    else:
        supervisor.stop()
