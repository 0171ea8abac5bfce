"""The river below the lake: where its gauges are, its discharge and its stage.

Depth and speed follow Manning's formula for a wide channel, Q = b y^(5/3) S^0.5 / n; a flood
wave runs 5/3 as fast as the water (Kleitz and Seddon). Steep boulder beds have n of about 0.1
(Jarrett 1984, doi:10.1061/(ASCE)0733-9429(1984)110:11(1519)).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from devices.noise import Floats
from devices.outburst import Breach, drain, history, route
from devices.scenarios import OUTBURST_S
from devices.weather import Weather, melt

FLOOD_M3S = 500.0  # The discharge that travel times are stated for.
RUNOFF_SHARE = 0.35
CATCHMENT_RESERVOIR_S = 5400.0
_SIMULATED_S = 12 * 3600.0


@dataclass(frozen=True)
class Section:
    """A cross section and the reach that leads to it from the section above.

    km             river distance from the lake
    width_m, slope, roughness  of the reach, for Manning's formula
    catchment_km2  rained on, above here
    base_m3s       mean melt-fed flow
    zero_m         reading of the gauge at zero depth
    reservoir_s    spread of a wave on its way from the lake to here
    """

    station: str
    km: float
    width_m: float
    slope: float
    roughness: float
    catchment_km2: float
    base_m3s: float
    zero_m: float
    reservoir_s: float

    def depth(self, discharge: Floats) -> Floats:
        """m of water for m3/s."""
        flow = np.maximum(discharge, 0.0) * self.roughness / (self.width_m * self.slope**0.5)
        return np.asarray(flow**0.6)

    def celerity(self, discharge: float) -> float:
        """Speed [m/s] of a wave of this discharge."""
        depth = float(self.depth(np.array([discharge]))[0])
        return 5.0 / 3.0 * discharge / (self.width_m * depth)


SECTIONS = (
    Section("lake", 0.0, 25, 0.045, 0.10, 18, 8.0, 0.0, 1.0),
    Section("stage-1", 0.3, 25, 0.045, 0.10, 20, 8.5, 0.30, 15.0),
    Section("stage-2", 1.4, 25, 0.045, 0.10, 30, 10.0, 0.20, 45.0),
    Section("stage-3", 4.8, 28, 0.040, 0.10, 70, 16.0, 0.25, 120.0),
    Section("plant", 6.4, 30, 0.035, 0.09, 95, 21.0, 0.40, 150.0),
    Section("village", 8.6, 34, 0.025, 0.08, 130, 26.0, 0.30, 200.0),
)


def reach_s(upper: Section, lower: Section) -> float:
    """Travel time [s] of a flood's front from one section to the next, whole seconds."""
    return float(round((lower.km - upper.km) * 1000.0 / lower.celerity(FLOOD_M3S)))


def _lags() -> dict[str, float]:
    lags = {SECTIONS[0].station: 0.0}
    for upper, lower in itertools.pairwise(SECTIONS):
        lags[lower.station] = lags[upper.station] + reach_s(upper, lower)
    return lags


LAG_S = _lags()


class River:
    """Discharge and stage at each section, and the lake's level.

    `seconds` are since 1970, `start_s` is the scenario's start; the outburst only where it is
    the scenario.
    """

    LAKE_M = 3248.0
    BREACH = Breach()

    def __init__(self, weather: Weather, start_s: float, *, bursts: bool) -> None:
        self._weather = weather
        self._start_s = start_s
        wave, fall = drain(self.BREACH, _SIMULATED_S) if bursts else (np.zeros(1), np.zeros(1))
        self._fall = history(fall, OUTBURST_S)
        self._waves = {
            section.station: history(
                route(wave, LAG_S[section.station], section.reservoir_s) if bursts else wave,
                OUTBURST_S,
            )
            for section in SECTIONS
        }
        self.sections = {section.station: section for section in SECTIONS}

    def ordinary_discharge(self, station: str, seconds: Floats) -> Floats:
        """m3/s of melt and rain, without an outburst."""
        section, lag = self.sections[station], LAG_S[station]
        rain = self._weather.effective_rain(seconds - lag, CATCHMENT_RESERVOIR_S)
        runoff = RUNOFF_SHARE * section.catchment_km2 * rain / 3.6
        return section.base_m3s * melt(seconds, lag) + runoff

    def discharge(self, station: str, seconds: Floats) -> Floats:
        """m3/s of everything that passes."""
        wave = self._waves[station](seconds - self._start_s)
        return self.ordinary_discharge(station, seconds) + wave

    def stage(self, station: str, seconds: Floats) -> Floats:
        """m above the gauge's zero."""
        section = self.sections[station]
        return section.zero_m + section.depth(self.discharge(station, seconds))

    def lake_level(self, seconds: Floats) -> Floats:
        """m above sea level. The outlet lets out 11 m3/s more for each metre (two hours of
        storage on the lake's area), less what the breach has taken."""
        outlet = self.BREACH.area_m2 / 7200.0
        surplus = self.ordinary_discharge("lake", seconds) - self.sections["lake"].base_m3s
        return self.LAKE_M + surplus / outlet - self._fall(seconds - self._start_s)
