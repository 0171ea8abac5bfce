"""Detectors that need several series: votes of single series, combined by a pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from models.detector import Detector, Watched
from records.levels import Level
from records.network import Network, Record
from records.statements import Phrase


class Vote(Record, frozen=True):
    """What one series says now: its level, since when, and why.

    level        GREY = the series is silent; nobody can say
    changed_at   arrival (or grid time) that decided the level, microseconds
    measured_at  measurement that decided the level, microseconds; None before the first reading
    onset_at     onset at the series' own station as `explain` gave it, or None

    Of detectors that `hear`:

    lag       microseconds from the series' own clock to the clock of arrivals
    heard_at  its newest living reading on the clock of arrivals
    peak      amplitude of the strongest swings of the last seconds, canonical unit; 0 unless the
              level is above green
    """

    watched: Watched
    level: Level
    changed_at: int
    measured_at: int | None = None
    onset_at: int | None = None
    score: float | None = None
    p_value: float | None = None
    reason: Phrase | None = None
    evidence: dict[str, Any] = {}
    lag: int = 0
    heard_at: int | None = None
    peak: float = 0.0


class Statement(Record, frozen=True):
    """What such a detector says about one place now.

    `key` names the place within the detector (an area or a lake) and stays the same over time.
    """

    key: str
    area: str
    level: Level
    stations: tuple[str, ...]
    reason: Phrase
    onset_at: int | None = None
    score: float | None = None
    p_value: float | None = None
    evidence: dict[str, Any] = {}


class Associated(Detector):
    """A detector whose series only vote; `associate` makes the statements.

    The levels that `step` and `limits` give are votes: they reach nobody by themselves.

    hears  its votes say what was heard of each series until now (`models.hearing`)
    """

    hears: ClassVar[bool] = False

    def associate(
        self,
        votes: Sequence[Vote],
        network: Network,
        before: Mapping[str, Statement],
        now_at: int,
    ) -> list[Statement]:
        """Every statement that stands now; a warning is made for each whose level changed.

        Pure: called after each change of a vote (`now_at` is the arrival, or the grid time of a
        silence, that decided it), with all votes ordered by series id and the statements that
        stood before, by key. A key that is left out is over (green).
        """
        raise NotImplementedError
