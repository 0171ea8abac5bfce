"""Those who watch through a WebSocket: what each has asked for and what waits to be sent."""

from __future__ import annotations

import asyncio
from collections import deque

WAITING = 6  # frames that may wait for one viewer, about three seconds


class Viewer:
    """One open screen. Belongs to the event loop's thread.

    `watched` are the series whose every point it wants; of the others it gets the newest. A viewer
    that can't keep up loses what waits, and starts again from the newest (`behind`).
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.watched: frozenset[int] = frozenset()
        self.behind = True
        self._frames: deque[str] = deque()
        self._woken = asyncio.Event()

    def offer(self, frame: str) -> None:
        if len(self._frames) >= WAITING:
            self.restart()
        elif not self.behind:
            self._frames.append(frame)
            self._woken.set()

    def restart(self) -> None:
        """Forget what waits: the next thing that is sent is everything as it is then."""
        self._frames.clear()
        self.behind = True
        self._woken.set()

    async def next_frames(self) -> list[str]:
        """What waits; an empty list when the viewer must be given everything anew."""
        if not self.behind and not self._frames:
            self._woken.clear()
            await self._woken.wait()
        if self.behind:
            self.behind = False
            return []
        frames = list(self._frames)
        self._frames.clear()
        return frames
