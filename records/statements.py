"""What models say and what people handle: warnings, votes' reasons, alert changes."""

from __future__ import annotations

from typing import Any

from records.levels import Hazard, Level, Status
from records.network import Record


class Phrase(Record, frozen=True):
    """A sentence that can be said in any language: a message id and the values it names.

    `text` is English with named fields in str.format style; it is the key in the catalogues.
    """

    text: str
    values: dict[str, str | int | float] = {}


class HazardWarning(Record, frozen=True):
    """A detector's statement about one series (or station group): one for each change of level.

    source       "detector/series-id", or "detector/place" where several series are joined
    hazard, area what would happen where (area id)
    level        the source's level from `decided_at` on; GREY = the source is blind
    stations     station ids that this vote rests on
    simulated    any device behind it is simulated
    decided_at   arrival of the message, or the grid time, that decided (microseconds)
    onset_at     expected onset in the area, or None
    score, p_value  as `detect` gives them, or None
    reason       why, in a form that can be translated
    evidence     inputs, thresholds and distance from firing, as plain JSON
    """

    source: str
    detector: str
    version: str
    hazard: Hazard
    area: str
    level: Level
    stations: tuple[str, ...]
    simulated: bool
    decided_at: int
    reason: Phrase
    onset_at: int | None = None
    score: float | None = None
    p_value: float | None = None
    evidence: dict[str, Any] = {}


class Action(Record, frozen=True):
    """What a person did at the desk. `kind` is one of the life cycle's human inputs."""

    alert: str
    kind: str
    person: str
    at: int
    note: str = ""


class AlertChange(Record, frozen=True):
    """One line of an incident's history: appended, never edited.

    alert     id of the incident, the same from the first line to the last
    change    name from the life cycle's table (`alerts/lifecycle.py`)
    level     the new level; GREEN = over; stays when the incident turns blind
    blind     some source that the incident rests on is silent
    stations  ids that agree now
    onset_at  expected onset (microseconds) or None; lead_s = onset_at - at in seconds
    """

    alert: str
    at: int
    change: str
    hazard: Hazard
    area: str
    level: Level
    stations: tuple[str, ...]
    reason: Phrase
    detector: str
    status: Status
    blind: bool = False
    onset_at: int | None = None
    person: str = ""
    note: str = ""

    @property
    def lead_s(self) -> float | None:
        return None if self.onset_at is None else max(0.0, (self.onset_at - self.at) / 1e6)
