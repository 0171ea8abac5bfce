"""The sea off Makran: tide, surge, waves, wind and air pressure.

Seconds are since 1970 UTC. Amplitudes are of the size known from the northern Arabian Sea;
the phases are made up, so this is no tide table.
"""

from __future__ import annotations

import numpy as np

from devices.noise import Floats, drift, key
from devices.weather import DAY_S

# name: speed [deg/h] (Schureman 1940), amplitude [m], phase [deg]
CONSTITUENTS = {
    "M2": (28.9841042, 0.68, 158.0),
    "S2": (30.0000000, 0.25, 187.0),
    "N2": (28.4397295, 0.16, 141.0),
    "K2": (30.0821373, 0.07, 181.0),
    "K1": (15.0410686, 0.39, 341.0),
    "O1": (13.9430356, 0.20, 343.0),
    "P1": (14.9589314, 0.12, 338.0),
}
MEAN_PRESSURE_HPA = 1008.0
INVERSE_BAROMETER_M = -0.00995  # m of sea level for each hPa above the mean


def tide(seconds: Floats, phase_deg: float) -> Floats:
    """m about mean sea level: sum of the constituents, later by `phase_deg` of M2."""
    hours = seconds[:, None] / 3600.0
    speed, amplitude, phase = np.array(list(CONSTITUENTS.values())).T
    lag = phase + phase_deg * speed / CONSTITUENTS["M2"][0]
    return np.asarray(np.cos(np.deg2rad(speed * hours - lag)) @ amplitude)


class Air:
    """Wind and pressure over the coast, of one seed; `east` in 0..1 shifts the weather."""

    def __init__(self, seed: int) -> None:
        self._wind = key(seed, "sea/wind")
        self._pressure = key(seed, "sea/pressure")

    def pressure(self, seconds: Floats, east: float) -> Floats:
        """hPa at sea level: weather of 2 hPa and the half-daily wave of the atmosphere."""
        weather = 2.0 * drift(self._pressure, seconds - 7200.0 * east, 8 * 3600.0)
        return MEAN_PRESSURE_HPA + weather + 1.2 * np.cos(4.0 * np.pi * seconds / DAY_S)

    def wind(self, seconds: Floats, east: float) -> Floats:
        """m/s, mean of ten minutes: sea breeze and weather."""
        breeze = 1.5 * np.cos(2.0 * np.pi * (seconds - 10 * 3600.0) / DAY_S)
        weather = 1.2 * drift(self._wind, seconds - 7200.0 * east, 5 * 3600.0)
        return np.maximum(5.5 + breeze + weather, 0.3)

    def surge(self, seconds: Floats, east: float) -> Floats:
        """m of sea level that the air's pressure makes (inverse barometer)."""
        return INVERSE_BAROMETER_M * (self.pressure(seconds, east) - MEAN_PRESSURE_HPA)

    def wave_height(self, seconds: Floats, east: float) -> Floats:
        """Significant height [m]: swell of 0.7 m and wind sea, 0.0246 U^2 of a grown sea at
        half growth (Pierson and Moskowitz 1964, doi:10.1029/JZ069i024p05181)."""
        wind_sea = 0.5 * 0.0246 * self.wind(seconds, east) ** 2
        return np.sqrt(0.7**2 + wind_sea**2)

    def wave_period(self, seconds: Floats, east: float) -> Floats:
        """Mean period [s] of that sea, at a steepness of 1/30 in deep water: L = g T^2 / 2 pi."""
        return np.sqrt(2.0 * np.pi * 30.0 * self.wave_height(seconds, east) / 9.81)
