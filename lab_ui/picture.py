"""What the screens know at one moment: never changed, only replaced by the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from alerts.engine import Unwatched
from lab_ui import events
from records.clock import Clock
from records.levels import Flag, Level, Status
from records.readings import ReadingBatch
from records.statements import AlertChange, HazardWarning
from store.incidents import Closed, Incident
from store.registry import Registry
from store.stages import Stage

SILENT_STAGE_S = 15.0  # a stage beats every 2 s; after this long without a beat it is shown as down
WATCHERS = ("ingest", "models", "alerts")  # without one of these nothing is watched


@dataclass(frozen=True, slots=True)
class Last:
    """A series' newest reading by measured_at, as `ReadingBatch` has it."""

    measured_at: int
    received_at: int
    value: float
    flag: Flag


@dataclass(frozen=True)
class Picture:
    """`last` by series number; `votes` the level of each warning source; moments in microseconds.

    `scenario_at` is the replay's clock, None under the machine's. `stale_since` is when the store
    was last read, None while it can be. `closed` has the incidents that ended lately,
    `unwatched` the sources that alerts know to be silent, `best_effort` the ids of devices that
    send without numbers.
    """

    registry: Registry
    last: Mapping[int, Last] = field(default_factory=dict)
    votes: Mapping[str, Level] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    closed: tuple[Closed, ...] = ()
    unwatched: tuple[Unwatched, ...] = ()
    reasons: Mapping[str, AlertChange] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    quarantined: int = 0
    best_effort: frozenset[str] = frozenset()
    scenario_at: int | None = None
    stale_since: int | None = None

    def now(self, clock: Clock) -> int:
        """The moment that ages are told from: the scenario's in a replay, else the clock's."""
        return clock.now() if self.scenario_at is None else self.scenario_at

    def with_readings(self, readings: ReadingBatch) -> Picture:
        """The newest reading of each series, where these are newer than what is known."""
        last = dict(self.last)
        order = np.argsort(readings.measured_at, kind="stable")
        for row in _last_rows(readings.series[order]):
            place = order[row]
            number, at = int(readings.series[place]), int(readings.measured_at[place])
            if number not in last or last[number].measured_at <= at:
                last[number] = Last(
                    at,
                    int(readings.received_at[place]),
                    float(readings.value[place]),
                    Flag(int(readings.flag[place])),
                )
        return replace(self, last=last)

    def with_warnings(self, warnings: Sequence[HazardWarning]) -> Picture:
        return replace(self, votes={**self.votes, **{w.source: w.level for w in warnings}})

    @property
    def newest_received_at(self) -> int | None:
        return max((last.received_at for last in self.last.values()), default=None)

    def open_incidents(self) -> tuple[Incident, ...]:
        """Incidents that are not over, as they should be taken on."""
        return events.in_order(self.incidents)

    def series_levels(self) -> dict[str, Level]:
        """Series id -> the worst that a detector says of this series now."""
        levels: dict[str, Level] = {}
        for source, level in self.votes.items():
            identity = source.partition("/")[2]
            levels[identity] = max(level, levels.get(identity, Level.GREY))
        return levels

    def station_levels(self) -> dict[str, Level]:
        """Station id -> the worst of its open incidents and of what its own series show."""
        levels: dict[str, Level] = {}
        numbers = self.registry.series_number
        said = [
            (self.registry.series(numbers[name]).station, level)
            for name, level in self.series_levels().items()
            if name in numbers and level >= Level.YELLOW
        ]
        for incident in self.incidents:
            said += [(station, incident.last.level) for station in incident.last.stations]
        for station, level in said:
            levels[station] = max(level, levels.get(station, Level.GREY))
        return levels

    def status(self) -> Status:
        """How everything on the screens must be marked while no incident says otherwise."""
        if self.scenario_at is not None:
            return Status.TEST
        simulated = any(device.simulated for device in self.registry.network.device)
        return Status.EXERCISE if simulated else Status.ACTUAL

    def silent_series(self, now_at: int) -> list[tuple[str, int | None]]:
        """(series id, last arrival or None) of those that nobody can say anything about."""
        silent: list[tuple[str, int | None]] = []
        for series in self.registry.network.series:
            last = self.last.get(self.registry.series_number[series.id])
            if last is None:
                silent.append((series.id, None))
            elif now_at - last.received_at > series.blind_after_s() * 1e6:
                silent.append((series.id, last.received_at))
        return silent

    def dead_stages(self, wall_now_at: int) -> list[tuple[str, int | None]]:
        """(stage, last beat or None) of the stages without which nothing is watched.

        Beats are told by the machine's clock, in a replay too.
        """
        beats = {stage.name: stage.beat_at for stage in self.stages}
        return [
            (name, beats.get(name))
            for name in WATCHERS
            if name not in beats or wall_now_at - beats[name] > SILENT_STAGE_S * 1e6
        ]


def _last_rows(series: np.ndarray) -> list[int]:
    """Places of each series' last row."""
    _, places = np.unique(series[::-1], return_index=True)
    return [len(series) - 1 - int(place) for place in places]
