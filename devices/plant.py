"""A small hydropower plant on the river: heads, power, electricity, bearings.

One horizontal Francis unit with two bearings. Seconds are since 1970 UTC; the discharge of the
river past the plant comes from `devices.river`.
"""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np

from devices.noise import Floats, drift, key
from devices.outburst import history
from devices.river import River
from devices.scenarios import BEARING_S
from devices.weather import DAY_S, LOCAL_S

RHO_G = 9.81  # kN/m3
GENERATOR = 0.965
LOSS = 0.021  # head loss [m] = LOSS * Q^2, Q in m3/s
BEST_FLOW_M3S = 10.0
CREST_M = 3002.0
TAILRACE_M = 2938.0
SPEED_PER_MIN = 500.0
VOLTAGE_V = 6300.0
POWER_FACTOR = 0.92

_SPILLWAY = 2.0 * 45.0  # m^1.5/s: coefficient times length of the crest
_SIMULATED_S = 6 * 3600.0
_WEAR_S = 80.0  # A failing bearing gets e times worse in this time.
_WORST = 9.0


def efficiency(discharge: Floats) -> Floats:
    """Turbine's hill curve along the discharge, 0..1; its top of 0.91 at `BEST_FLOW_M3S`."""
    return 0.91 - 0.35 * (discharge / BEST_FLOW_M3S - 1.0) ** 2


def power(discharge: Floats, net_head: Floats) -> Floats:
    """kW at the terminals: rho g Q H eta, m3/s and m."""
    return RHO_G * discharge * net_head * efficiency(discharge) * GENERATOR


def wear() -> Floats:
    """How much worse the failing bearing is than a sound one, each second from `BEARING_S` on.

    It grows exponentially until metal is bare. Weeks of a real failure are pressed into minutes.
    """
    seconds = np.arange(_SIMULATED_S)
    return np.minimum(np.exp(seconds / _WEAR_S), _WORST)


def warmth(worn: Floats, reservoir_s: float) -> Floats:
    """Warming over the oil as a multiple of a sound bearing's, each second.

    Heat balance C dT/dt = P - hA (T - T_oil) with friction power P = P_0 (1 + 0.55 (wear - 1)),
    started in balance; `reservoir_s` = C / hA.
    """
    keep = float(np.exp(-1.0 / reservoir_s))
    friction = 1.0 + 0.55 * (worn - 1.0)

    def heat(warm: float, new: float) -> float:
        return keep * warm + (1.0 - keep) * new

    return np.fromiter(accumulate(friction.tolist(), heat, initial=1.0), float)[1:]


class Plant:
    """The plant of one seed; its first bearing fails only where that is the scenario."""

    def __init__(self, seed: int, river: River, start_s: float, *, fails: bool) -> None:
        self._river = river
        self._start_s = start_s
        self._load = key(seed, "plant/load")
        self._grid = key(seed, "plant/grid")
        worn = wear() if fails else np.ones(1)
        self._wear = history(worn, BEARING_S)
        self._warmth = history(warmth(worn, 120.0), BEARING_S)

    def discharge(self, seconds: Floats) -> Floats:
        """m3/s through the turbine: follows the evening peak of the grid."""
        phase = 2.0 * np.pi * (seconds + LOCAL_S - 19 * 3600.0) / DAY_S
        return 10.0 + 0.6 * np.cos(phase) + 0.15 * drift(self._load, seconds, 900.0)

    def headpond_level(self, seconds: Floats) -> Floats:
        """m above sea level: what the turbine leaves goes over a free crest, Q = C L h^1.5."""
        passing = self._river.discharge("plant", seconds) - self.discharge(seconds)
        return CREST_M + (np.maximum(passing, 0.0) / _SPILLWAY) ** (2.0 / 3.0)

    def gross_head(self, seconds: Floats) -> Floats:
        """m between the headpond and the tailrace."""
        return self.headpond_level(seconds) - TAILRACE_M - self._river.stage("plant", seconds)

    def net_head(self, seconds: Floats) -> Floats:
        """m at the turbine: gross head less k Q^2 of the penstock."""
        return self.gross_head(seconds) - LOSS * self.discharge(seconds) ** 2

    def pressure(self, seconds: Floats) -> Floats:
        """bar in front of the turbine."""
        return RHO_G * self.net_head(seconds) / 100.0

    def active_power(self, seconds: Floats) -> Floats:
        """kW at the terminals."""
        return power(self.discharge(seconds), self.net_head(seconds))

    def voltage(self, seconds: Floats) -> Floats:
        """V between two phases."""
        return VOLTAGE_V * (1.0 + 0.004 * drift(self._grid, seconds, 600.0))

    def electric_current(self, seconds: Floats) -> Floats:
        """A in each phase: P = sqrt(3) U I cos(phi)."""
        apparent = self.active_power(seconds) * 1000.0 / POWER_FACTOR
        return apparent / (math.sqrt(3.0) * self.voltage(seconds))

    def rotation_speed(self, seconds: Floats) -> Floats:
        """Turns a minute: locked to the grid's frequency, which wanders by 0.02 Hz."""
        return SPEED_PER_MIN * (1.0 + 0.0004 * drift(self._grid + 1, seconds, 60.0))

    def case_temperature(self, seconds: Floats, bearing: int) -> Floats:
        """Cel of a bearing's case: oil at 38, 11 K above it for a sound bearing at full load."""
        oil = 38.0 + 0.8 * np.cos(2.0 * np.pi * (seconds + LOCAL_S - 16 * 3600.0) / DAY_S)
        load = self.discharge(seconds) / BEST_FLOW_M3S
        warm = self._warmth(seconds - self._start_s)
        return oil + load * (11.0 * warm if bearing == 1 else 9.5 + 0.3 * (warm - 1.0))

    def vibration_velocity(self, seconds: Floats, bearing: int) -> Floats:
        """mm/s, root mean square, broadband; the second bearing feels a little of the first."""
        worn = self._wear(seconds - self._start_s)
        return 1.0 * worn if bearing == 1 else 0.8 + 0.12 * (worn - 1.0)

    def vibration(self, seconds: Floats, bearing: int) -> Floats:
        """[g], root mean square: high frequencies grow faster than velocity does."""
        worn = self._wear(seconds - self._start_s) ** 1.2
        return 0.15 * worn if bearing == 1 else 0.12 + 0.015 * (worn - 1.0)
