"""The Numenta benchmark: our scoring against published scores, and the ensemble's margin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import nab
from models.bank import Bank
from models.detector import Watched
from models.detectors.ensemble import Ensemble

# Lavin and Ahmad's windowed Gaussian, threshold 1.0: github.com/numenta/NAB at 487c0f97,
# results/windowedGaussian/windowedGaussian_standard_scores.csv (files that have not changed since).
PUBLISHED = {
    "realAdExchange/exchange-2_cpm_results.csv": -2.0,
    "realAdExchange/exchange-3_cpc_results.csv": 2.5026632611866138,
    "realAdExchange/exchange-3_cpm_results.csv": 0.862098587352162,
    "realAdExchange/exchange-4_cpc_results.csv": 0.2922884634276035,
    "realAdExchange/exchange-4_cpm_results.csv": 1.274710362684976,
    "realKnownCause/cpu_utilization_asg_misconfiguration.csv": -1.11,
    "realKnownCause/nyc_taxi.csv": -5.0,
    "realKnownCause/rogue_agent_key_hold.csv": -2.44,
}


@pytest.fixture(scope="module")
def files(recordings: Path) -> list[nab.Labelled]:
    return nab.recordings(recordings / "nab")


@pytest.fixture(scope="module")
def gaussian(files: list[nab.Labelled]) -> list[nab.Floats]:
    return [nab.windowed_gaussian(file.value) for file in files]


@pytest.mark.recordings
def test_the_windowed_gaussian_scores_as_published(
    files: list[nab.Labelled], gaussian: list[nab.Floats]
) -> None:
    found = {
        file.name: nab.curve([file], [score]).total_at(1.0)
        for file, score in zip(files, gaussian, strict=True)
        if file.name in PUBLISHED
    }
    assert found == pytest.approx(PUBLISHED, abs=1e-9)


@pytest.mark.recordings
def test_the_ensemble_beats_the_windowed_gaussian_by_twenty_points(
    files: list[nab.Labelled], gaussian: list[nab.Floats]
) -> None:
    """With the threshold from the other half, against the null's best threshold of all."""
    ours = ensemble(files)
    null = nab.curve(files, gaussian)
    random = np.random.default_rng(1)
    halves = [random.permutation(len(files)) < len(files) // 2 for _ in range(10)]
    mean = float(np.mean([nab.crossed(files, ours, half) for half in halves]))
    assert mean - null.at(null.best()) >= 20.0


def ensemble(files: list[nab.Labelled]) -> list[nab.Floats]:
    """All files at once, a series each."""
    bank = Bank(Ensemble(), [Watched(id=file.name) for file in files])
    place = np.repeat(np.arange(len(files)), [len(file.value) for file in files])
    measured_at = np.concatenate([file.measured_at for file in files])
    score = bank.advance(place, measured_at, np.concatenate([f.value for f in files])).score
    return [score[place == index] for index in range(len(files))]


def one_window(first: int, last: int, rows: int = 100) -> nab.Labelled:
    window, worth, counted = nab.worth(rows, [(first, last)])
    every = np.arange(rows)
    return nab.Labelled("a/b", every, every.astype(float), window, worth, counted)


def scored(over: list[int]) -> float:
    score = np.zeros(100)
    score[over] = 1.0
    return nab.curve([one_window(40, 59)], [score]).at(1.0)


def test_the_sooner_in_the_window_the_better() -> None:
    assert scored([40]) == pytest.approx(100.0)
    assert 90 < scored([50]) < 100 > scored([59]) > 50
    assert scored([40, 45, 59]) == scored([40])


def test_a_missed_window_is_nothing_and_a_false_alarm_costs_eleven_hundredths() -> None:
    assert scored([]) == 0.0
    assert scored([30, 40]) == pytest.approx(100 - 50 * 0.11)


def test_just_behind_the_window_is_cheaper() -> None:
    assert scored([40]) > scored([40, 60]) > scored([40, 75])


def test_probation_is_not_counted() -> None:
    assert scored([3, 14, 40]) == scored([40])
    assert scored([15, 40]) < scored([40])
