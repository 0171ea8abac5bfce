"""What is not perfect about a device in the field: its clock runs off and its battery drains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from devices.noise import key, uniform
from devices.scenarios import Scenario
from devices.weather import DAY_S, LOCAL_S
from records.times import SECOND

SYNC_S = 6 * 3600.0
# Never set since it was deployed: its clock is slow, and everybody has to live with it.
SLOW_CLOCKS = {"buoy-2": -20.0}
# In an earthquake one of the accelerometers has lost half an hour, as real ones have.
SLOWEST_CLOCKS = {"quake-gorge": -1800.0}


@dataclass(frozen=True)
class DeviceClock:
    """offset = bias + drift since the last synchronisation; positive = the device is fast.

    bias_s in s, drift in s/s. The clock is set each six hours, and misses by its bias.
    """

    bias_s: float
    drift: float

    @classmethod
    def of(cls, seed: int, device: str, scenario: Scenario = Scenario.QUIET) -> DeviceClock:
        """Within 0.2 s of the truth when set, and off by at most 10 s in a million."""
        bias, rate = uniform(key(seed, f"clock/{device}"), np.arange(2))
        slow = SLOW_CLOCKS | (SLOWEST_CLOCKS if scenario is Scenario.EARTHQUAKE else {})
        return cls(0.4 * bias - 0.2 + slow.get(device, 0.0), (2.0 * rate - 1.0) * 1e-5)

    def offset(self, true_at: int) -> int:
        """Device time less true time [microseconds]."""
        since_s = (true_at / SECOND) % SYNC_S
        return round((self.bias_s + self.drift * since_s) * SECOND)

    def read(self, true_at: int) -> int:
        """What the device's clock shows."""
        return true_at + self.offset(true_at)

    def true_moment(self, device_at: int) -> int:
        """When the clock shows this (offsets are small: one step is exact to a few microseconds
        but for the moment of a synchronisation)."""
        return device_at - self.offset(device_at - self.offset(device_at))


def battery_v(seed: int, device: str, true_at: int) -> float:
    """V of a 12 V battery with a small solar panel: high by day, lower at the end of the night."""
    (health,) = uniform(key(seed, f"battery/{device}"), np.zeros(1, np.int64))
    phase = 2.0 * np.pi * (true_at / SECOND + LOCAL_S - 15 * 3600.0) / DAY_S
    return round(float(12.3 + 0.5 * health + 0.35 * np.cos(phase)), 2)
