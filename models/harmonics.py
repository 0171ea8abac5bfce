"""The tide from its constituents: a least-squares fit of known speeds to a stretch of sea level.

Speeds in degrees an hour: Schureman 1958, Manual of Harmonic Analysis and Prediction of Tides (US
Coast and Geodetic Survey, Special Publication 98), table 2. No nodal corrections: a fit is used
for about as long as it was made from, up to a few years.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats
from records.times import HOUR

# In order of use: a constituent is left out where the stretch is too short to tell it from one
# before it.
_SPEEDS = np.array([
    28.9841042,  # M2
    15.0410686,  # K1
    30.0,  # S2
    13.9430356,  # O1
    28.4397295,  # N2
    0.0410686,  # Sa
    30.0821373,  # K2
    14.9589314,  # P1
    13.3986609,  # Q1
    57.9682084,  # M4
    58.9841042,  # MS4
    0.0821373,  # Ssa
    1.0980331,  # Mf
    0.5443747,  # Mm
    28.5125831,  # nu2
    27.9682084,  # mu2
    27.8953548,  # 2N2
    29.5284789,  # L2
    29.9589333,  # T2
    15.5854433,  # J1
    16.1391017,  # OO1
    14.4966939,  # M1
    43.4761563,  # M3
    44.0251729,  # MK3
    86.9523127,  # M6
    87.9682084,  # 2MS6
])  # fmt: skip
_LEAST_HOURS = 24.0 * 15
_APART = 0.9  # of Rayleigh's one cycle in the stretch
_OUTLIERS = 6.0  # of the residual's median distance from zero

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tide:
    """Mean level, cosines and sines of the constituents at `speeds` (degrees an hour)."""

    speeds: Floats
    parts: Floats

    def at(self, measured_at: Times) -> Floats:
        """The level in the unit fitted; the same bits for a moment whatever others are asked."""
        level: Floats = (_columns(self.speeds, measured_at) * self.parts).sum(axis=1)
        return level


def fitted(measured_at: Times, level: Floats) -> Tide | None:
    """The tide of a series, spikes and surges counted less; None where it is too short."""
    if len(level) < 100 or (measured_at[-1] - measured_at[0]) / HOUR < _LEAST_HOURS:
        return None
    speeds = _told_apart((measured_at[-1] - measured_at[0]) / HOUR)
    columns = _columns(speeds, measured_at)
    kept = np.ones(len(level), np.bool_)
    parts: Floats = np.zeros(columns.shape[1])
    for _ in range(3):
        parts = np.asarray(np.linalg.lstsq(columns[kept], level[kept], rcond=None)[0])
        off = np.abs(level - columns @ parts)
        kept = off <= _OUTLIERS * max(float(np.median(off)), 1e-6)
        if kept.sum() < 2 * columns.shape[1]:
            return None
    return Tide(speeds, parts)


def _told_apart(hours: float) -> Floats:
    used: list[float] = []
    for speed in _SPEEDS.tolist():
        if all(abs(speed - other) / 360 * hours >= _APART for other in [0.0, *used]):
            used.append(speed)
    return np.array(used)


def _columns(speeds: Floats, measured_at: Times) -> Floats:
    turns = np.radians(measured_at[:, None] / HOUR * speeds)
    return np.concatenate([np.ones((len(measured_at), 1)), np.cos(turns), np.sin(turns)], axis=1)
