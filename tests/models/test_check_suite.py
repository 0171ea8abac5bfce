"""Every shipped detector keeps the rules, and every rule can be broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import clone

from models import check_suite
from models.bank import Bank
from models.catalogue import catalogue
from models.check_suite import CHECKS, CheckFailed, Make
from models.detector import Crossing, Detector, Limits, Rows, Said, Scores, Slot, evidence_of
from models.detectors.rate_of_rise import RateOfRise
from models.joint import Joint
from records.levels import Hazard
from records.statements import Phrase


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [n for n, k in catalogue().items() if not issubclass(k, Joint)])
def test_every_shipped_detector_keeps_the_rule(name: str, check: Callable[[Make], None]) -> None:
    check(catalogue()[name])


class Plain(Detector):
    """Distance from the mean so far, in steps of the last one: keeps every rule."""

    name = "plain"
    hazard = Hazard.RIVER_FLOOD
    quantities = frozenset({"stage", "discharge"})
    card = (
        "Distance of a reading from the mean of all before, for tests of the rules only. Method: "
        "running mean. Null: none. Not for use."
    )

    def slots(self) -> dict[str, Slot]:
        return {"mean": Slot(), "count": Slot()}

    def limits(self, watched: Any) -> Limits:
        return Limits.same(len(watched), (0.5, 1.0, 2.0), (0.4, 0.8, 1.6))

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        count = state["count"][rows.at] + 1
        mean = state["mean"][rows.at]
        score = np.where(count > 1, np.abs(rows.value - mean), np.nan)
        state["mean"][rows.at] = mean + (rows.value - mean) / count
        state["count"][rows.at] = count
        return Scores(score)

    def explain(self, crossing: Crossing, state: Any, fixed: Any) -> Said:
        return Said(Phrase(text="Far from the mean."), evidence_of(crossing))


class LooksAhead(Plain):
    """Knows from an earlier run how high a series will get."""

    highest: ClassVar[dict[int, float]] = {}

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        scores = super().step(rows, state, fixed)
        for at, value in zip(rows.at.tolist(), rows.value.tolist(), strict=True):
            self.highest[at] = max(value, self.highest.get(at, value))
        return Scores(scores.score / [self.highest[at] for at in rows.at.tolist()])


class DependsOnBatch(Plain):
    """Compares the series of a round with each other."""

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        return Scores(super().step(rows, state, fixed).score / np.abs(rows.value).max())


class FlippedSign(Plain):
    """Gives scikit-learn's sign."""

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        return Scores(-super().step(rows, state, fixed).score)


class LosesState(Plain):
    """Keeps something on itself instead of in the state."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        scores = super().step(rows, state, fixed)
        for at in rows.at.tolist():
            self._seen[at] = self._seen.get(at, 0) + 1
        return Scores(scores.score + [self._seen[at] for at in rows.at.tolist()])


class FitsItsThreshold(Plain):
    """Sets its limits by the highest score that it was ever shown."""

    def __init__(self) -> None:
        self._highest = 1.0

    def limits(self, watched: Any) -> Limits:
        up = (0.5 * self._highest, 0.9 * self._highest, 2 * self._highest)
        return Limits.same(len(watched), up, up)

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        scores = super().step(rows, state, fixed)
        self._highest = max(self._highest, float(np.nanmax(scores.score, initial=0.0)))
        return scores


class LoopsOverSeries(Plain):
    """Takes one series after the other."""

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        scores = super().step(rows, state, fixed)
        return Scores(np.array([score + 0.0 for score in scores.score.tolist()]))


class MutatesInput(Plain):
    """Works in place on what it was given."""

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        rows.value[:] -= state["mean"][rows.at]
        return super().step(rows, state, fixed)


class AddsState(Plain):
    """Hides state where nobody saves it."""

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        state["hidden"] = rows.value
        return super().step(rows, state, fixed)


class AlwaysWarns(Plain):
    """Warns of a constant."""

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        return Scores(super().step(rows, state, fixed).score + 5)


class Overflows(Plain):
    """Says infinity after a gap."""

    def step(self, rows: Rows, state: Any, fixed: Any) -> Scores:
        scores = super().step(rows, state, fixed)
        return Scores(np.where(rows.gap_s > 3600, np.inf, scores.score))


class NoCard(Plain):
    card = "A card."


FAULTS: list[tuple[type[Detector], Callable[[Make], None]]] = [
    (LooksAhead, check_suite.check_no_look_ahead),
    (DependsOnBatch, check_suite.check_batch_size),
    (DependsOnBatch, check_suite.check_series_order),
    (FlippedSign, check_suite.check_sign),
    (LosesState, check_suite.check_state),
    (FitsItsThreshold, check_suite.check_threshold),
    (LoopsOverSeries, check_suite.check_cost),
    (MutatesInput, check_suite.check_input_is_kept),
    (AddsState, check_suite.check_input_is_kept),
    (AlwaysWarns, check_suite.check_constant),
    (Overflows, check_suite.check_gaps),
    (NoCard, check_suite.check_card),
]


@pytest.mark.parametrize("faulty", [FitsItsThreshold, LoopsOverSeries])
def test_no_other_check_would_have_found_it(faulty: type[Detector]) -> None:
    meant = {check for kind, check in FAULTS if kind is faulty}
    for check in CHECKS:
        if check not in meant:
            check(faulty)


@pytest.mark.parametrize(("faulty", "check"), FAULTS, ids=lambda item: item.__name__)
def test_a_planted_fault_is_found_by_the_check_for_it(
    faulty: type[Detector], check: Callable[[Make], None]
) -> None:
    with pytest.raises(CheckFailed):
        check(faulty)


def test_a_sound_detector_passes_all() -> None:
    check_suite.check_detector(Plain)


class _Unordered(Bank):
    """A bank that takes readings however old they are."""

    def _round(self, rows: Any, at: Any, *columns: Any) -> None:
        self.state["bank_newest_at"][at] = -1
        super()._round(rows, at, *columns)


@pytest.mark.parametrize("check", [check_suite.check_repeats, check_suite.check_disorder])
def test_a_bank_that_takes_old_readings_is_found(
    check: Callable[[Make], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_suite, "Bank", _Unordered)
    with pytest.raises(CheckFailed):
        check(Plain)


def test_scikit_learn_can_clone_a_detector() -> None:
    changed = RateOfRise(budget_per_year=3.0)
    assert clone(changed).get_params() == changed.get_params()
