"""An earthquake off the coast: the shaking of the sea bed and the wave it starts.

The wave runs at sqrt(g h), grows as h^(-1/4) (Green's law) and thins out with the square root
of the distance. The shaking comes first, with surface waves at 3.5 km/s: the water's inertia
presses on the sea bed by rho h a.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from devices.noise import Floats, key, white
from devices.scenarios import QUAKE_S

G = 9.81
SURFACE_WAVE_MS = 3500.0
PERIOD_S = 720.0
DECAY_S = 2400.0
# Crest [m] in 3,000 m of water, 12 km from the source's edge.
CREST_M = 0.35
REFERENCE_M = 3000.0
REFERENCE_KM = 12.0
ACCELERATION_MS2 = 0.0006


@dataclass(frozen=True)
class Path:
    """From the source's edge to a place: `deep_km` over `deep_m` of water, then `shelf_km`
    on which the depth falls evenly from `edge_m` to `shore_m`."""

    deep_km: float
    deep_m: float
    shelf_km: float = 0.0
    edge_m: float = 200.0
    shore_m: float = 6.0

    @property
    def depth_m(self) -> float:
        return self.shore_m if self.shelf_km else self.deep_m

    @property
    def km(self) -> float:
        return self.deep_km + self.shelf_km

    def travel_s(self) -> float:
        """Integral of dx / sqrt(g h); over the even slope it is 2 L / (c_edge + c_shore)."""
        deep = self.deep_km * 1000.0 / math.sqrt(G * self.deep_m)
        if not self.shelf_km:
            return deep
        speeds = math.sqrt(G * self.edge_m) + math.sqrt(G * self.shore_m)
        return deep + 2.0 * self.shelf_km * 1000.0 / speeds

    def growth(self) -> float:
        """Height here as a part of that at the reference: depth and distance."""
        shoaling = (REFERENCE_M / self.depth_m) ** 0.25
        return float(shoaling * math.sqrt(REFERENCE_KM / self.km))


def train(seconds: Floats) -> Floats:
    """The wave [m] at the reference, seconds after its front: a crest first, then a fading
    train of 12 minutes' period."""
    after = np.maximum(seconds, 0.0)
    wave = np.sin(2.0 * np.pi * after / PERIOD_S) * np.exp(-after / DECAY_S)
    return CREST_M / 0.927 * wave


class Tsunami:
    """The event as it is felt on each path; nothing where it is not the scenario."""

    def __init__(self, seed: int, start_s: float, *, happens: bool) -> None:
        self._shaking = key(seed, "quake/shaking")
        self._quake_s = start_s + QUAKE_S
        self._happens = happens

    def wave(self, seconds: Floats, path: Path) -> Floats:
        """m of water surface above what it would be."""
        if not self._happens:
            return np.zeros_like(seconds)
        return path.growth() * train(seconds - self._quake_s - path.travel_s())

    def shaking(self, seconds: Floats, path: Path) -> Floats:
        """m of water that the sea bed's acceleration looks like, h a / g, faster than sampled."""
        if not self._happens:
            return np.zeros_like(seconds)
        after = seconds - self._quake_s - path.km * 1000.0 / SURFACE_WAVE_MS
        strength = np.where(after > 0.0, np.exp(-np.maximum(after, 0.0) / 30.0), 0.0)
        noise = white(self._shaking, np.floor(seconds * 2.0).astype(np.int64))
        return ACCELERATION_MS2 * path.deep_m / G * strength * noise
