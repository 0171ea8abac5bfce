"""What each source says now, what it may still be held to, and what all of them amount to.

A source that turns grey keeps its last word: silence lowers nothing. To leave a level, a source
must have been *seen* below it for the whole hold; a hold that silence interrupts begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from alerts.policy import Policy, needed
from records.levels import Level
from records.network import Record
from records.statements import HazardWarning, Phrase

LEFT_LONG_AGO = 0
_STEPS = (Level.YELLOW, Level.ORANGE, Level.RED)


class Ballot(NamedTuple):
    """A vote as it is counted."""

    detector: str
    level: Level
    stations: tuple[str, ...]


class Vote(Record, frozen=True):
    """One source's last word.

    level      the last level it said while it could see
    stations   stations that this word rests on
    blind_at   since when it has been silent (microseconds), None while it sees
    left_at    for yellow, orange, red: since when it has been seen below that level; None = it is
               there, or silence interrupted the hold
    held_by    stations of its highest word that it may still be held to
    """

    source: str
    detector: str
    stations: tuple[str, ...]
    level: Level = Level.GREEN
    blind_at: int | None = None
    left_at: tuple[int | None, ...] = (LEFT_LONG_AGO,) * 3
    held_by: tuple[str, ...] = ()
    decided_at: int = 0
    onset_at: int | None = None
    reason: Phrase = Phrase(text="")

    def has_left(self, level: Level, at: int, hold: int) -> bool:
        left_at = self.left_at[level - Level.YELLOW]
        return left_at is not None and at - left_at >= hold

    def is_idle(self, at: int, hold: int) -> bool:
        """True where it is as if the source had never spoken."""
        return (
            self.level is Level.GREEN
            and self.blind_at is None
            and all(left is not None and at - left >= hold for left in self.left_at)
        )

    def said(self) -> Ballot:
        """Its last word, without any hold."""
        # A source that names no station is still somebody's voice.
        return Ballot(self.detector, self.level, self.stations or (self.source,))

    def seen(self) -> Ballot:
        """Its word if it can see; nothing (green) if it is silent."""
        return self.said() if self.blind_at is None else self.said()._replace(level=Level.GREEN)

    def held(self, at: int, hold: int) -> Ballot:
        """The highest level that it has not yet left for the whole hold."""
        level = next((x for x in reversed(_STEPS) if not self.has_left(x, at, hold)), Level.GREEN)
        return Ballot(self.detector, level, self.held_by or self.stations or (self.source,))


def heard(before: Vote | None, warning: HazardWarning, at: int, hold: int) -> Vote:
    """The vote of a source after its warning, heard at `at` (microseconds)."""
    vote = before or Vote(
        source=warning.source, detector=warning.detector, stations=warning.stations
    )
    if warning.level is Level.GREY:
        return _blinded(vote, at, hold)
    rises = warning.level >= vote.held(at, hold).level
    left_at = (
        None if level <= warning.level else (at if left is None else left)
        for level, left in zip(_STEPS, vote.left_at, strict=True)
    )
    return replace(
        vote,
        level=warning.level,
        stations=warning.stations,
        blind_at=None,
        left_at=tuple(left_at),
        held_by=warning.stations if rises else vote.held_by,
        decided_at=at,
        onset_at=warning.onset_at,
        reason=warning.reason,
    )


def _blinded(vote: Vote, at: int, hold: int) -> Vote:
    if vote.blind_at is not None:
        return vote
    left_at = (LEFT_LONG_AGO if vote.has_left(level, at, hold) else None for level in _STEPS)
    return replace(vote, blind_at=at, left_at=tuple(left_at))


def written_off(vote: Vote, level: Level) -> Vote:
    """The vote after people ended everything above `level`.

    Its hold ends at once, and a silent source is no longer held to what it last said. A source
    that sees keeps its word.
    """
    word = vote.level if vote.blind_at is None else min(vote.level, level)
    left_at = (
        LEFT_LONG_AGO if step > max(level, word) else left
        for step, left in zip(_STEPS, vote.left_at, strict=True)
    )
    return replace(vote, level=word, left_at=tuple(left_at))


class Count:
    """Adds votes up for one hazard in one area: which level enough stations agree on."""

    def __init__(self, policy: Policy, measurers: Callable[[str], int]) -> None:
        """`measurers` says how many stations of the area measure a quantity."""
        self._policy = policy
        self._measurers = measurers

    def level(self, ballots: Iterable[Ballot]) -> Level:
        """The highest level that enough stations agree on."""
        cast = [ballot for ballot in ballots if ballot.level >= Level.YELLOW]
        for level in reversed(_STEPS):
            at_least = [ballot for ballot in cast if ballot.level >= level]
            if at_least and len(self._stations(at_least, level)) >= self._policy.stations:
                return level
        return Level.GREEN

    def _stations(self, ballots: list[Ballot], level: Level) -> set[str]:
        """Stations of those detectors that have enough of them for this level."""
        by_detector: dict[str, set[str]] = {}
        for ballot in ballots:
            by_detector.setdefault(ballot.detector, set()).update(ballot.stations)
        enough = [found for name, found in by_detector.items() if self._suffice(name, found, level)]
        return set().union(*enough)

    def _suffice(self, detector: str, stations: set[str], level: Level) -> bool:
        demand = self._policy.demand(detector)
        there = self._measurers(demand.quantity) if demand and demand.quantity else 0
        return len(stations) >= needed(demand, level, there)
