"""High water within four hours at tide gauges: the forecast beside the tide, and tide and residual.

As for floods: the threshold is the 98 % level of the training part, events and leads likewise,
and the rules have a margin that was tuned on the training part. Their tide is the detector's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.skill.flood import HORIZON, Floats, Forecaster, Recorded, Rule, Times, compared
from bench.skill.recordings import Result, by_time
from models import harmonics
from records.times import HOUR


def results(data: Path, *, quick: bool) -> list[Result]:
    stations = ("PortKembla",) if quick else ("PortKembla", "Hillarys")
    return [line for station in stations for line in compared(SURGE, _australia(data, station))]


def _australia(data: Path, station: str) -> Recorded:
    frame = pd.read_csv(data / "tide_australia" / f"{station}.csv.gz")
    level = by_time(frame["DateTime"], frame["SeaLevel"])
    return Recorded(station, {"sea:sea_level:m": level})


def _rules(at: Times, level: Floats) -> Mapping[str, Rule]:
    tide = harmonics.fitted(at, level)
    assert tide is not None

    def alone(at: Times, level: Floats, threshold: float, share: float) -> NDArray[np.bool_]:  # noqa: ARG001
        """A margin of 1 - share metres on the threshold."""
        return _highest(tide, at) > threshold + share - 1.0

    def with_residual(
        at: Times, level: Floats, threshold: float, share: float
    ) -> NDArray[np.bool_]:
        return _highest(tide, at) + level - tide.at(at) > threshold + share - 1.0

    return {"tide": alone, "tide_and_residual": with_residual}


def _highest(tide: harmonics.Tide, at: Times) -> Floats:
    hours = [tide.at(at + HOUR * later) for later in range(1, HORIZON // HOUR + 1)]
    highest: Floats = np.max(hours, axis=0)
    return highest


SURGE = Forecaster("surge", "storm-surge", 0.98, _rules)
