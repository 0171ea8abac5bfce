"""Recordings through `detect`, and what the rows it writes say."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.detect import detect
from models.evaluation.spans import Span, runs
from records.levels import Level
from records.times import parse, text

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scored:
    """What `detect` wrote of one series, in order of time (microseconds since 1970)."""

    measured_at: NDArray[np.int64]
    score: NDArray[np.float64]
    level: NDArray[np.uint8]

    def warnings(self, station: str = "", least: Level = Level.ORANGE) -> list[Span]:
        """Runs of rows at this level or higher."""
        return runs(self.measured_at, self.level >= least, station)


def scored(
    detector: str, columns: Mapping[str, pd.Series], params: Mapping[str, str] | None = None
) -> dict[str, Scored]:
    """Score series by the code of `hoshyar detect`.

    columns  `ID:QUANTITY:UNIT` -> values by microseconds since 1970; NaN = missing
    """
    with tempfile.TemporaryDirectory(prefix="hoshyar-bench-") as name:
        given, written = Path(name) / "in.csv", Path(name) / "out.csv"
        write(given, columns)
        detect(detector, given, written, params or {})
        with written.open(newline="") as file:
            return _read(csv.DictReader(file))


def write(path: Path, columns: Mapping[str, pd.Series]) -> None:
    """The long form that `detect` reads."""
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("series", "measured_at", "value"))
        for name, values in columns.items():
            for at, value in values.items():
                out.writerow((name, text(int(str(at))), "" if np.isnan(value) else repr(value)))


def _read(rows: Iterable[Mapping[str, str]]) -> dict[str, Scored]:
    found: dict[str, list[tuple[int, float, int]]] = {}
    for row in rows:
        score = float(row["score"]) if row["score"] else float("nan")
        line = parse(row["measured_at"]), score, int(Level.of(row["level"]))
        found.setdefault(row["series"], []).append(line)
    return {
        name: Scored(
            np.array([line[0] for line in lines], np.int64),
            np.array([line[1] for line in lines], np.float64),
            np.array([line[2] for line in lines], np.uint8),
        )
        for name, lines in found.items()
    }


def by_time(times: Sequence[str] | pd.Series, values: Any, hours_behind: float = 0) -> pd.Series:
    """Values by microseconds since 1970, without those that are missing; local times are given
    with how many hours they are behind UTC. Of two values for a time the last one counts.
    """
    moments = pd.to_datetime(pd.Series(times)) + pd.Timedelta(hours=hours_behind)
    index = moments.to_numpy().astype("datetime64[us]").astype(np.int64)
    found = pd.Series(np.asarray(values, np.float64), index=index).dropna().sort_index()
    return found[~found.index.duplicated(keep="last")]


def result(
    kind: str, case: str, value: float | None, unit: str, n: int | str, **beside: Any
) -> Result:
    """A line of the table; a value that could not be had is None."""
    known = value is not None and np.isfinite(value)
    rounded = {name: _rounded(one) for name, one in beside.items()}
    return {
        "id": "S1", "case": f"{kind}: {case}", "value": _rounded(value) if known else None,
        "unit": unit, "n": n, "beside": rounded,
    }  # fmt: skip


def _rounded(value: Any) -> Any:
    if isinstance(value, bool | str) or value is None:
        return value
    if not np.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(f"{value:.4g}")
