"""One hazard in one area: its votes, the incident that stands, and the lines they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from alerts import lifecycle
from alerts.lifecycle import Change, Decision, Incident, Input, State, Tally
from alerts.policy import GRID, RENEW_AFTER, policy
from alerts.votes import Count, Vote, heard, written_off
from records.levels import Hazard, Level
from records.statements import Action, AlertChange, HazardWarning, Phrase
from records.times import grid_after, text

Key = tuple[str, str, bool]
# Makes a line of what was decided: the engine knows ids, status and the time of the last line.
Write = Callable[["Matter", Decision, Change, int, Action | None], AlertChange]

_SAY_LEVEL = frozenset(
    {Change.RAISED, Change.ESCALATED, Change.EASED, Change.RETURNED, Change.RENEWED}
)


class Matter(msgspec.Struct):
    """Everything about one hazard in one area; real and simulated data never share one.

    check_at  next moment of the grid at which the clock may change something (microseconds)
    """

    hazard: Hazard
    area: str
    simulated: bool
    votes: dict[str, Vote] = {}
    incident: Incident | None = None
    check_at: int | None = None

    @property
    def key(self) -> Key:
        return self.hazard, self.area, self.simulated

    @property
    def hold(self) -> int:
        return policy(self.hazard).hold

    def hear(self, warning: HazardWarning, at: int) -> None:
        """Take a source's word; `settle` draws the conclusions."""
        before = self.votes.get(warning.source)
        self.votes[warning.source] = heard(before, warning, at, self.hold)

    def foremost(self) -> Vote:
        """The vote that says most; of equals the one that said so first."""
        return min(
            self.votes.values(), key=lambda vote: (-vote.level, vote.decided_at, vote.source)
        )

    def agreeing(self, level: Level) -> list[Vote]:
        """The votes that see and say this level or a higher one."""
        return [vote for vote in self.votes.values() if vote.seen().level >= level]

    def settle(self, at: int, count: Count, write: Write) -> list[AlertChange]:
        """What the votes change at once."""
        changes = []
        hold = self.hold
        self.votes = {name: v for name, v in self.votes.items() if not v.is_idle(at, hold)}
        while decision := lifecycle.by_votes(self.incident, self._tally(at, count)):
            changes.append(self._apply(decision, at, write))
        self.check_at = grid_after(at - 1, GRID) if self.incident else None
        return changes

    def check(self, at: int, count: Count, write: Write) -> list[AlertChange]:
        """What the clock changes; `at` is a moment of the grid."""
        changes = self.settle(at, count, write)
        while self.incident:
            since, hold = text(self.incident.opened_at), self.hold
            held = count.level(vote.held(at, hold) for vote in self.votes.values())
            decision = lifecycle.by_clock(self.incident, held, at, hold, since)
            if decision is None:
                break
            changes.append(self._apply(decision, at, write))
        self.check_at = self._next_check(at)
        return changes

    def decide(self, action: Action, at: int, count: Count) -> Decision | Phrase:
        """What a person's action would change, or why it would change nothing."""
        if self.incident is None:
            return Phrase(text=lifecycle.NOT_OPEN, values={"alert": action.alert})
        seen = self._tally(at, count).seen
        return lifecycle.by_person(self.incident, action.kind, action.person, action.note, seen)

    def act(self, action: Action, at: int, count: Count, write: Write) -> list[AlertChange]:
        """What a person's action changes."""
        decided = self.decide(action, at, count)
        if isinstance(decided, Phrase):
            # What was asked is not done, but a note that came with it is kept.
            if self.incident is None or not action.note.strip():
                return []
            decided = Decision(Input.NOTE, self.incident.level, decided)
        line = self._apply(decided, at, write, action)
        if line.change in {Change.EASED, Change.CLEARED}:
            self.votes = {name: written_off(v, line.level) for name, v in self.votes.items()}
        return [line]

    def _tally(self, at: int, count: Count) -> Tally:
        votes = self.votes.values()
        high = [vote for vote in votes if vote.level >= Level.YELLOW]
        return Tally(
            said=count.level(vote.said() for vote in high),
            seen=count.level(vote.said() for vote in high if vote.blind_at is None),
            silent=_silent(votes, at, self.hold),
            reason=self.foremost().reason if self.votes else Phrase(text=""),
        )

    def _apply(
        self, decision: Decision, at: int, write: Write, action: Action | None = None
    ) -> AlertChange:
        state = self.incident.state if self.incident else State.QUIET
        change, following = lifecycle.outcome(state, decision.input)
        line = write(self, decision, change, at, action)
        kept = self.incident or Incident(
            state=following, latest=line, opened_at=line.at, said_at=line.at
        )
        self.incident = None
        if following is not State.QUIET:
            self.incident = replace(
                kept,
                state=following,
                latest=line,
                said_at=line.at if change in _SAY_LEVEL else kept.said_at,
                proposer=_proposer(kept, change, following, line.person),
            )
        return line

    def _next_check(self, at: int) -> int | None:
        if self.incident is None:
            return None
        ends = [
            left + self.hold
            for vote in self.votes.values()
            for left in vote.left_at
            if left is not None and left + self.hold > at
        ]
        return grid_after(min([*ends, self.incident.said_at + RENEW_AFTER]) - 1, GRID)


def _silent(votes: Iterable[Vote], at: int, hold: int) -> tuple[str, ...]:
    """Stations of silent sources that an incident would rest on."""
    held = (vote.held(at, hold) for vote in votes if vote.blind_at is not None)
    return tuple(sorted({x for b in held if b.level >= Level.YELLOW for x in b.stations}))


def _proposer(incident: Incident, change: Change, following: State, person: str) -> str:
    if change is Change.PROPOSED:
        return person
    return incident.proposer if following is State.PROPOSED else ""
