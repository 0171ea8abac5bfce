"""The moraine that dams the lake: tilt, displacement and pore pressure.

Before a failure the creep speeds up as 1 / time to failure (Fukuzono 1985; Voight 1988,
doi:10.1038/332125a0), so displacement grows with the logarithm of it.
"""

from __future__ import annotations

import math

import numpy as np

from devices.noise import Floats
from devices.scenarios import CREEP_S, OUTBURST_S
from devices.weather import DAY_S, Weather

_SOFT_S = 1.0  # Failure is not a point in time: keeps the logarithm finite.


def creep(seconds: Floats) -> Floats:
    """0 before the creep begins, 1 when the dam opens, and there it stays."""
    span = OUTBURST_S - CREEP_S
    left = np.clip(OUTBURST_S - seconds, 0.0, span) + _SOFT_S
    return np.asarray(np.log((span + _SOFT_S) / left)) / math.log((span + _SOFT_S) / _SOFT_S)


class Slope:
    """The moraine of one seed; it fails only where the outburst is the scenario."""

    def __init__(self, weather: Weather, start_s: float, *, fails: bool) -> None:
        self._weather = weather
        self._start_s = start_s
        self._fails = 1.0 if fails else 0.0

    def tilt(self, seconds: Floats, axis: str) -> Floats:
        """deg towards the valley (x) or along the slope (y): sun, and failure."""
        sun = 0.004 * np.cos(2.0 * np.pi * seconds / DAY_S + (0.0 if axis == "x" else 1.0))
        return sun + self._moved(seconds) * (0.60 if axis == "x" else 0.15)

    def displacement(self, seconds: Floats) -> Floats:
        """mm along the slope since the instrument was set."""
        return 4.0 + 0.3 * np.cos(2.0 * np.pi * seconds / DAY_S) + 180.0 * self._moved(seconds)

    def pore_pressure(self, seconds: Floats) -> Floats:
        """kPa at the toe: rises with rain, falls when the failing slope opens."""
        rain = self._weather.effective_rain(seconds, 2 * 3600.0)
        return 42.0 + 2.5 * rain + 14.0 * self._moved(seconds)

    def _moved(self, seconds: Floats) -> Floats:
        return self._fails * creep(seconds - self._start_s)
