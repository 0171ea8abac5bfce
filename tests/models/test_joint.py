"""Detectors that read all series together: every one keeps the rules, and every rule can break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models import joint_checks
from models.catalogue import catalogue, make
from models.check_suite import CheckFailed
from models.detect import detect, joint_table
from models.detector import Floats
from models.detectors.flood_forecast import FloodForecast
from models.joint import Joint, Recording
from models.joint_checks import JOINT_CHECKS, MakeJoint
from models.series_file import read
from records.errors import InputError, SettingsError
from records.times import parse

JOINT = [name for name, kind in catalogue().items() if issubclass(kind, Joint)]


def _maker(name: str) -> MakeJoint:
    def made(fit_until: str, target: str) -> Joint:
        values: dict[str, str | float] = {
            "fit_until": fit_until,
            "target": target,
            "threshold": 2.0,
            "horizon_s": 10800.0,
        }
        values["trees"] = 8
        known = catalogue()[name].parameters()
        built = make(name, {key: value for key, value in values.items() if key in known})
        assert isinstance(built, Joint)
        return built

    return made


@pytest.mark.parametrize("check", JOINT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", JOINT)
def test_every_joint_detector_keeps_the_rule(name: str, check: Callable[[MakeJoint], None]) -> None:
    check(_maker(name))


class Level(FloodForecast):
    """The target's level itself, unknown in the training part: keeps every rule."""

    def judge(self, recording: Recording) -> Floats:
        at, value = recording.series(recording.target(self.target))
        return np.where(at > parse(self.fit_until), np.tanh(value / 4), np.nan)


class LooksAhead(Level):
    def judge(self, recording: Recording) -> Floats:
        return super().judge(recording) / 2 + (0.1 * len(recording.place)) % 0.3


class Positional(Level):
    def judge(self, recording: Recording) -> Floats:
        return super().judge(recording) / (1 + recording.target(self.target))


class WarnsInTraining(Level):
    def judge(self, recording: Recording) -> Floats:
        return np.full(len(super().judge(recording)), 0.9)


class WritesInput(Level):
    def judge(self, recording: Recording) -> Floats:
        recording.value[0] += 1.0
        return super().judge(recording)


FAULTS: list[tuple[type[Level], Callable[[MakeJoint], None]]] = [
    (LooksAhead, joint_checks.check_no_look_ahead),
    (Positional, joint_checks.check_series_order),
    (WarnsInTraining, joint_checks.check_training),
    (WarnsInTraining, joint_checks.check_short),
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
    score = detector.judge(given)
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

    def judge(self, recording: Recording) -> Floats:
        assert self.threshold is not None
        value = recording.series(recording.target(self.target))[1]
        return (value >= self.threshold).astype(np.float64)


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
