"""The pure core of the stage: warnings, people's actions and the clock in, changes out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from alerts import lifecycle
from alerts.lifecycle import Change, Decision, Input
from alerts.matter import Key, Matter
from alerts.policy import Measurers, policy
from alerts.votes import Count
from records.errors import SettingsError
from records.levels import Hazard, Level, Status
from records.network import Network, Record
from records.statements import Action, AlertChange, HazardWarning, Phrase
from records.times import to_datetime

_FORM = 1


class Unwatched(Record, frozen=True):
    """A source that is silent: nobody can say this hazard there, since `since_at`."""

    source: str
    hazard: Hazard
    area: str
    simulated: bool
    stations: tuple[str, ...]
    since_at: int


class _Book(msgspec.Struct):
    """Everything that is remembered, as it is saved.

    clock_at   through when the clock has been followed
    latest_at  time of the last line: the next is never before it
    opened     the last id of a place: compact time of its first line, and the how many-eth of it
    """

    form: int = _FORM
    clock_at: int = 0
    latest_at: int = 0
    opened: dict[str, tuple[str, int]] = {}
    matters: list[Matter] = []


class Alerting:
    """Decides what people are told. The same inputs make the same lines, however they are cut.

    network   which stations measure what, for demands that depend on it; see `reload`
    scenario  the clock is a replay's: every line is a Test
    """

    def __init__(self, network: Network, *, scenario: bool) -> None:
        self._scenario = scenario
        self._measurers = Measurers(network)
        self._book = _Book()
        self._matters: dict[Key, Matter] = {}

    def reload(self, network: Network) -> None:
        """Go on with a registry that has changed."""
        self._measurers = Measurers(network)

    @property
    def clock_at(self) -> int:
        """Through when the clock has been followed, microseconds."""
        return self._book.clock_at

    def advance(
        self, warnings: Sequence[HazardWarning], actions: Sequence[Action], now_at: int
    ) -> list[AlertChange]:
        """Everything that changes through `now_at`, in order of `at`.

        What comes late (before the clock) counts from now on. Actions may be ahead of `now_at`,
        which then stays where it is: a person's word moves no timer. Raises ValueError for a
        warning that is ahead of `now_at`.
        """
        if any(warning.decided_at > now_at for warning in warnings):
            raise ValueError("a warning is ahead of the clock")
        moments: dict[int, tuple[list[HazardWarning], list[Action]]] = {}
        for warning in sorted(warnings, key=lambda warning: warning.decided_at):
            moments.setdefault(max(warning.decided_at, self.clock_at), ([], []))[0].append(warning)
        for action in sorted(actions, key=lambda action: action.at):
            moments.setdefault(max(action.at, self.clock_at), ([], []))[1].append(action)
        changes: list[AlertChange] = []
        for at, (heard_now, done_now) in sorted(moments.items()):
            changes += self._run_clock(min(at - 1, now_at))
            changes += self._hear(heard_now, at)
            for action in done_now:
                changes += self._act(action, at)
        changes += self._run_clock(now_at)
        self._book.clock_at = max(self.clock_at, now_at)
        return changes

    def refusal(self, action: Action) -> Phrase | None:
        """Why this action would change nothing now; None where it would."""
        matter = self._matter_of(action.alert)
        if matter is None:
            return Phrase(text=lifecycle.NOT_OPEN, values={"alert": action.alert})
        decided = matter.decide(action, self.clock_at, self._count(matter))
        return decided if isinstance(decided, Phrase) else None

    def standing(self, hazard: Hazard, area: str) -> list[AlertChange]:
        """The latest line of each incident that stands there; real ones first."""
        matters = (self._matters.get((hazard, area, simulated)) for simulated in (False, True))
        return [matter.incident.latest for matter in matters if matter and matter.incident]

    def unwatched(self) -> list[Unwatched]:
        """Every silent source, those that have been silent longest first."""
        found = [
            Unwatched(
                source=vote.source,
                hazard=matter.hazard,
                area=matter.area,
                simulated=matter.simulated,
                stations=vote.stations,
                since_at=vote.blind_at,
            )
            for matter in self._matters.values()
            for vote in matter.votes.values()
            if vote.blind_at is not None
        ]
        return sorted(found, key=lambda item: (item.since_at, item.source))

    def save(self) -> bytes:
        """Everything that is remembered: the same state gives the same bytes."""
        self._book.matters = [self._matters[key] for key in sorted(self._matters)]
        return msgspec.json.encode(self._book, order="sorted")

    def load(self, saved: bytes) -> None:
        """Go on from what `save` gave. Raises SettingsError where another version saved it."""
        try:
            book = msgspec.json.decode(saved, type=_Book)
        except msgspec.DecodeError as error:
            raise SettingsError(f"the saved state of alerts can't be read: {error}") from error
        if book.form != _FORM:
            raise SettingsError(f"the saved state of alerts has form {book.form}, not {_FORM}")
        self._book = book
        self._matters = {matter.key: matter for matter in book.matters}

    def _run_clock(self, through_at: int) -> list[AlertChange]:
        changes: list[AlertChange] = []
        while True:
            due = [(m.check_at, m.key) for m in self._matters.values() if m.check_at is not None]
            at, key = min(due, default=(through_at + 1, None))
            if key is None or at > through_at:
                return changes
            matter = self._matters[key]
            changes += matter.check(at, self._count(matter), self._line)

    def _hear(self, warnings: Sequence[HazardWarning], at: int) -> list[AlertChange]:
        touched: dict[Key, Matter] = {}
        for warning in warnings:
            fresh = Matter(warning.hazard, warning.area, warning.simulated)
            touched[fresh.key] = self._matters.setdefault(fresh.key, fresh)
            touched[fresh.key].hear(warning, at)
        changes: list[AlertChange] = []
        for _, matter in sorted(touched.items()):
            changes += matter.settle(at, self._count(matter), self._line)
        return changes

    def _act(self, action: Action, at: int) -> list[AlertChange]:
        matter = self._matter_of(action.alert)
        return matter.act(action, at, self._count(matter), self._line) if matter else []

    def _matter_of(self, alert: str) -> Matter | None:
        standing = (matter for matter in self._matters.values() if matter.incident)
        return next((m for m in standing if m.incident and m.incident.latest.alert == alert), None)

    def _count(self, matter: Matter) -> Count:
        return Count(
            policy(matter.hazard),
            lambda quantity: len(self._measurers.of(quantity, matter.area, matter.simulated)),
        )

    def _line(
        self, matter: Matter, decision: Decision, change: Change, at: int, action: Action | None
    ) -> AlertChange:
        self._book.latest_at = at = max(at, self._book.latest_at)
        before = matter.incident.latest if matter.incident else None
        over = decision.level < Level.YELLOW
        agreeing = [] if over else matter.agreeing(decision.level)
        onsets = [vote.onset_at for vote in agreeing if vote.onset_at is not None]
        kept = before.onset_at if before and not over else None
        rises = before is None or decision.input is Input.RISES
        return AlertChange(
            alert=before.alert if before else self._name(matter, at),
            at=at,
            change=change,
            hazard=matter.hazard,
            area=matter.area,
            level=decision.level,
            stations=tuple(sorted({name for vote in agreeing for name in vote.stations})),
            reason=decision.reason,
            detector=matter.foremost().detector if rises or not before else before.detector,
            status=status_of(self._scenario, matter.simulated),
            blind=change is Change.BLIND
            or (before is not None and before.blind and change is not Change.SIGHTED and not over),
            onset_at=min(onsets, default=kept),
            person=action.person if action else "",
            note=action.note if action else "",
        )

    def _name(self, matter: Matter, at: int) -> str:
        """Id of a new incident: hazard, area and the UTC second of its first line."""
        place, opened = f"{matter.hazard}-{matter.area}", f"{to_datetime(at):%Y%m%dT%H%M%SZ}"
        last, count = self._book.opened.get(place, ("", 0))
        # A second one of the same second (real beside simulated, or raised again) is told apart.
        count = count + 1 if last == opened else 1
        self._book.opened[place] = (opened, count)
        return f"{place}-{opened}" + (f"-{count}" if count > 1 else "")


def status_of(scenario: bool, simulated: bool) -> Status:
    """Replays make Test, simulated sources Exercise; nothing else is Actual."""
    if scenario:
        return Status.TEST
    return Status.EXERCISE if simulated else Status.ACTUAL
