"""An earthquake near the valley as accelerometers feel it: P and S waves by the stochastic method.

Noise under a window is given the spectrum of a source with one corner (Brune 1970,
doi:10.1029/JB075i026p04997), thinned out as 1/R and damped along the way and below the station
(Boore 2003, doi:10.1007/PL00012553). The ground is a half-space of one speed for each wave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from devices.noise import Floats, key, uniform, white
from devices.scenarios import QUAKE_S
from records.distance import great_circle_m
from records.network import Station

P_MS, S_MS = 6000.0, 3460.0
DENSITY = 2800.0  # kg/m3
STRESS_DROP_PA = 1.0e7
KAPPA_S = 0.035  # damping below the station
# Radiation pattern, mean over the sphere (Boore and Boatwright 1984), times that of the free
# surface; S is shared by two horizontal axes.
P_PATTERN = 0.52 * 2.0
S_PATTERN = 0.63 * 2.0 / math.sqrt(2.0)
# How much of each wave an axis feels.
_P_PART = {"x": 0.35, "y": 0.35, "z": 1.0}
_S_PART = {"x": 1.0, "y": 1.0, "z": 0.5}
_RATE_HZ = 200.0
_RECORD_S = 90.0
_GAL = 100.0  # a m/s2
_AROUND = (36.437, 74.622)  # the middle of the valley


@dataclass(frozen=True)
class Source:
    """Degrees WGS 84, km below the ground, moment magnitude, seconds after the start."""

    lat: float
    lon: float
    depth_km: float
    magnitude: float
    origin_s: float

    @classmethod
    def of(cls, seed: int) -> Source:
        """Magnitude 5.5 to 6.0, 20 to 35 km from the valley, 8 to 14 km deep."""
        size, away, bearing, depth = uniform(key(seed, "quake/source"), np.arange(4))
        angle, km = 2.0 * math.pi * bearing, 20.0 + 15.0 * away
        north, east = km * math.cos(angle) / 111.2, km * math.sin(angle) / 111.2
        lat = _AROUND[0] + north
        return cls(
            lat=round(float(lat), 4),
            lon=round(float(_AROUND[1] + east / math.cos(math.radians(lat))), 4),
            depth_km=round(float(8.0 + 6.0 * depth), 1),
            magnitude=round(float(5.5 + 0.5 * size), 1),
            origin_s=QUAKE_S,
        )

    def distance_m(self, station: Station) -> float:
        """From the hypocentre."""
        flat = float(great_circle_m(self.lat, self.lon, station.lat, station.lon))
        return math.hypot(flat, self.depth_km * 1000.0)

    def arrival_s(self, station: Station, speed: float) -> float:
        """Seconds after the start at which a wave of this speed (m/s) arrives."""
        return self.origin_s + self.distance_m(station) / speed

    @property
    def moment(self) -> float:
        """N m (Hanks and Kanamori 1979, doi:10.1029/JB084iB05p02348)."""
        return float(10.0 ** (1.5 * self.magnitude + 9.1))

    def corner_hz(self, speed: float) -> float:
        return float(0.4906 * speed * (STRESS_DROP_PA / self.moment) ** (1.0 / 3.0))

    def spectrum(self, hertz: Floats, away_m: float, speed: float, pattern: float) -> Floats:
        """Fourier amplitude of acceleration, m/s."""
        corner = self.corner_hz(speed)
        flat = pattern * self.moment / (4.0 * math.pi * DENSITY * speed**3)
        rise = (2.0 * math.pi * hertz) ** 2 / (1.0 + (hertz / corner) ** 2)
        quality = 100.0 * np.maximum(hertz, 1.0) ** 0.8
        damping = math.pi * hertz * (away_m / (quality * speed) + KAPPA_S)
        spread: Floats = flat * rise * np.exp(-damping) / away_m
        return spread


class Earthquake:
    """The ground's acceleration at each station; nothing where it is not the scenario."""

    def __init__(self, seed: int, start_s: float, *, happens: bool) -> None:
        self._seed = seed
        self._start_s = start_s
        self._happens = happens
        self.source = Source.of(seed)
        self._records: dict[tuple[str, str], Floats] = {}

    def ground(self, seconds: Floats, station: Station, axis: str) -> Floats:
        """Gal at these seconds since 1970."""
        if not self._happens:
            return np.zeros_like(seconds)
        since = (seconds - self._start_s - self.source.origin_s) * _RATE_HZ
        shaken = self._records.get((station.id, axis))
        if shaken is None:
            shaken = self._records[station.id, axis] = self._record(station, axis)
        return np.interp(since, np.arange(len(shaken)), shaken, left=0.0, right=0.0)

    def _record(self, station: Station, axis: str) -> Floats:
        """Gal from the origin on, `_RATE_HZ` samples a second."""
        away_m = self.source.distance_m(station)
        name = f"quake/{station.id}/{axis}"
        whole = np.zeros(round(_RECORD_S * _RATE_HZ))
        waves = (("p", P_MS, P_PATTERN * _P_PART[axis]), ("s", S_MS, S_PATTERN * _S_PART[axis]))
        for wave, speed, pattern in waves:
            shaking = self._wave(key(self._seed, f"{name}/{wave}"), away_m, speed, pattern)
            first = round(away_m / speed * _RATE_HZ)
            part = whole[first : first + len(shaking)]
            part += shaking[: len(part)]
        return whole * _GAL

    def _wave(self, stream: int, away_m: float, speed: float, pattern: float) -> Floats:
        """One wave from its front on, m/s2."""
        lasts_s = 1.0 / self.source.corner_hz(speed) + 0.05 * away_m / 1000.0
        count = round(4.0 * lasts_s * _RATE_HZ)
        seconds = np.arange(count) / _RATE_HZ
        shaped = np.fft.rfft(_window(seconds, lasts_s) * white(stream, np.arange(count)))
        shaped /= math.sqrt(float(np.mean(np.abs(shaped) ** 2)))
        hertz = np.arange(len(shaped), dtype=np.float64) * (_RATE_HZ / count)
        found = np.fft.irfft(shaped * self.source.spectrum(hertz, away_m, speed, pattern), count)
        # What the transform carries round to before the front is cut off.
        return np.where(seconds < 2.5 * lasts_s, found * _RATE_HZ, 0.0)


def _window(seconds: Floats, lasts_s: float) -> Floats:
    """Saragoni and Hart's envelope as Boore (2003, equation 22) gives it."""
    epsilon, eta = 0.2, 0.05
    power = -epsilon * math.log(eta) / (1.0 + epsilon * (math.log(epsilon) - 1.0))
    place = seconds / (2.0 * lasts_s)
    shape: Floats = (place * math.e / epsilon) ** power * np.exp(-power / epsilon * place)
    return shape
