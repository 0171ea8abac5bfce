"""Who says what: from decisions about single series to warnings, one for each change of level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.association import Associated, Statement, Vote
from models.binding import Binding
from models.detector import Crossing, Said
from models.hearing import Hearing
from records.levels import Level
from records.network import Series
from records.statements import HazardWarning, Phrase
from store.directory import Registry

SILENT = "No reading of {quantity} at {station} for more than {minutes} min."
RETURNED = "Readings of {quantity} at {station} are coming in again."
UNFOLLOWED = "{detector} no longer follows this; nobody can say whether it is over."
ENDED = "The signs of danger have ended."
ENOUGH_RETURNED = "Enough sensors send readings again."
# The seat of a score that rests on all series of a joint detector.
ALL = -1


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that may change what a source says.

    at, timer     when it was decided; a timer comes after the arrivals of its moment
    place, row    rank of the series id, and place among the arrivals
    bank, seat    which detector, and which of its series; ALL for a score of all together
    level         after the row; None = the series fell silent
    crossing, said  None where the level did not change
    known         False where nothing is known of the level
    """

    at: int
    timer: bool
    place: int
    row: int
    bank: int
    seat: int
    level: Level | None = None
    crossing: Crossing | None = None
    said: Said | None = None
    known: bool = True

    @property
    def order(self) -> tuple[int, bool, int, int, int]:
        return self.at, self.timer, self.place, self.row, self.bank


class Sources:
    """What the sources of one detector say. `current` holds the last warning of each by name."""

    def __init__(self, registry: Registry, binding: Binding) -> None:
        self._network = registry.network
        self._detector = binding.detector
        self._watched = binding.watched
        numbers = [registry.series_number[w.id] for w in binding.watched]
        self._series = [registry.series(number) for number in numbers]
        self._simulated = [registry.simulated(number) for number in numbers]
        self.current: dict[str, HazardWarning] = {}

    @property
    def detector(self) -> str:
        """The name of what speaks."""
        return self._detector.name

    @property
    def hears(self) -> bool:
        """Does its detector ask what was heard of each series?"""
        return isinstance(self._detector, Associated) and self._detector.hears

    def decide(self, decision: Decision) -> list[HazardWarning]:
        """The warnings that a decision leads to."""
        raise NotImplementedError

    def save(self) -> dict[str, Any]:
        return {"current": self.current}

    def load(self, saved: Mapping[str, Any], kept: NDArray[np.bool_]) -> None:
        """Take over what the same detector had saved; `kept`: series whose state was kept."""
        raise NotImplementedError

    def adopt(self, warning: HazardWarning) -> int | None:
        """Let a source stand as this (grey) warning says, where there is such a source.

        Returns its seat where a single series is the source: it counts as silent from now on.
        """
        raise NotImplementedError

    def _level(self, source: str) -> Level:
        said = self.current.get(source)
        return Level.GREEN if said is None else said.level

    def _say(self, warning: HazardWarning) -> list[HazardWarning]:
        if warning.level == self._level(warning.source):
            return []
        self.current[warning.source] = warning
        return [warning]


class Unheard(Sources):
    """Of a model in shadow: it says nothing, whatever it finds."""

    def decide(self, decision: Decision) -> list[HazardWarning]:  # noqa: ARG002
        return []

    def save(self) -> dict[str, Any]:
        return {"current": {}, "unheard": True}

    def load(self, saved: Mapping[str, Any], kept: NDArray[np.bool_]) -> None:
        pass

    def adopt(self, warning: HazardWarning) -> int | None:  # noqa: ARG002
        return None


class SingleSources(Sources):
    """Each series of a detector is a source of its own: "detector/series-id"."""

    def __init__(self, registry: Registry, binding: Binding) -> None:
        super().__init__(registry, binding)
        self._names = [f"{self._detector.name}/{w.id}" for w in self._watched]
        self._areas = [registry.area_of_station(w.station) for w in self._watched]
        # The last thing said before a silence: it is said again when it still holds after it.
        self._spoken: dict[str, HazardWarning] = {}

    def decide(self, decision: Decision) -> list[HazardWarning]:
        warning = self._warning(decision)
        if warning.level != Level.GREY:
            self._spoken[warning.source] = warning
        return self._say(warning)

    def save(self) -> dict[str, Any]:
        return {"current": self.current, "spoken": self._spoken}

    def load(self, saved: Mapping[str, Any], kept: NDArray[np.bool_]) -> None:
        mine = {n for n, keeps in zip(self._names, kept, strict=True) if keeps}
        for name, into in (("current", self.current), ("spoken", self._spoken)):
            found = msgspec.convert(saved[name], dict[str, HazardWarning])
            into.update({source: said for source, said in found.items() if source in mine})

    def adopt(self, warning: HazardWarning) -> int | None:
        if warning.source not in self._names:
            return None
        self.current[warning.source] = warning
        return self._names.index(warning.source)

    def _warning(self, decision: Decision) -> HazardWarning:
        name = self._names[decision.seat]
        if decision.said and decision.crossing:
            return self._base(
                decision,
                decision.crossing.level,
                decision.said.reason,
                onset_at=decision.said.onset_at,
                score=decision.crossing.score,
                p_value=decision.crossing.p_value,
                evidence=decision.said.evidence,
            )
        if decision.level is None:
            return self._base(decision, Level.GREY, silent(self._series[decision.seat]))
        spoken = self._spoken.get(name)
        if spoken is not None and spoken.level == decision.level != Level.GREEN:
            return msgspec.structs.replace(spoken, decided_at=decision.at)
        return self._base(decision, decision.level, returned(self._series[decision.seat]))

    def _base(self, decision: Decision, level: Level, reason: Phrase, **more: Any) -> HazardWarning:
        seat = decision.seat
        return HazardWarning(
            source=self._names[seat],
            detector=self._detector.name,
            version=self._detector.version,
            hazard=self._detector.hazard,
            area=self._areas[seat],
            level=level,
            stations=(self._watched[seat].station,),
            simulated=self._simulated[seat],
            decided_at=decision.at,
            reason=reason,
            **more,
        )


class AssociatedSources(Sources):
    """The series of such a detector only vote; a source is what `associate` names by a key.

    Simulated and real series are associated apart, so that neither can confirm the other.
    """

    def __init__(self, registry: Registry, binding: Binding, detector: Associated) -> None:
        super().__init__(registry, binding)
        self._associated = detector
        self._votes: list[Vote] = [
            Vote(watched=w, level=Level.GREEN, changed_at=0) for w in self._watched
        ]
        self._silent: set[str] = set()
        self._statements: dict[bool, dict[str, Statement]] = {False: {}, True: {}}
        self._heard: tuple[Hearing, Mapping[int, int]] | None = None

    def stated(self) -> list[Statement]:
        """What stands, also where it is green, of real series and then of simulated ones."""
        return [s for world in (False, True) for s in self._statements[world].values()]

    def listen(self, hearing: Hearing, places: Mapping[int, int]) -> None:
        """Let votes say what was heard of their series; `places` there, by seat."""
        self._heard = hearing, places

    def decide(self, decision: Decision) -> list[HazardWarning]:
        self._vote(decision)
        world = self._simulated[decision.seat]
        votes = [
            self._presented(seat, decision.at)
            for seat, simulated in enumerate(self._simulated)
            if simulated == world
        ]
        before = self._statements[world]
        stated = self._associated.associate(votes, self._network, before, decision.at)
        ended = [before[key] for key in before if key not in {s.key for s in stated}]
        self._statements[world] = {s.key: s for s in stated}
        over = [_over(statement) for statement in ended]
        said = sorted([*stated, *over], key=lambda s: s.key)
        return [w for s in said for w in self._say(self._warning(s, world, decision.at))]

    def save(self) -> dict[str, Any]:
        return {
            "current": self.current,
            "votes": {v.watched.id: v for v in self._votes},
            "silent": sorted(self._silent),
            "statements": [self._statements[False], self._statements[True]],
        }

    def load(self, saved: Mapping[str, Any], kept: NDArray[np.bool_]) -> None:
        votes = msgspec.convert(saved["votes"], dict[str, Vote])
        for seat, watched in enumerate(self._watched):
            if kept[seat]:
                self._votes[seat] = votes[watched.id]
        ids = {w.id for w in self._watched}
        self._silent = {s for s in saved["silent"] if s in ids}
        real, simulated = msgspec.convert(saved["statements"], list[dict[str, Statement]])
        self._statements = {False: real, True: simulated}
        self.current = msgspec.convert(saved["current"], dict[str, HazardWarning])

    def adopt(self, warning: HazardWarning) -> int | None:
        if warning.detector == self._associated.name:
            self.current[warning.source] = warning
        return None

    def _vote(self, decision: Decision) -> None:
        watched = self._watched[decision.seat]
        if decision.level is None:
            self._silent.add(watched.id)
            return
        self._silent.discard(watched.id)
        crossing, said = decision.crossing, decision.said
        if crossing and said:
            self._votes[decision.seat] = Vote(
                watched=watched,
                level=crossing.level,
                changed_at=decision.at,
                measured_at=crossing.measured_at,
                onset_at=said.onset_at,
                score=crossing.score,
                p_value=crossing.p_value,
                reason=said.reason,
                evidence=said.evidence,
            )
        elif self._votes[decision.seat].level != decision.level:
            self._votes[decision.seat] = Vote(
                watched=watched, level=decision.level, changed_at=decision.at
            )

    def _presented(self, seat: int, now_at: int) -> Vote:
        vote = self._votes[seat]
        if vote.watched.id in self._silent:
            vote = msgspec.structs.replace(vote, level=Level.GREY)
        if self._heard is None:
            return vote
        hearing, places = self._heard
        place = places[seat]
        peak = hearing.swings.strongest(place, now_at) if vote.level > Level.GREEN else 0.0
        return msgspec.structs.replace(
            vote, lag=hearing.lag(place), heard_at=hearing.heard_at(place), peak=peak
        )

    def _warning(self, stated: Statement, simulated: bool, now_at: int) -> HazardWarning:
        return HazardWarning(
            source=f"{self._associated.name}/{stated.key}" + ("/simulated" if simulated else ""),
            detector=self._associated.name,
            version=self._associated.version,
            hazard=self._associated.hazard,
            area=stated.area,
            level=stated.level,
            stations=stated.stations,
            simulated=simulated,
            decided_at=now_at,
            reason=stated.reason,
            onset_at=stated.onset_at,
            score=stated.score,
            p_value=stated.p_value,
            evidence=stated.evidence,
        )


def _over(statement: Statement) -> Statement:
    """A statement that stands no more."""
    text = ENOUGH_RETURNED if statement.level == Level.GREY else ENDED
    return msgspec.structs.replace(
        statement, level=Level.GREEN, reason=Phrase(text=text), onset_at=None, evidence={}
    )


def silent(series: Series) -> Phrase:
    return Phrase(
        text=SILENT, values={**_where(series), "minutes": round(series.blind_after_s() / 60)}
    )


def returned(series: Series) -> Phrase:
    return Phrase(text=RETURNED, values=_where(series))


def _where(series: Series) -> dict[str, str | int | float]:
    return {"quantity": series.quantity.replace("_", " "), "station": series.station}


def unfollowed(warning: HazardWarning, now_at: int) -> HazardWarning:
    """The same source, grey: nobody follows it any more."""
    return msgspec.structs.replace(
        warning,
        level=Level.GREY,
        decided_at=now_at,
        reason=Phrase(text=UNFOLLOWED, values={"detector": warning.detector}),
        onset_at=None,
        score=None,
        p_value=None,
        evidence={},
    )
