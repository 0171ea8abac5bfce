"""Distances on the Earth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_M = 6_371_008.8  # mean radius (IUGG)


def great_circle_m(
    lat: ArrayLike, lon: ArrayLike, other_lat: ArrayLike, other_lon: ArrayLike
) -> NDArray[np.float64]:
    """Great-circle distances on a sphere (haversine formula), m; degrees, arrays that broadcast."""
    from_lat, to_lat = np.radians(np.asarray(lat)), np.radians(np.asarray(other_lat))
    east = np.radians(np.asarray(other_lon) - np.asarray(lon))
    half = (
        np.sin((to_lat - from_lat) / 2) ** 2
        + np.cos(from_lat) * np.cos(to_lat) * np.sin(east / 2) ** 2
    )
    found: NDArray[np.float64] = 2 * EARTH_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return found
