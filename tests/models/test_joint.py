"""Detectors that read all series together: every one keeps the rules, and every rule can break."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import joint_checks
from models.catalogue import catalogue
from models.check_suite import CheckFailed
from models.detect import detect, joint_table
from models.detector import Crossing, Limits, Said, State, Watched, evidence_of
from models.detectors.flood_forecast import FloodForecast
from models.joint import Joint, Judged, Recording, until
from models.joint_checks import JOINT_CHECKS, MakeJoint
from models.series_file import read
from records.errors import InputError, SettingsError
from records.statements import Phrase

JOINT = [kind for kind in catalogue().values() if issubclass(kind, Joint)]


@pytest.mark.parametrize("check", JOINT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", JOINT, ids=lambda kind: kind.name)
def test_every_joint_detector_keeps_the_rule(
    kind: type[Joint], check: Callable[[MakeJoint], None]
) -> None:
    check(joint_checks.maker(kind))


class Level(FloodForecast):
    """The target's level and the mean of what came before it: keeps every rule."""

    memory_s = 6 * 3600.0
    training_s = 0.0
    learns = None  # type: ignore[assignment]

    def fits(self, first_at: int) -> Iterator[int]:
        yield until(self.fit_until) or first_at - 1

    def fit(self, recording: Recording, at: int) -> Any:
        return True

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        rows = recording.shown(self.target, since)
        total = state.setdefault("total", np.zeros(2))
        sums = np.cumsum([total[0], *recording.value[rows]])
        counts = total[1] + np.arange(1, len(rows) + 1)
        state["total"] = np.array([sums[-1], counts[-1]])
        return Judged(np.tanh((recording.value[rows] + sums[1:] / counts) / 24))

    def reason(self, crossing: Crossing, detail: Mapping[str, Any]) -> Said:
        return Said(Phrase(text="High."), evidence_of(crossing, **detail))


class LooksAhead(Level):
    """Divides by the highest of all rows that it was given."""

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        return Judged(judged.score / (1 + recording.value.max()))


class DependsOnBatch(Level):
    """Sums from the beginning of whatever window it is given."""

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        rows = recording.shown(self.target, since)
        return Judged(np.tanh(judged.score + 1e-3 * np.cumsum(recording.value)[rows]))


class LosesState(Level):
    """Keeps something on itself."""

    calls = 0.0

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        seen = self.calls + np.arange(len(judged.score))
        self.calls += len(judged.score)
        return Judged(judged.score / (1 + seen))


class FlippedSign(Level):
    """Gives scikit-learn's sign."""

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        return Judged(-super().judge(recording, since, model, state).score)


class FitsItsThreshold(Level):
    """Sets its limits by the highest score that it was ever shown."""

    highest = 0.05

    def limits(self, watched: Sequence[Watched]) -> Limits:
        up = (0.8 * self.highest, 0.9 * self.highest, 2 * self.highest)
        return Limits.same(len(watched), up, up)

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        self.highest = max(self.highest, float(judged.score.max()))
        return judged


class WarnsOfConstants(Level):
    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        own = recording.series(recording.target(self.target))[1]
        return Judged(np.where(np.ptp(own) == 0.0, 0.9, judged.score))


class NoCard(Level):
    card = "A card."


class Positional(Level):
    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        return Judged(judged.score / (1 + recording.target(self.target)))


class ReadsNames(Level):
    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        first = min(w.id for w in recording.watched) == self.target
        return Judged(judged.score / (1 + first))


class WarnsInTraining(Level):
    def fits(self, first_at: int) -> Iterator[int]:
        yield first_at - 1

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        return Judged(np.full(len(recording.shown(self.target, since)), 0.9))


class WritesInput(Level):
    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        recording.value[0] += 1.0
        return super().judge(recording, since, model, state)


class Overflows(Level):
    """Says infinity where a series is not there."""

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        judged = super().judge(recording, since, model, state)
        with np.errstate(divide="ignore"):
            return Judged(judged.score / np.float64((recording.place == 2).any()))


class LearnsSomethingElse(Level):
    """Learns what no artefact can hold."""

    learns = dict  # type: ignore[assignment]

    def fit(self, recording: Recording, at: int) -> Any:
        return {"mean": recording.value.mean()}


FAULTS: list[tuple[type[Level], Callable[[MakeJoint], None]]] = [
    (LooksAhead, joint_checks.check_no_look_ahead),
    (DependsOnBatch, joint_checks.check_batch_size),
    (LosesState, joint_checks.check_state),
    (FlippedSign, joint_checks.check_sign),
    (FitsItsThreshold, joint_checks.check_threshold),
    (WarnsOfConstants, joint_checks.check_constant),
    (NoCard, joint_checks.check_card),
    (Overflows, joint_checks.check_gaps),
    (Positional, joint_checks.check_series_order),
    (ReadsNames, joint_checks.check_names),
    (WarnsInTraining, joint_checks.check_training),
    (WarnsInTraining, joint_checks.check_short),
    (LearnsSomethingElse, joint_checks.check_trained),
    (WritesInput, joint_checks.check_input_is_kept),
]


@pytest.mark.parametrize(("faulty", "check"), FAULTS, ids=lambda item: item.__name__)
def test_a_planted_fault_is_found_by_the_check_for_it(
    faulty: type[Level], check: Callable[[MakeJoint], None]
) -> None:
    with pytest.raises(CheckFailed):
        check(lambda fit_until, target: faulty(fit_until, target, 2.0))


@pytest.mark.parametrize("check", JOINT_CHECKS, ids=lambda check: check.__name__)
def test_a_sound_detector_passes(check: Callable[[MakeJoint], None]) -> None:
    check(lambda fit_until, target: Level(fit_until, target, 2.0))


TEXT = "measured_at,b:stage:m,a:stage:m\n2020-01-01T00:00:00Z,1,2\n2020-01-01T01:00:00Z,1,\n"


def test_the_rows_of_the_target_alone_are_written(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(TEXT)
    detect("flood-forecast", source, target, {"target": "b", "threshold": "2"})
    assert target.read_text() == (
        "series,measured_at,score,p_value,level,reason\n"
        "b:stage:m,2020-01-01T00:00:00Z,,,green,\nb:stage:m,2020-01-01T01:00:00Z,,,green,\n"
    )


def test_a_target_that_is_not_there_is_said(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(TEXT)
    for params, said in (
        ({}, "needs the parameters target and threshold"),
        ({"target": "c", "threshold": "2"}, "'c' is not among the series .there are: a, b."),
    ):
        with pytest.raises(InputError, match=said):
            detect("flood-forecast", source, tmp_path / "out.csv", params)
    with pytest.raises(SettingsError, match="not an RFC 3339 time"):
        detect("flood-forecast", source, tmp_path / "out.csv", {"fit_until": "May"})


def test_a_flood_that_comes_down_the_river_is_forecast() -> None:
    given = joint_checks.recording(seed=7)
    detector = FloodForecast("2024-11-03T00:00:00Z", joint_checks.TARGET, 2.0, 7200.0, trees=30)
    score = joint_checks.run(detector, given).score
    at, value = given.series(0)
    ahead = np.r_[np.maximum(value[1:-1], value[2:]), np.nan, np.nan] > 2.0
    judged = ~np.isnan(score) & (np.arange(len(at)) < len(at) - 2)
    assert judged.sum() > 300
    brier = np.mean((score - ahead)[judged] ** 2)
    persistence = np.mean(((value > 2.0) ^ ahead)[judged])
    assert brier < persistence


class Reached(Level):
    """1 where the target is at its threshold or above."""

    name = "reached"
    reason = FloodForecast.reason

    def fits(self, first_at: int) -> Iterator[int]:
        yield first_at - 1

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        assert self.threshold is not None
        value = recording.value[recording.shown(self.target, since)]
        reached = (value >= self.threshold).astype(np.float64)
        return Judged(reached, detail={"false_a_year": np.zeros(len(reached))})


@pytest.mark.parametrize(
    ("unit", "values", "threshold"),
    [("m", (1.9, 2.1), 2.0), ("cm", (190, 210), 200.0), ("[ft_i]", (6.3, 6.8), 6.56)],
)
def test_a_threshold_is_in_the_unit_of_the_file(
    tmp_path: Path, unit: str, values: tuple[float, float], threshold: float
) -> None:
    source = tmp_path / "in.csv"
    rows = "".join(f"2020-01-01T0{hour}:00:00Z,{v}\n" for hour, v in enumerate(values))
    source.write_text(f"measured_at,a:stage:{unit}\n{rows}")
    table = joint_table(Reached(target="a", threshold=threshold), read(source))
    assert [(row[2], row[4]) for row in table] == [("0.0", "green"), ("1.0", "red")]
    assert f"exceed {2.0 if unit != '[ft_i]' else 1.999} m within" in table[1][5]
