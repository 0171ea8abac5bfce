"""The life cycle of an incident: one table, and the pure decisions that feed it.

`TABLE` says which input is possible in which state, what the change is called and which state
follows. The decisions look at the votes, the clock or a person's action and answer with an input,
a level and the reason; or, to a person, with a refusal that says why not.

Three rules hold everywhere: silence lowers nothing; a red of real or exercised data ends by two
people and a note; every change is a new line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from alerts.policy import RENEW_AFTER
from records.levels import Level, Status
from records.network import Record
from records.statements import AlertChange, Phrase


class State(StrEnum):
    QUIET = "quiet"
    OPEN = "open"  # stands, and nobody has acknowledged it at this level
    ACKNOWLEDGED = "acknowledged"
    DUE = "due"  # a red that is over by the votes: waits for people
    PROPOSED = "proposed"  # one person has proposed the all-clear of a red


class Input(StrEnum):
    RISES = "rises"  # enough stations agree on a higher level
    FALLS = "falls"  # the level above was left for the whole hold, or people ended it
    ENDS = "ends"  # the same, down to green
    OVER = "over"  # it would fall, but that takes people
    RETURNS = "returns"  # the level that was over or to be ended is back
    GOES_BLIND = "goes blind"  # a source that the incident rests on fell silent
    SEES = "sees"  # none of them is silent any more
    AGES = "ages"  # it has stood so long that it must be said again
    ACKNOWLEDGE = "acknowledge"
    NOTE = "note"
    PROPOSE = "propose"


class Change(StrEnum):
    RAISED = "raised"
    ESCALATED = "escalated"
    EASED = "eased"
    CLEARED = "cleared"
    DUE = "all-clear-due"
    RETURNED = "returned"
    BLIND = "blind"
    SIGHTED = "sighted"
    RENEWED = "renewed"
    ACKNOWLEDGED = "acknowledged"
    NOTED = "noted"
    PROPOSED = "all-clear-proposed"


class ActionKind(StrEnum):
    """What a person can do: `records.statements.Action.kind`."""

    ACKNOWLEDGE = "acknowledge"
    NOTE = "note"
    ALL_CLEAR = "all-clear"


TABLE: dict[State, dict[Input, tuple[Change, State]]] = {
    State.QUIET: {
        Input.RISES: (Change.RAISED, State.OPEN),
    },
    State.OPEN: {
        Input.RISES: (Change.ESCALATED, State.OPEN),
        Input.FALLS: (Change.EASED, State.OPEN),
        Input.ENDS: (Change.CLEARED, State.QUIET),
        Input.OVER: (Change.DUE, State.DUE),
        Input.GOES_BLIND: (Change.BLIND, State.OPEN),
        Input.SEES: (Change.SIGHTED, State.OPEN),
        Input.AGES: (Change.RENEWED, State.OPEN),
        Input.ACKNOWLEDGE: (Change.ACKNOWLEDGED, State.ACKNOWLEDGED),
        Input.NOTE: (Change.NOTED, State.OPEN),
        Input.PROPOSE: (Change.PROPOSED, State.PROPOSED),
    },
    State.ACKNOWLEDGED: {
        Input.RISES: (Change.ESCALATED, State.OPEN),
        Input.FALLS: (Change.EASED, State.ACKNOWLEDGED),
        Input.ENDS: (Change.CLEARED, State.QUIET),
        Input.OVER: (Change.DUE, State.DUE),
        Input.GOES_BLIND: (Change.BLIND, State.ACKNOWLEDGED),
        Input.SEES: (Change.SIGHTED, State.ACKNOWLEDGED),
        Input.AGES: (Change.RENEWED, State.ACKNOWLEDGED),
        Input.NOTE: (Change.NOTED, State.ACKNOWLEDGED),
        Input.PROPOSE: (Change.PROPOSED, State.PROPOSED),
    },
    State.DUE: {
        Input.RETURNS: (Change.RETURNED, State.OPEN),
        Input.GOES_BLIND: (Change.BLIND, State.DUE),
        Input.SEES: (Change.SIGHTED, State.DUE),
        Input.AGES: (Change.RENEWED, State.DUE),
        Input.ACKNOWLEDGE: (Change.ACKNOWLEDGED, State.DUE),
        Input.NOTE: (Change.NOTED, State.DUE),
        Input.PROPOSE: (Change.PROPOSED, State.PROPOSED),
    },
    State.PROPOSED: {
        Input.FALLS: (Change.EASED, State.ACKNOWLEDGED),
        Input.ENDS: (Change.CLEARED, State.QUIET),
        Input.RETURNS: (Change.RETURNED, State.OPEN),
        Input.GOES_BLIND: (Change.BLIND, State.PROPOSED),
        Input.SEES: (Change.SIGHTED, State.PROPOSED),
        Input.AGES: (Change.RENEWED, State.PROPOSED),
        Input.ACKNOWLEDGE: (Change.ACKNOWLEDGED, State.PROPOSED),
        Input.NOTE: (Change.NOTED, State.PROPOSED),
    },
}

NOT_SAID = "No source has said {level} or higher for {minutes} min."
DUE_NOW = "No source has said red for {minutes} min: the all-clear takes two people and a note."
BACK = "A source says {level} again."
SILENT = "No readings now from {stations}: the level is kept."
SEEN_AGAIN = "Every source that this alert rests on reports again."
STANDS = "Still in force since {since}."
ACKNOWLEDGED = "Acknowledged."
NOTED = "Note."
PROPOSED = "All-clear proposed: a second person has to confirm it."
CLEARED_BY_ONE = "All-clear given by a person on duty."
CLEARED_BY_TWO = "All-clear given by two people on duty."
REFUSALS: tuple[str, ...] = (
    STILL_SAID := "The sources still say {level}: an all-clear is not possible now.",
    NEEDS_NOTE := "An all-clear needs a note that says why.",
    NEEDS_SECOND := "The all-clear of a red has to be confirmed by another person.",
    EMPTY_NOTE := "The note is empty.",
    ALREADY := "This alert has been acknowledged already.",
    NOT_OPEN := "There is no open alert {alert}.",
    UNKNOWN_ACTION := "There is no action {kind}.",
)

# Everything that a line's reason or a refusal may say of itself: message ids of the catalogues.
TEXTS: tuple[str, ...] = (
    NOT_SAID,
    DUE_NOW,
    BACK,
    SILENT,
    SEEN_AGAIN,
    STANDS,
    ACKNOWLEDGED,
    NOTED,
    PROPOSED,
    CLEARED_BY_ONE,
    CLEARED_BY_TWO,
    *REFUSALS,
)


class Incident(Record, frozen=True):
    """An incident that stands: its latest line and where it is in the table.

    said_at   when its level was last said or said again (microseconds)
    proposer  who proposed the all-clear, "" if nobody has
    """

    state: State
    latest: AlertChange
    opened_at: int
    said_at: int
    proposer: str = ""

    @property
    def level(self) -> Level:
        return self.latest.level

    @property
    def needs_two(self) -> bool:
        """True where only two people together may lower it."""
        return self.level is Level.RED and self.latest.status is not Status.TEST


@dataclass(frozen=True, slots=True)
class Tally:
    """What the votes amount to at a moment.

    said    level agreed on by everybody's last word
    seen    the same without those that are silent
    silent  stations of silent sources that an incident would rest on
    reason  of the source that says most
    """

    said: Level
    seen: Level
    silent: tuple[str, ...]
    reason: Phrase


@dataclass(frozen=True, slots=True)
class Decision:
    input: Input
    level: Level
    reason: Phrase


def outcome(state: State, what: Input) -> tuple[Change, State]:
    """The change and the next state. Raises KeyError where the input is not possible."""
    return TABLE[state][what]


def by_votes(incident: Incident | None, tally: Tally) -> Decision | None:
    """What the votes change at once; ask again after each change until the answer is None."""
    if incident is None:
        rises = tally.said >= Level.YELLOW
        return Decision(Input.RISES, tally.said, tally.reason) if rises else None
    if tally.said > incident.level:
        return Decision(Input.RISES, tally.said, tally.reason)
    if Input.RETURNS in TABLE[incident.state] and tally.seen >= incident.level:
        return Decision(Input.RETURNS, incident.level, _level(BACK, incident.level))
    if tally.silent and not incident.latest.blind:
        reason = Phrase(text=SILENT, values={"stations": ", ".join(tally.silent)})
        return Decision(Input.GOES_BLIND, incident.level, reason)
    if incident.latest.blind and not tally.silent:
        return Decision(Input.SEES, incident.level, Phrase(text=SEEN_AGAIN))
    return None


def by_clock(incident: Incident, held: Level, at: int, hold: int, since: str) -> Decision | None:
    """What the clock changes on its grid, after the votes have had their say.

    `held` is the level agreed on when every source is held to what it has not left for the whole
    `hold` (microseconds); `since` is the text of when the incident was opened.
    """
    minutes: dict[str, str | int | float] = {"minutes": round(hold / 60e6)}
    if held < incident.level and incident.needs_two:
        if Input.OVER in TABLE[incident.state]:
            return Decision(Input.OVER, incident.level, Phrase(text=DUE_NOW, values=minutes))
    elif held < incident.level:
        values = {"level": incident.level.word, **minutes}
        return _down(held, Phrase(text=NOT_SAID, values=values))
    if at - incident.said_at >= RENEW_AFTER:
        return Decision(Input.AGES, incident.level, Phrase(text=STANDS, values={"since": since}))
    return None


def by_person(
    incident: Incident, kind: str, person: str, note: str, seen: Level
) -> Decision | Phrase:
    """What a person's action changes, or the reason why it changes nothing.

    `seen` is the level agreed on by the sources that are not silent.
    """
    match kind:
        case ActionKind.ACKNOWLEDGE if Input.ACKNOWLEDGE in TABLE[incident.state]:
            return Decision(Input.ACKNOWLEDGE, incident.level, Phrase(text=ACKNOWLEDGED))
        case ActionKind.ACKNOWLEDGE:
            return Phrase(text=ALREADY)
        case ActionKind.NOTE if note.strip():
            return Decision(Input.NOTE, incident.level, Phrase(text=NOTED))
        case ActionKind.NOTE:
            return Phrase(text=EMPTY_NOTE)
        case ActionKind.ALL_CLEAR:
            return _all_clear(incident, person, note, seen)
        case _:
            return Phrase(text=UNKNOWN_ACTION, values={"kind": kind})


def _all_clear(incident: Incident, person: str, note: str, seen: Level) -> Decision | Phrase:
    if seen >= incident.level:
        return _level(STILL_SAID, incident.level)
    if incident.state is State.PROPOSED:
        if same_person(person, incident.proposer):
            return Phrase(text=NEEDS_SECOND)
        return _down(seen, Phrase(text=CLEARED_BY_TWO))
    if not note.strip():
        return Phrase(text=NEEDS_NOTE)
    if incident.needs_two:
        return Decision(Input.PROPOSE, incident.level, Phrase(text=PROPOSED))
    return _down(seen, Phrase(text=CLEARED_BY_ONE))


def same_person(one: str, other: str) -> bool:
    """True where two names differ by case and spaces alone."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _down(level: Level, reason: Phrase) -> Decision:
    return Decision(Input.FALLS if level >= Level.YELLOW else Input.ENDS, level, reason)


def _level(text: str, level: Level) -> Phrase:
    return Phrase(text=text, values={"level": level.word})
