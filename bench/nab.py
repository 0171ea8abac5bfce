"""The Numenta Anomaly Benchmark: its scoring as published, and its windowed Gaussian as a null.

Lavin and Ahmad 2015, doi:10.1109/ICMLA.2015.141. Standard profile: a window found early is worth
up to 1, a window missed costs 1, a row over the threshold outside of all windows costs up to 0.11.
The first 15 % of a file (at most 750 rows) is probation and not counted.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

Floats = NDArray[np.float64]

_FALSE_ALARM = 0.11
_PROBATION = 0.15
_PROBATION_ROWS = 5000
_NO_WINDOW = -1


@dataclass(frozen=True, slots=True)
class Labelled:
    """One file with its labels; rows in the order of the file.

    name         family/file, as the label file has it
    measured_at  microseconds since 1970 UTC
    value        as given
    window       which window of the file a row is in, -1 outside
    worth        what a row over the threshold adds: in a window at most once, outside (below 0)
                 each time
    counted      False during probation
    """

    name: str
    measured_at: NDArray[np.int64]
    value: Floats
    window: NDArray[np.int64]
    worth: Floats
    counted: NDArray[np.bool_]

    @property
    def family(self) -> str:
        return self.name.split("/")[0]

    @property
    def windows(self) -> list[int]:
        """The windows that reach beyond probation."""
        return [int(w) for w in np.unique(self.window[self.counted]) if w != _NO_WINDOW]


def recordings(folder: Path) -> list[Labelled]:
    """Every labelled file that is in `folder` (data/FAMILY/FILE.csv[.gz]), by name."""
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    found = []
    for name in sorted(labels):
        for path in (folder / "data" / name, folder / "data" / f"{name}.gz"):
            if path.exists():
                found.append(_labelled(name, path, labels[name]))
    return found


def _labelled(name: str, path: Path, windows: Sequence[tuple[str, str]]) -> Labelled:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = list(csv.reader(lines))[1:]
    measured_at = np.array([_moment(row[0]) for row in rows])
    value = np.array([float(row[1]) for row in rows])
    edges = [
        (
            int(np.searchsorted(measured_at, _moment(first))),
            int(np.searchsorted(measured_at, _moment(last), "right")) - 1,
        )
        for first, last in windows
    ]
    return Labelled(name, measured_at, value, *worth(len(rows), edges))


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp()) * 1_000_000


def worth(
    rows: int, windows: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """`window`, `worth` and `counted` of a file with windows from row to row, both inside."""
    window = np.full(rows, _NO_WINDOW, np.int64)
    value = np.full(rows, -_FALSE_ALARM)
    row = np.arange(rows)
    for index, (first, last) in enumerate(windows):
        width = last - first + 1
        inside = slice(first, last + 1)
        window[inside] = index
        value[inside] = _sigmoid(-(last - row[inside] + 1) / width) / _sigmoid(np.array(-1.0))
        until = windows[index + 1][0] if index + 1 < len(windows) else rows
        after = slice(last + 1, until)
        value[after] = _FALSE_ALARM * _sigmoid((row[after] - last) / (width - 1))
    counted = row >= min(int(_PROBATION * rows), int(_PROBATION * _PROBATION_ROWS))
    return window, value, counted


def _sigmoid(position: Floats) -> Floats:
    """1 at the left edge of a window (-1), 0 at its right edge (0), -1 far behind it."""
    scaled = 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0
    value: Floats = np.where(position >= 3.0, -1.0, scaled)
    return value


@dataclass(frozen=True, slots=True)
class Curve:
    """Sum of a set of files for every threshold, highest first; a row is over at score >= it."""

    threshold: Floats
    total: Floats
    windows: int

    def best(self) -> float:
        """The threshold with the highest sum, the highest of several."""
        return float(self.threshold[np.argmax(self.total)])

    def at(self, threshold: float) -> float:
        """Normalised: 0 for a detector that never warns, 100 for one that is always right."""
        return 50.0 * (self.total_at(threshold) + self.windows) / self.windows

    def total_at(self, threshold: float) -> float:
        """The sum itself."""
        over = int(np.searchsorted(-self.threshold, -threshold, "right"))
        return float(self.total[max(over, 1) - 1])


def curve(files: Sequence[Labelled], scores: Sequence[Floats]) -> Curve:
    """How the sum depends on the threshold; a score that is NaN is over none."""
    given: list[Floats] = []
    gains: list[Floats] = []
    windows = 0
    for file, score in zip(files, scores, strict=True):
        known = file.counted & np.isfinite(score)
        windows += len(file.windows)
        outside = known & (file.window == _NO_WINDOW)
        given.append(score[outside])
        gains.append(file.worth[outside])
        for index in file.windows:
            inside = np.flatnonzero(known & (file.window == index))
            order = inside[np.lexsort((inside, -score[inside]))]
            # Missing it costs 1: the first row over the threshold wins this back as well.
            best = np.maximum.accumulate(np.maximum(file.worth[order], -1.0))
            given.append(score[order])
            gains.append(np.diff(best, prepend=-1.0))
    every, gain = np.concatenate(given), np.concatenate(gains)
    order = np.argsort(-every, kind="stable")
    every, total = every[order], np.cumsum(gain[order]) - windows
    last = np.r_[every[1:] != every[:-1], True] if len(every) else np.zeros(0, np.bool_)
    return Curve(np.r_[np.inf, every[last]], np.r_[-float(windows), total[last]], windows)


def crossed(files: Sequence[Labelled], scores: Sequence[Floats], first: NDArray[np.bool_]) -> float:
    """Normalised score of all files, each half judged at the best threshold of the other half."""
    halves = [
        curve(
            [f for f, k in zip(files, half, strict=True) if k],
            [s for s, k in zip(scores, half, strict=True) if k],
        )
        for half in (first, ~first)
    ]
    one, other = halves
    windows = one.windows + other.windows
    return (one.at(other.best()) * one.windows + other.at(one.best()) * other.windows) / windows


def windowed_gaussian(value: Floats, window: int = 1000) -> Floats:
    """NAB's null: one minus the Gaussian tail chance of a value, from the last 1,000 before it."""
    score = np.zeros(len(value))
    for row in range(1, len(value)):
        past = value[max(0, row - window) : row]
        deviation = float(past.std()) or 1e-6
        score[row] = 1.0 - 0.5 * float(erfc(abs(value[row] - past.mean()) / deviation / 1.4142))
    return score
