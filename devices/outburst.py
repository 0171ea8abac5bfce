"""A moraine dam that fails: the breach, the lake's fall, and the wave on its way down.

The breach is a broad-crested weir that deepens and widens evenly until it is formed; the lake is
a tank with vertical walls. What leaves the lake is what passes the breach, so no water is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from devices.noise import Floats

WEIR = 1.7  # m^0.5/s, broad-crested weir, Q = 1.7 b h^1.5 (Chow 1959)
STEP_S = 1.0


@dataclass(frozen=True)
class Breach:
    """lake area [m2], final depth and width of the breach [m], time until it is formed [s]."""

    area_m2: float = 80_000.0
    depth_m: float = 12.0
    width_m: float = 12.0
    formed_s: float = 90.0

    @property
    def volume_m3(self) -> float:
        """What can leave: the lake above the breach's final bottom."""
        return self.area_m2 * self.depth_m

    def outflow(self, open_s: float, drop_m: float) -> float:
        """m3/s through the breach, `open_s` after it began, with the lake `drop_m` lower."""
        formed = min(max(open_s / self.formed_s, 0.0), 1.0)
        head = max(self.depth_m * formed - drop_m, 0.0)
        return WEIR * self.width_m * formed * math.pow(head, 1.5)


def drain(breach: Breach, duration_s: float) -> tuple[Floats, Floats]:
    """(discharge [m3/s], fall of the lake [m]) each second from the breach's begin on.

    dz/dt = Q/A by the midpoint rule; the discharge is the mean over the second that ends there,
    so the sum of the discharge is the lake's area times its fall.
    """
    fall = [0.0]
    for second in range(int(duration_s / STEP_S)):
        open_s, drop = second * STEP_S, fall[-1]
        half = drop + breach.outflow(open_s, drop) * STEP_S / 2 / breach.area_m2
        middle = breach.outflow(open_s + STEP_S / 2, half)
        fall.append(drop + middle * STEP_S / breach.area_m2)
    drops = np.array(fall)
    return np.diff(drops, prepend=0.0) * breach.area_m2 / STEP_S, drops


def froehlich_peak(volume_m3: float, depth_m: float) -> float:
    """Peak [m3/s] of a failed earthen dam: 0.607 V^0.295 h^1.24 (Froehlich 1995)."""
    return float(0.607 * volume_m3**0.295 * depth_m**1.24)


def route(inflow: Floats, lag_s: float, reservoir_s: float) -> Floats:
    """Lag and route: a pure delay, then one linear reservoir (both keep the volume).

    `inflow` in m3/s each second; the front arrives after `lag_s`, the centre of the wave
    `reservoir_s` later, and the peak gets lower.
    """
    keep = float(np.exp(-STEP_S / reservoir_s))

    def store(flow: float, new: float) -> float:
        return keep * flow + (1.0 - keep) * new

    routed = np.fromiter(accumulate(inflow.tolist(), store, initial=0.0), float)[1:]
    delay = round(lag_s / STEP_S)
    return np.concatenate([np.zeros(delay), routed[: len(routed) - delay]])


def history(values: Floats, begin_s: float) -> Callable[[Floats], Floats]:
    """A function of seconds since the scenario's start; before `begin_s` the first value,
    after the end the last one."""
    places = begin_s + STEP_S * np.arange(len(values))

    def at(seconds: Floats) -> Floats:
        return np.interp(seconds, places, values)

    return at
