"""What must hold for any history of warnings, silences, people and time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.engine import Alerting
from alerts.lifecycle import ActionKind, Change, same_person
from alerts.lines import lines
from records.levels import Hazard, Level, Status
from records.network import Lab, Network
from records.statements import Action, AlertChange, HazardWarning, Phrase
from records.times import SECOND, parse

NETWORK = Network(lab=(Lab(id="north"),), station=(), device=(), series=())
START = parse("2026-03-01T00:00:03Z")
SOURCES = ("stage-limit/a", "stage-limit/b", "rate-of-rise/a")
PEOPLE = ("Ayesha", "ayesha ", "Li Wei")

levels = st.sampled_from(Level)
pauses = st.sampled_from([0, 1, SECOND, 9 * SECOND, 100 * SECOND, 700 * SECOND, 2000 * SECOND])


def warning(source: str, level: Level, simulated: bool, at: int) -> HazardWarning:
    return HazardWarning(
        source=source,
        detector=source.partition("/")[0],
        version="1",
        hazard=Hazard.RIVER_FLOOD,
        area="valley",
        level=level,
        stations=(source.partition("/")[2],),
        simulated=simulated,
        decided_at=at,
        reason=Phrase(text="because"),
        onset_at=at + 60 * SECOND if level > Level.YELLOW else None,
    )


class History(RuleBasedStateMachine):
    """Feeds one engine step by step and remembers everything that was said."""

    def __init__(self) -> None:
        super().__init__()
        self.now_at = START
        self.changes: list[AlertChange] = []
        self.words: dict[tuple[bool, str], Level] = {}

    @initialize(scenario=st.booleans())
    def begin(self, scenario: bool) -> None:
        self.scenario = scenario
        self.engine = Alerting(NETWORK, scenario=scenario)

    @rule(source=st.sampled_from(SOURCES), level=levels, simulated=st.booleans(), pause=pauses)
    def source_speaks(self, source: str, level: Level, simulated: bool, pause: int) -> None:
        self.now_at += pause
        heard = warning(source, level, simulated, self.now_at)
        without = Alerting(NETWORK, scenario=self.scenario)
        without.load(self.engine.save())
        changes = self.engine.advance([heard], [], self.now_at)
        if level is Level.GREY:
            lowered = [c.level for c in changes if c.change in {Change.EASED, Change.CLEARED}]
            anyway = [c.level for c in without.advance([], [], self.now_at)]
            assert set(lowered) <= set(anyway), "silence lowered something"
        self.words[simulated, source] = level
        self.keep(changes)

    @rule(pause=pauses)
    def time_passes(self, pause: int) -> None:
        self.now_at += pause
        standing = {c.alert for c in self.standing()}
        changes = self.engine.advance([], [], self.now_at)
        assert {c.alert for c in changes} <= standing
        assert not [c for c in changes if c.person or c.change in {Change.RAISED, Change.ESCALATED}]
        self.keep(changes)

    @rule(
        kind=st.sampled_from(ActionKind),
        person=st.sampled_from(PEOPLE),
        note=st.sampled_from(["", "  ", "seen it myself"]),
        which=st.integers(0, 5),
    )
    def person_acts(self, kind: ActionKind, person: str, note: str, which: int) -> None:
        standing = self.standing()
        alert = standing[which % len(standing)].alert if standing else "nothing"
        action = Action(alert=alert, kind=kind, person=person, at=self.now_at, note=note)
        changes = self.engine.advance([], [action], self.now_at)
        assert all(c.person == person or c.change == Change.SIGHTED for c in changes)
        self.keep(changes)

    @rule()
    def process_is_killed(self) -> None:
        saved = self.engine.save()
        self.engine = Alerting(NETWORK, scenario=self.scenario)
        self.engine.load(saved)
        assert self.engine.save() == saved

    def standing(self) -> list[AlertChange]:
        return self.engine.standing(Hazard.RIVER_FLOOD, "valley")

    def keep(self, changes: list[AlertChange]) -> None:
        for change in changes:
            history = [c for c in self.changes if c.alert == change.alert]
            self.judge(history, change)
            self.changes.append(change)

    def judge(self, history: list[AlertChange], change: AlertChange) -> None:
        assert bool(history) is (change.change != Change.RAISED)
        assert change.level >= Level.GREEN
        assert (change.level is Level.GREEN) is (change.change == Change.CLEARED)
        if not history:
            return
        last = history[-1]
        assert last.level > Level.GREEN, "a line after the end"
        assert (change.hazard, change.area, change.status) == (last.hazard, last.area, last.status)
        if change.level < last.level:
            assert change.change in {Change.EASED, Change.CLEARED}
            if last.level is Level.RED and change.status is not Status.TEST:
                self.judge_red(history, change)
        else:
            assert (change.level > last.level) is (change.change == Change.ESCALATED)

    def judge_red(self, history: list[AlertChange], change: AlertChange) -> None:
        proposals = [c for c in history if c.change == Change.PROPOSED]
        assert proposals
        assert proposals[-1].note.strip()
        assert change.person
        assert not same_person(change.person, proposals[-1].person)

    @invariant()
    def lines_are_in_order_of_time(self) -> None:
        times = [change.at for change in self.changes]
        assert times == sorted(times)

    @invariant()
    def only_a_real_source_makes_an_actual(self) -> None:
        for change in self.changes:
            assert change.status is not Status.ACTUAL or not self.scenario
        real = [level for (simulated, _), level in self.words.items() if not simulated]
        if not real:
            assert all(c.status is not Status.ACTUAL for c in self.changes)

    @invariant()
    def what_a_seeing_source_says_is_told(self) -> None:
        told = max((c.level for c in self.standing()), default=Level.GREEN)
        assert told >= max(self.words.values(), default=Level.GREEN)


History.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestHistory = History.TestCase

steps = st.lists(
    st.tuples(st.sampled_from(SOURCES), levels, st.booleans(), st.integers(0, 3000)), max_size=25
)
acts = st.lists(
    st.tuples(
        st.integers(0, 80_000),
        st.sampled_from(ActionKind),
        st.sampled_from(PEOPLE),
        st.sampled_from(["", "seen it myself"]),
    ),
    max_size=10,
)
cuts = st.lists(st.integers(0, 80_000), max_size=8)


@settings(deadline=None, max_examples=200)
@given(steps=steps, acts_at=acts, cuts=cuts, killed=st.booleans())
@pytest.mark.promise("R4")
def test_the_lines_do_not_depend_on_how_the_history_is_cut(
    steps: list[tuple[str, Level, bool, int]],
    acts_at: list[tuple[int, str, str, str]],
    cuts: list[int],
    killed: bool,
) -> None:
    heard, at = [], START
    for source, level, simulated, pause in steps:
        at += pause * SECOND
        heard.append(warning(source, level, simulated, at))
    end = START + 80_000 * SECOND
    alerts = sorted({c.alert for c in Alerting(NETWORK, scenario=False).advance(heard, [], end)})
    done = [
        Action(alert=alerts[x % len(alerts)], kind=kind, person=who, at=START + x * SECOND, note=n)
        for x, kind, who, n in acts_at
        if alerts
    ]
    whole = Alerting(NETWORK, scenario=False)
    expected = whole.advance(heard, done, end)
    engine, told = Alerting(NETWORK, scenario=False), []
    before = START - 1
    for cut in [*sorted(START + cut * SECOND for cut in cuts), end]:
        part: list[Any] = [w for w in heard if before < w.decided_at <= cut]
        acts = [a for a in done if before < a.at <= cut]
        told += engine.advance(part, acts, cut)
        before = cut
        if killed:
            saved = engine.save()
            engine = Alerting(NETWORK, scenario=False)
            engine.load(saved)
    assert lines(told) == lines(expected)
    assert engine.save() == whole.save()


@settings(deadline=None)
@given(
    level=st.sampled_from([Level.YELLOW, Level.ORANGE, Level.RED]),
    silences=st.lists(st.integers(1, 10_000), min_size=1, max_size=10),
    scenario=st.booleans(),
)
@pytest.mark.promise("R5")
def test_silence_alone_never_lowers_anything(
    level: Level, silences: list[int], scenario: bool
) -> None:
    engine, at = Alerting(NETWORK, scenario=scenario), START
    engine.advance([warning(SOURCES[0], level, False, at)], [], at)
    for pause in silences:
        at += pause * SECOND
        changes = engine.advance([warning(SOURCES[0], Level.GREY, False, at)], [], at)
        assert all(c.change in {Change.BLIND, Change.RENEWED} for c in changes)
    assert [c.level for c in engine.standing(Hazard.RIVER_FLOOD, "valley")] == [level]
