"""A grid of possible hypocentres around stations, with the distance of each to every station."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats

REACH_KM = 120.0  # hypocentres are looked for so far from a shaking station
STEP_KM = 4.0  # 8 cost a wave up to 0.9 s of misfit that was the grid's own
DEPTHS_KM = (10.0, 35.0, 70.0, 120.0, 200.0)
_KM_PER_DEGREE = 111.195


@dataclass(frozen=True, slots=True)
class Hypocentres:
    """Columns of n places (degrees, km); `distance_km` has shape (n, stations)."""

    lat: Floats
    lon: Floats
    depth_km: Floats
    distance_km: Floats

    def at(self, rows: NDArray[np.intp]) -> Hypocentres:
        columns = (self.lat, self.lon, self.depth_km, self.distance_km)
        return Hypocentres(*(column[rows] for column in columns))


@lru_cache(maxsize=8)
def around(stations: tuple[tuple[float, float], ...], shaking: frozenset[int]) -> Hypocentres:
    """All within REACH_KM of the stations (lat, lon) whose indices are in `shaking`.

    On a flat earth: good to a hundredth over the 400 km within which a wave is looked for.
    """
    lat, lon = np.array(stations, np.float64).T
    middle = float(lat[0]), float(lon[0])
    to_km = np.array([_KM_PER_DEGREE, _KM_PER_DEGREE * np.cos(np.radians(lat.mean()))])
    flat = np.c_[lat - middle[0], (lon - middle[1] + 180) % 360 - 180] * to_km
    shaken = flat[sorted(shaking)]
    edges = zip(shaken.min(axis=0) - REACH_KM, shaken.max(axis=0) + REACH_KM, strict=True)
    axes = np.meshgrid(*(np.arange(low, high, STEP_KM) for low, high in edges), indexing="ij")
    points = np.stack(axes, axis=-1).reshape(-1, 2)
    points = points[_apart(points, shaken).min(axis=1) <= REACH_KM]
    depth_km = np.repeat(DEPTHS_KM, len(points))
    distance_km = np.hypot(np.tile(_apart(points, flat), (len(DEPTHS_KM), 1)), depth_km[:, None])
    lat, lon = (np.tile(points, (len(DEPTHS_KM), 1)) / to_km + middle).T
    return Hypocentres(lat, (lon + 180) % 360 - 180, depth_km, distance_km)


def _apart(points: Floats, others: Floats) -> Floats:
    apart: Floats = np.hypot(*(points[:, None, :] - others[None, :, :]).transpose(2, 0, 1))
    return apart
