"""How a trained model would have done on readings it had not seen, in the order they arrived.

Readings that came too late to warn are left out, as live. Every figure is given at the detector's
own limit and at a budget of false alarms: there the limit is the lowest one that keeps the budget
on these very readings, for each system alike, so that systems are compared and none is praised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.binding import to_canonical
from models.detector import Floats
from models.evaluation import nulls
from models.evaluation.contingency import Skill, csi_difference, skill
from models.evaluation.probability import brier_skill, precision_recall_area, reliability
from models.evaluation.resampling import Interval
from models.evaluation.spans import Judged, Rules, Span, Times, Truths, judge, runs, watched_s
from models.evaluation.splits import leave_event_out
from models.joint import Recording
from models.learned import Learned, Remembering
from models.moments import Following
from models.runner import Runner
from models.training import usable
from records.levels import Level
from records.readings import ReadingBatch
from records.times import DAY
from store.directory import Registry

_LIMITS = 80


@dataclass(frozen=True, slots=True)
class Arrived:
    """Scores of a model as they were decided, columns of one length."""

    measured_at: Times
    decided_at: Times
    score: Floats
    level: NDArray[np.uint8]

    def between(self, after_at: int, through_at: int) -> Arrived:
        rows = (self.measured_at > after_at) & (self.measured_at <= through_at)
        return Arrived(
            self.measured_at[rows], self.decided_at[rows], self.score[rows], self.level[rows]
        )

    def warnings(self, holds: Truths) -> list[Span]:
        order = np.argsort(self.decided_at, kind="stable")
        return runs(self.decided_at[order], holds[order])


@dataclass(frozen=True, slots=True)
class Question:
    """What a backtest asks: readings, what happened in them, and at which budget.

    events       of the time judged, measured times (us); station ""
    past         events known before it, for the nulls
    spells       when it was so, not joined to events: what a chance within `ahead` is held to;
                 None where the score is no chance
    first, last  the time judged (us)
    """

    rows: ReadingBatch
    events: tuple[Span, ...]
    past: tuple[Span, ...]
    spells: tuple[Span, ...] | None
    rules: Rules
    budget_per_year: float
    first_at: int
    last_at: int


def arrived(learned: Learned, registry: Registry, rows: ReadingBatch) -> Arrived:
    """Scores in order of arrival: each decided when its moment was complete enough."""
    rows = usable(rows.take(~rows.late)).by_arrival()
    seat_of = {registry.series_number[w.id]: i for i, w in enumerate(learned.binding.watched)}
    rows = rows.take(np.isin(rows.series, list(seat_of)))
    seat = np.array([seat_of[number] for number in rows.series.tolist()], np.intp)
    pairs = np.array([to_canonical(registry.series(n)) for n in seat_of]).reshape(-1, 2)
    value = rows.value * pairs[seat, 0] + pairs[seat, 1]
    fresh = _newer(seat, rows.measured_at)
    seat, value, rows = seat[fresh], value[fresh], rows.take(fresh)
    runner = Remembering(learned)
    closed = Following(runner).advance(
        seat, rows.measured_at, value, rows.received_at, np.zeros(len(rows), np.bool_),
        int(rows.received_at.max(initial=0)) + DAY,
    )  # fmt: skip
    seen = runner.taken()
    return Arrived(
        np.concatenate([np.zeros(0, np.int64), *(times for times, _ in seen)]),
        np.array([one.decided_at for one in closed], np.int64),
        np.concatenate([np.zeros(0), *(outcome.score for _, outcome in seen)]),
        np.concatenate([np.zeros(0, np.uint8), *(outcome.level for _, outcome in seen)]),
    )


def left_out(
    learned: Learned, recording: Recording, events: Sequence[Span], margin: int
) -> Arrived:
    """Scores of each event and its surroundings by a model that was fitted on all the rest.

    The rest lies before and after, so this is no forecast: it says how a detector does on events
    it has not seen, where there are too few to hold back. Decisions count from measured times.
    """
    detector = learned.detector
    parts = []
    for _, (learn, judged) in leave_event_out(recording.measured_at, events, margin):
        last = int(recording.measured_at[-1])
        model = detector.fit(recording.take(learn), last)
        if model is None:
            continue
        ends = int(recording.measured_at[judged][-1])
        runner = Runner(detector, learned.binding.watched, model)
        known = recording.take(recording.measured_at <= ends)
        runner.add(known.place, known.measured_at, known.value)
        times, outcome = runner.judge(ends)
        own = times >= int(recording.measured_at[judged][0])
        parts.append((times[own], outcome.score[own], outcome.level[own]))
    times = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    return Arrived(
        times,
        times,
        np.concatenate([np.zeros(0), *(part[1] for part in parts)]),
        np.concatenate([np.zeros(0, np.uint8), *(part[2] for part in parts)]),
    )


def _newer(seat: NDArray[np.intp], measured_at: Times) -> Truths:
    """True for rows newer than every earlier one of their series, as the live stage takes them."""
    fresh = np.zeros(len(seat), np.bool_)
    for one in np.unique(seat):
        rows = np.flatnonzero(seat == one)
        times = measured_at[rows]
        fresh[rows] = times > np.r_[-(2**63), np.maximum.accumulate(times)[:-1]]
    return fresh


def exceedances(learned: Learned, at: Times, value: Floats, apart: int) -> list[Span]:
    """When the target stood above the detector's threshold: the events of a forecast."""
    return runs(at, value > learned.detector.get_params()["threshold"], "", apart)


def backtest(arrived: Arrived, asked: Question) -> tuple[dict[str, Any], Judged]:
    """Figures for the registry, and what was judged at the budget for a comparison."""
    part = arrived.between(asked.first_at, asked.last_at)
    watched = {"": watched_s(np.sort(part.decided_at))}
    own = judge(part.warnings(part.level >= Level.ORANGE), asked.events, asked.rules)
    limit, kept = _at_budget(part, asked, watched)
    return {
        "events": len(asked.events),
        "station_years": watched[""] / (365.25 * 86400),
        "scored": int((~np.isnan(part.score)).sum()),
        "rows": len(part.score),
        "budget_per_year": asked.budget_per_year,
        "own_limit": figures(skill(own, asked.rules, watched)),
        "at_budget": {"limit": limit, **figures(skill(kept, asked.rules, watched))},
        "nulls": {name: figures(skill(one, asked.rules, watched)) for name, one in _nulls(asked)},
        **_chances(part, asked),
    }, kept


def compared(one: Judged, other: Judged, asked: Question, decided_at: Times) -> dict[str, Any]:
    """CSI of one less that of the other at the same budget, with its interval."""
    watched = {"": watched_s(np.sort(decided_at))}
    return {"csi": _three(csi_difference(one, other, asked.rules, watched))}


def _at_budget(
    part: Arrived, asked: Question, watched: dict[str, float]
) -> tuple[float | None, Judged]:
    """The lowest limit on the score that keeps the budget, and what it leads to."""
    known = part.score[~np.isnan(part.score)]
    best: tuple[float | None, Judged] = None, judge([], asked.events, asked.rules)
    allowed = asked.budget_per_year * watched[""] / (365.25 * 86400)
    if not len(known):
        return best
    for limit in np.unique(np.quantile(known, 1 - np.geomspace(1, 1e-4, _LIMITS)))[::-1]:
        found = judge(part.warnings(part.score >= limit), asked.events, asked.rules)
        if len(found.false) > allowed:
            break
        best = float(limit), found
    return best


def _nulls(asked: Question) -> list[tuple[str, Judged]]:
    watched = {"": (asked.first_at, asked.last_at)}
    said: dict[str, Sequence[Span]] = {
        "always_on": nulls.always_on(watched),
        "time_of_day": nulls.time_of_day(asked.past, watched, hours=1),
        "persistence": nulls.persistence(asked.events, asked.rules.ahead),
    }
    return [(name, judge(spans, asked.events, asked.rules)) for name, spans in said.items()]


def _chances(part: Arrived, asked: Question) -> dict[str, Any]:
    """Figures of the score as a chance that an event stands within `ahead`."""
    known = ~np.isnan(part.score)
    at, chance = part.measured_at[known], part.score[known]
    if asked.spells is None or not len(at):
        return {}
    happened = _stands(asked.spells, at, asked.rules.ahead)
    now = _stands(asked.spells, at, 0)
    climate = nulls.climatology(happened, len(at))
    persists = nulls.persists(now, now, happened)
    block = asked.rules.block
    return {
        "brier_skill": {
            "climatology": _three(brier_skill(chance, climate, happened, at, block)),
            "persistence": _three(brier_skill(chance, persists, happened, at, block)),
        },
        "precision_recall_area": _number(precision_recall_area(chance, happened)),
        "precision_recall_area_of_chance": float(happened.mean()),
        "reliability": [
            [one.cases, one.mean_chance, one.share_happened]
            for one in reliability(chance, happened)
        ],
    }


def _stands(spells: Sequence[Span], at: Times, ahead: int) -> Truths:
    """True where it is so at some time in (t, t + ahead]; without `ahead`, at t."""
    stands = np.zeros(len(at), np.bool_)
    for spell in spells:
        before_end = at < spell.ends_at if ahead else at <= spell.ends_at
        stands |= (at >= spell.begins_at - ahead) & before_end
    return stands


def figures(found: Skill) -> dict[str, Any]:
    """As JSON has it: rates with their 90 % intervals, None where unknown."""
    return {
        "events": found.events,
        "hits": found.hits,
        "false": found.false,
        "pod": _three(found.pod),
        "far": _three(found.far),
        "csi": _three(found.csi),
        "false_a_year": _three(found.false_a_year),
        "lead_s": [_number(one) for one in found.lead_s],
    }


def _three(found: Interval) -> list[float | None]:
    return [_number(one) for one in (found.value, found.low, found.high)]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
