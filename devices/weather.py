"""Weather of the valley: rain cells, what they run off, air temperature, melt.

Seconds are since 1970 UTC. Rain is made of showers of even intensity, at most one in each slot
of six hours, so the depth in an interval and the runoff have exact formulas.
"""

from __future__ import annotations

import numpy as np

from devices.noise import Floats, drift, key, uniform

SLOT_S = 6 * 3600.0
DAY_S = 86400.0
LOCAL_S = 5 * 3600.0  # Pakistan Standard Time is UTC+5.
WET_SHARE = 0.35
_MEMORY_SLOTS = 5  # Runoff of a shower that ended a day ago is below a millionth of it.


def step_response(seconds: Floats, reservoir_s: float) -> Floats:
    """Outflow of two equal linear reservoirs in series to a unit inflow since 0, in 0..1.

    1 - exp(-t/K) (1 + t/K), K = `reservoir_s` (Nash 1957, n = 2); 0 before.
    """
    scaled = np.maximum(seconds, 0.0) / reservoir_s
    return 1.0 - np.exp(-scaled) * (1.0 + scaled)


class Weather:
    """Showers and temperatures of one seed. `wetness` scales the intensity of a place."""

    def __init__(self, seed: int) -> None:
        self._wet = key(seed, "rain/wet")
        self._start = key(seed, "rain/start")
        self._length = key(seed, "rain/length")
        self._intensity = key(seed, "rain/intensity")
        self._warmth = key(seed, "air/warmth")

    def showers(self, slots: np.ndarray) -> tuple[Floats, Floats, Floats]:
        """(begin [s], end [s], intensity [mm/h]) of the shower of each slot; 0 mm/h = dry.

        0.3 to 3 mm/h for 0.5 to 3 h: ordinary rain in a dry mountain valley.
        """
        begin = (slots + uniform(self._start, slots)) * SLOT_S
        end = begin + 1800.0 + 9000.0 * uniform(self._length, slots)
        intensity = 0.3 + 2.7 * uniform(self._intensity, slots) ** 2
        return begin, end, np.where(uniform(self._wet, slots) < WET_SHARE, intensity, 0.0)

    def rain(self, seconds: Floats, interval_s: float, wetness: float) -> Floats:
        """Depth [mm] in the interval that ends at each moment."""
        begin, end, intensity = self._recent(seconds, 2)
        until = seconds[:, None]
        wet_s = np.minimum(until, end) - np.maximum(until - interval_s, begin)
        depth = np.sum(np.maximum(wet_s, 0.0) * intensity, axis=1) / 3600.0
        return wetness * np.asarray(depth)

    def effective_rain(self, seconds: Floats, reservoir_s: float) -> Floats:
        """Rain [mm/h] after two linear reservoirs: multiply by area and share to get runoff."""
        begin, end, intensity = self._recent(seconds, _MEMORY_SLOTS)
        until = seconds[:, None]
        flowing = step_response(until - begin, reservoir_s) - step_response(
            until - end, reservoir_s
        )
        return np.asarray(np.sum(intensity * flowing, axis=1))

    def air_temperature(self, seconds: Floats, mean: float, swing: float) -> Floats:
        """Cel: daily wave with its top at 15:00 local time, and slow weather of 0.8 K."""
        phase = 2.0 * np.pi * (seconds + LOCAL_S - 15 * 3600.0) / DAY_S
        return mean + swing * np.cos(phase) + 0.8 * drift(self._warmth, seconds, 3 * 3600.0)

    def _recent(self, seconds: Floats, count: int) -> tuple[Floats, Floats, Floats]:
        slot = np.floor(seconds / SLOT_S).astype(np.int64)
        return self.showers(slot[:, None] - np.arange(count))


def melt(seconds: Floats, lag_s: float) -> Floats:
    """Daily factor of melt-fed flow about 1, with its top at 18:00 local time plus the lag."""
    phase = 2.0 * np.pi * (seconds - lag_s + LOCAL_S - 18 * 3600.0) / DAY_S
    return 1.0 + 0.2 * np.cos(phase)
