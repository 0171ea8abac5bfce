"""One hub a process: what is new in the store goes to every screen, encoded once.

The follower (`lab_ui/follower.py`) hands over what it read; the hub keeps the picture and the
tail, and offers frames to the viewers. A frame is JSON: `k` says its kind. Moments on the wire are
milliseconds since 1970, as browsers count.

    tick     the clock, and the newest reading of each series that changed; `points` has every new
             point of the series that the viewer watches
    history  the last minutes of the watched series, in place of what the viewer had
    state    incidents, levels and stages, in the viewer's language
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec
import numpy as np

from lab_ui import places, views
from lab_ui.picture import Picture
from lab_ui.tail import Tail
from lab_ui.viewers import Viewer
from records.clock import Clock
from records.readings import ReadingBatch

_MILLISECOND = 1000
_encode = msgspec.json.Encoder().encode


class Hub:
    """Belongs to the event loop's thread; only `picture` may be read from any other."""

    def __init__(self, picture: Picture, clock: Clock) -> None:
        self.picture = picture
        self._clock = clock
        self._tail = Tail()
        self._viewers: set[Viewer] = set()

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def join(self, viewer: Viewer) -> None:
        self._viewers.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    def watch(self, viewer: Viewer, numbers: Iterable[int]) -> None:
        """From now on this viewer gets every point of these series, and their history first."""
        known = self.picture.registry.series_id
        viewer.watched = frozenset(n for n in numbers if n in known)
        viewer.restart()

    def take_readings(self, readings: ReadingBatch) -> None:
        """New rows, committed. Sends a tick."""
        before = self.picture.last
        self._tail.extend(readings)
        self.picture = self.picture.with_readings(readings)
        changed = [n for n, last in self.picture.last.items() if before.get(n) is not last]
        self._send_tick(changed, readings)

    def take_state(self, picture: Picture) -> None:
        """A picture whose incidents, votes, stages or clock were read anew."""
        self.picture = replace(picture, last=self.picture.last)
        states: dict[str, str] = {}
        for viewer in self._viewers:
            if viewer.language not in states:
                states[viewer.language] = self.state_frame(viewer.language)
            viewer.offer(states[viewer.language])

    def beat(self) -> None:
        """A tick without readings: the clock goes on and the viewers see that the hub lives."""
        self._send_tick([], None)

    def _send_tick(self, changed: list[int], readings: ReadingBatch | None) -> None:
        if not self._viewers:
            return
        head = self._head(changed)
        points = {} if readings is None else _fragments(readings)
        frames: dict[frozenset[int], str] = {}
        for viewer in self._viewers:
            if viewer.watched not in frames:
                wanted = ",".join(points[n] for n in sorted(viewer.watched & points.keys()))
                frames[viewer.watched] = f'{head},"points":{{{wanted}}}}}'
            viewer.offer(frames[viewer.watched])

    def _head(self, changed: Iterable[int]) -> str:
        """A tick's frame up to its points, without the closing brace."""
        picture = self.picture
        newest = picture.newest_received_at
        head = {
            "k": "tick",
            "now": picture.now(self._clock) // _MILLISECOND,
            "scenario": picture.scenario_at is not None,
            "registry": picture.registry.version,
            "received": None if newest is None else newest // _MILLISECOND,
            "last": [views.last_row(n, picture.last[n]) for n in changed],
        }
        return _encode(head).decode()[:-1]

    def everything(self, viewer: Viewer) -> list[str]:
        """The frames that a viewer starts from."""
        return [
            self.state_frame(viewer.language),
            self._head(self.picture.last) + ',"points":{}}',
            self.history_frame(viewer),
        ]

    def history_frame(self, viewer: Viewer) -> str:
        now_at, registry = self.picture.now(self._clock), self.picture.registry
        points = ",".join(
            _fragment(n, *self._tail.since(n, now_at - places.window(registry.series(n))))
            for n in sorted(viewer.watched & registry.series_id.keys())
        )
        return f'{{"k":"history","points":{{{points}}}}}'

    def state_frame(self, language: str) -> str:
        return _encode(views.state(self.picture, self._clock, language)).decode()

    def fill(self, readings: ReadingBatch) -> None:
        """What the store holds of the last minutes, before anything is followed."""
        self._tail.extend(readings)
        self.picture = self.picture.with_readings(readings)
        for viewer in self._viewers:
            viewer.restart()


def _fragment(number: int, times_at: np.ndarray, values: np.ndarray) -> str:
    """`"7":[[t...],[v...]]`: one series' points, encoded once for all who watch it."""
    columns = [(times_at // _MILLISECOND).tolist(), values.tolist()]
    return f'"{number}":{_encode(columns).decode()}'


def _fragments(readings: ReadingBatch) -> dict[int, str]:
    fragments = {}
    for number in np.unique(readings.series).tolist():
        rows = readings.series == number
        order = np.argsort(readings.measured_at[rows], kind="stable")
        fragments[number] = _fragment(
            number, readings.measured_at[rows][order], readings.value[rows][order]
        )
    return fragments
