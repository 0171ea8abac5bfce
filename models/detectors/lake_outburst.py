"""A lake that empties: a rapid fall, told from a fault by the river below or by a second sensor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models import slope
from models.association import Associated, Statement, Vote
from models.detector import (
    Crossing,
    Fixed,
    Limits,
    Rows,
    Said,
    Scores,
    Slot,
    State,
    Values,
    Watched,
    evidence_of,
    rounded,
)
from models.rivers import Reach, reaches_below
from records.levels import Hazard, Level
from records.network import Network
from records.statements import Phrase
from records.times import SECOND

MOVED = "Within about an hour the {quantity} has changed by {change} {unit}."
ONE_SENSOR = "One sensor at {lake} shows a fall of {drop} m, but another one there does not."
FALLING = "The lake at {lake} has fallen by {drop} m and goes on falling."
EMPTYING = "The lake at {lake} has fallen by {drop} m: it is emptying."
CONFIRMED = "The lake at {lake} has fallen by {drop} m and the river is rising at {station}."
FALLING_LEAD = (
    "The lake at {lake} has fallen by {drop} m and goes on falling. "
    "A flood wave would be here in about {minutes} min."
)
EMPTYING_LEAD = (
    "The lake at {lake} has fallen by {drop} m: it is emptying. "
    "The flood wave is expected here in about {minutes} min."
)
CONFIRMED_LEAD = (
    "The lake at {lake} has fallen by {drop} m and the river is rising at {station}. "
    "The flood wave is expected here in about {minutes} min."
)
LAKE_SILENT = "No sensor at {lake} sends readings; nobody can say whether the lake empties."

_WITH_LEAD = {FALLING: FALLING_LEAD, EMPTYING: EMPTYING_LEAD, CONFIRMED: CONFIRMED_LEAD}
_RELATED_S = 3600.0


class LakeOutburst(Associated):
    """Warns downstream of a lake whose level falls rapidly.

    drop_m           fall within about an hour that makes orange (four times as much: red)
    rate_m_per_h     how fast it must be falling for that (orange; four times for red)
    rise_m           rise of a stage downstream that confirms
    window_s         time over which the slope is fitted
    fastest_m_per_h  a faster change is a moved sensor, not water
    cold_start_s     history of a series before it can vote
    hold_s           how long a vote stands after the movement ended: the wave is still on its way
    """

    name = "lake-outburst"
    hazard = Hazard.LAKE_OUTBURST
    quantities = frozenset({"lake_level", "stage"})
    card = (
        "Outburst of a glacial or moraine-dammed lake. Votes: regression slope and fall from the "
        "recent highest level of each lake gauge, rise of each stage below it. Orange: the lake "
        "falls and no other gauge of it contradicts, or falls half as much while a stage "
        "downstream rises; red: it falls and a stage downstream rises, or the fall persists. "
        "Onset: time of the fall plus travel time along the river. Null: any fall of 0.15 m in an "
        "hour. Tested on simulated outbursts only. Regulated lakes whose gates can lower them "
        "faster than 0.3 m an hour need other limits."
    )

    def __init__(
        self,
        drop_m: float = 0.15,
        rate_m_per_h: float = 0.3,
        rise_m: float = 0.2,
        window_s: float = 300.0,
        fastest_m_per_h: float = 120.0,
        cold_start_s: float = 30.0,
        hold_s: float = 10800.0,
    ) -> None:
        self.drop_m = drop_m
        self.rate_m_per_h = rate_m_per_h
        self.rise_m = rise_m
        self.window_s = window_s
        self.fastest_m_per_h = fastest_m_per_h
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if min(drop_m, rate_m_per_h, rise_m, window_s, fastest_m_per_h) <= 0:
            raise ValueError("all parameters must be above 0")

    def slots(self) -> dict[str, Slot]:
        nan = Slot(fill=math.nan)
        return {**slope.slots(), "previous": nan, "change": Slot()}

    def fixed(self, watched: Sequence[Watched]) -> Fixed:
        lake = np.array([w.quantity == "lake_level" for w in watched], np.bool_)
        return {
            "sign": np.where(lake, -1.0, 1.0),
            "least": np.where(lake, self.drop_m, self.rise_m),
        }

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.5, 1.0, 4.0), (0.25, 0.5, 2.0))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        """Score: the hazardous change and its rate as multiples of the least ones, the lesser."""
        at, sign = rows.at, fixed["sign"][rows.at]
        self._follow_moved_sensor(rows, state)
        fitted = slope.fit(rows, state, self.window_s)
        # What is left of earlier change fades within an hour; what reverses it ends it.
        fade = np.exp(-np.where(np.isnan(rows.gap_s), 0.0, rows.gap_s) / _RELATED_S)
        step = sign * (fitted.level - state["previous"][at])
        change = np.fmax(0.0, state["change"][at] * fade + np.where(np.isnan(step), 0.0, step))
        state["change"][at] = change
        known = ~np.isnan(fitted.level)
        state["previous"][at] = np.where(known, fitted.level, state["previous"][at])
        rate = sign * fitted.per_s * 3600 / self.rate_m_per_h
        return Scores(np.where(known, np.fmin(change / fixed["least"][at], rate), np.nan))

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        change = float(state["change"][crossing.at] * fixed["sign"][crossing.at])
        values: Values = {
            "quantity": crossing.watched.quantity.replace("_", " "),
            "change": rounded(change, 2),
            "unit": crossing.watched.unit,
        }
        return Said(Phrase(text=MOVED, values=values), evidence_of(crossing, change=change))

    def associate(
        self,
        votes: Sequence[Vote],
        network: Network,
        before: Mapping[str, Statement],
        now_at: int,
    ) -> list[Statement]:
        lakes = sorted({v.watched.station for v in votes if v.watched.quantity == "lake_level"})
        return [s for lake in lakes for s in _of_lake(lake, votes, network, before)]

    def _follow_moved_sensor(self, rows: Rows, state: State) -> None:
        """Take a step that no water makes out of the regression and of what is kept."""
        step = rows.value - slope.last(rows, state)
        moved = np.abs(step) > self.drop_m + self.fastest_m_per_h * rows.gap_s / 3600
        if not moved.any():
            return
        by = np.where(moved, step, 0.0)
        slope.shift(rows, state, by)
        state["previous"][rows.at] += by


@dataclass(frozen=True, slots=True)
class _Lake:
    """The votes that matter for one lake.

    falling  lake gauges that vote yellow or more
    against  lake gauges that see and do not
    rising   stages below that began to rise with it or after it
    """

    station: str
    falling: tuple[Vote, ...]
    against: tuple[Vote, ...]
    rising: tuple[Vote, ...]

    @property
    def first(self) -> Vote:
        return min(self.falling, key=lambda v: (_when(v), v.watched.id))

    @property
    def drop_m(self) -> float:
        return max(-float(vote.evidence["change"]) for vote in self.falling)

    def judged(self, *, was_red: bool) -> tuple[Level, str] | None:
        """The level, and the sentence that says why; None while the signs are too weak.

        What was red stays red while it falls.
        """
        most = max(vote.level for vote in self.falling)
        if self.rising:
            return (Level.RED if was_red or most >= Level.ORANGE else Level.ORANGE), CONFIRMED
        if was_red or (most == Level.RED and not self.against):
            return Level.RED, EMPTYING
        if most == Level.YELLOW:
            return None
        if self.against:
            return (Level.ORANGE if most == Level.RED else Level.YELLOW), ONE_SENSOR
        return Level.ORANGE, FALLING


def _when(vote: Vote) -> int:
    return vote.changed_at if vote.measured_at is None else vote.measured_at


def _of_lake(
    station: str, votes: Sequence[Vote], network: Network, before: Mapping[str, Statement]
) -> list[Statement]:
    """What is said to each area below a lake, nearest first."""
    gauges = [
        v for v in votes if (v.watched.quantity, v.watched.station) == ("lake_level", station)
    ]
    seeing = [v for v in gauges if v.level != Level.GREY]
    reaches = reaches_below(network, station)
    if not seeing:
        reason = Phrase(text=LAKE_SILENT, values={"lake": station})
        return [
            Statement(
                key=_key(station, reach),
                area=reach.area,
                level=Level.GREY,
                stations=(station,),
                reason=reason,
            )
            for reach in reaches
        ]
    falling = tuple(v for v in seeing if v.level >= Level.YELLOW)
    if not falling:
        return []
    below = {name for reach in reaches for name in reach.stations}
    since = min(map(_when, falling)) - _RELATED_S * SECOND
    rising = tuple(
        v
        for v in votes
        if v.watched.quantity == "stage"
        and v.watched.station in below
        and v.level >= Level.ORANGE
        and _when(v) >= since
    )
    lake = _Lake(station, falling, tuple(v for v in seeing if v not in falling), rising)
    said = [_said(lake, reach, before.get(_key(station, reach))) for reach in reaches]
    return [statement for statement in said if statement]


def _said(lake: _Lake, reach: Reach, before: Statement | None) -> Statement | None:
    """The statement to one area; its onset stays as it was first said."""
    judged = lake.judged(was_red=before is not None and before.level == Level.RED)
    if judged is None:
        return None
    level, text = judged
    onset_at = before.onset_at if before else None
    if onset_at is None and reach.travel_s is not None:
        onset_at = _when(lake.first) + round(reach.travel_s * SECOND)
    values: Values = {"lake": lake.station, "drop": rounded(lake.drop_m, 2)}
    if text == CONFIRMED:
        values["station"] = lake.rising[0].watched.station
    if onset_at is not None and text in _WITH_LEAD:
        decided_at = max(vote.changed_at for vote in (*lake.falling, *lake.rising))
        minutes = round((onset_at - decided_at) / SECOND / 60)
        if minutes >= 1:
            text, values["minutes"] = _WITH_LEAD[text], minutes
    return Statement(
        key=_key(lake.station, reach),
        area=reach.area,
        level=level,
        stations=tuple(sorted({lake.station, *(v.watched.station for v in lake.rising)})),
        reason=Phrase(text=text, values=values),
        onset_at=onset_at,
        score=max((v.score for v in lake.falling if v.score is not None), default=None),
        evidence={
            "falling": [v.watched.id for v in lake.falling],
            "against": [v.watched.id for v in lake.against],
            "rising": [v.watched.id for v in lake.rising],
            "drop_m": lake.drop_m,
            "travel_s": reach.travel_s,
        },
    )


def _key(station: str, reach: Reach) -> str:
    return f"{station}/{reach.area}"
