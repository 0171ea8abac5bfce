"""What magnitude an earthquake has at least, by how strongly it was felt so far.

Si and Midorikawa 1999 (doi:10.3130/aijs.64.63_2): the largest acceleration A (cm/s2) of a crustal
earthquake of moment magnitude M, at a distance of X km and D km deep, is

    log A = 0.50 M + 0.0043 D + 0.61 - log(X + 0.0055 10^(0.50 M)) - 0.003 X

with a scatter of 0.27 decades from one place to the next, which is taken off here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

_GROWTH, _DEPTH, _LEVEL, _NEAR, _LOSS = 0.50, 0.0043, 0.61, 0.0055, 0.003
_SCATTER = 0.27
S_KM_PER_S = 3.7  # the strong part of the shaking is the second wave
FEWEST = 3  # stations
HIGHEST = 8.3  # of the earthquakes that the formula rests on

Felt = tuple[float, float]
"""Peak acceleration (Gal) and distance from the hypocentre (km)."""


def at_least(felt: Sequence[Felt], depth_km: float, passed_s: float) -> float:
    """The magnitude that the median station speaks for, at most HIGHEST.

    Of stations that the second wave has reached `passed_s` after the origin; 0 where those are
    fewer than FEWEST. One that did not feel it yet, or feels it no more, speaks for nothing.
    """
    reached = [one for one in felt if one[1] <= S_KM_PER_S * passed_s]
    if len(reached) < FEWEST:
        return 0.0
    return median(_alone(peak_gal, distance_km, depth_km) for peak_gal, distance_km in reached)


def _alone(peak_gal: float, distance_km: float, depth_km: float) -> float:
    if peak_gal <= 0:
        return 0.0
    felt = math.log10(peak_gal) - _SCATTER
    felt += _LOSS * distance_km - _DEPTH * depth_km - _LEVEL
    if felt >= -math.log10(_NEAR):
        return HIGHEST
    # With u = 10^(0.50 M): u = share (X + near u).
    share = 10**felt
    size = share * distance_km / (1 - share * _NEAR)
    return min(math.log10(size) / _GROWTH, HIGHEST) if size > 1 else 0.0
