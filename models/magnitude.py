"""What magnitude an earthquake has at least, by how strongly it shook so far.

Si and Midorikawa 1999 (doi:10.3130/aijs.64.63_2): the largest acceleration A (cm/s2) of a crustal
earthquake of moment magnitude M, at a distance of X km from its fault and D km deep, is

    log A = 0.50 M + 0.0043 D + 0.61 - log(X + 0.0055 10^(0.50 M)) - 0.003 X

with a scatter of 0.27 decades. The shaking has hardly begun when an earthquake is declared, so
what was felt until then belongs to a magnitude below the true one.
"""

from __future__ import annotations

import math

_GROWTH, _DEPTH, _LEVEL, _NEAR, _LOSS = 0.50, 0.0043, 0.61, 0.0055, 0.003
HIGHEST = 8.3  # of the earthquakes that the formula rests on


def at_least(peak_gal: float, distance_km: float, depth_km: float) -> float | None:
    """The magnitude whose largest acceleration at `distance_km` is `peak_gal`, at most HIGHEST.

    None where that is not above 0.
    """
    if peak_gal <= 0:
        return None
    shaken = math.log10(peak_gal) + _LOSS * distance_km - _DEPTH * depth_km - _LEVEL
    share = 10**shaken
    # With u = 10^(0.50 M): u = share (X + near u).
    if share * _NEAR >= 1:
        return HIGHEST
    magnitude = math.log10(share * distance_km / (1 - share * _NEAR)) / _GROWTH
    return min(magnitude, HIGHEST) if magnitude > 0 else None
