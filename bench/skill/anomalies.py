"""Anomalies of any series: the ensemble on the files of the Numenta benchmark, standard profile.

The threshold of a file comes from the other half of the files, ten ways of halving them; the null's
is the best one of all files, which flatters the null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench import nab
from bench.skill.recordings import Result, result, scored
from models.evaluation.splits import halves
from records.times import DAY, HOUR

HALVINGS = 10
LEAST_MARGIN = 20.0
FILES_QUICK = 6


def results(data: Path, *, quick: bool) -> list[Result]:
    files = nab.recordings(data / "nab")
    files = files[:: -(-len(files) // FILES_QUICK)] if quick else files
    ours = _ensemble(files)
    gaussian = [nab.windowed_gaussian(file.value) for file in files]
    null = nab.curve(files, gaussian)
    best = null.at(null.best())
    chosen = _halvings(files)
    reached = [nab.crossed(files, ours, half) for half in chosen]
    windows = sum(len(file.windows) for file in files)
    mean = float(np.mean(reached))
    return [
        result("ensemble", "score with the threshold from the other half", mean, "of 100", windows,
               lowest=min(reached), highest=max(reached), files=len(files),
               own_best=nab.curve(files, ours).at(nab.curve(files, ours).best()),
               windowed_gaussian=best,
               windowed_gaussian_from_the_other_half=float(
                   np.mean([nab.crossed(files, gaussian, half) for half in chosen])),
               always_on=_all(files, lambda f: np.ones(len(f.value))),
               hour_of_day=_all(files, _noon)),
        result("ensemble", "margin over the windowed Gaussian", mean - best, "points", windows,
               bar=LEAST_MARGIN),
    ]  # fmt: skip


def _halvings(files: Sequence[nab.Labelled]) -> list[NDArray[np.bool_]]:
    names = [file.name for file in files]
    random = np.random.default_rng(1)
    turns = np.isin(names, halves(names)[0])
    drawn = [random.permutation(len(names)) < len(names) // 2 for _ in range(HALVINGS - 1)]
    return [turns, *drawn]


def _ensemble(files: Sequence[nab.Labelled]) -> list[nab.Floats]:
    """All files at once, a series each; a score a row, of rows with one time the last one's."""
    columns = {f"f{i}": pd.Series(f.value, index=f.measured_at) for i, f in enumerate(files)}
    found = scored("ensemble", columns)
    by_time = [pd.Series(found[name].score, index=found[name].measured_at) for name in columns]
    return [
        np.asarray(scores.reindex(file.measured_at), np.float64)
        for scores, file in zip(by_time, files, strict=True)
    ]


def _noon(file: nab.Labelled) -> nab.Floats:
    """Every day from noon to one."""
    return np.where(file.measured_at % DAY // HOUR == 12, 1.0, 0.0)


def _all(files: Sequence[nab.Labelled], score: Callable[[nab.Labelled], nab.Floats]) -> float:
    return nab.curve(files, [score(file) for file in files]).at(1.0)
