"""Noise that is a pure function of a key and a place in time.

A random generator with a state would make a value depend on what was asked before. Here each
random number is a hash of (key, index), so any moment can be computed alone, in any order.
"""

from __future__ import annotations

import math
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


def key(seed: int, name: str) -> int:
    """A 63-bit key for one stream of noise, from the simulation's seed and the stream's name."""
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big") >> 1


def uniform(stream: int, index: NDArray[np.int64]) -> Floats:
    """Uniform in (0, 1], one for each index: splitmix64 (Steele et al. 2014,
    doi:10.1145/2660193.2660195) of `stream` + index * golden ratio."""
    mixed = np.asarray(index, np.int64).astype(np.uint64) * _GOLDEN + np.uint64(stream)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 1.0) * _TO_UNIT


def white(stream: int, index: NDArray[np.int64]) -> Floats:
    """Independent standard normal numbers, one for each index (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform(stream, index)))
    return radius * np.cos(2.0 * np.pi * uniform(stream ^ 0x5DEECE66D, index))


def autoregressive(stream: int, index: NDArray[np.int64], phi: float) -> Floats:
    """First-order autoregressive noise of unit variance with coefficient `phi` in [0, 1).

    The moving-average form, cut where a term is below 1/1000, so that no past state is needed.
    """
    if phi == 0.0:
        return white(stream, index)
    terms = math.ceil(math.log(1e-3) / math.log(phi))
    weights = phi ** np.arange(terms)
    weights /= math.sqrt(float(np.sum(weights**2)))
    places = np.asarray(index, np.int64)[:, None] - np.arange(terms)
    return white(stream, places) @ weights


def drift(stream: int, seconds: Floats, step_s: float) -> Floats:
    """Slow smooth noise, about unit variance: normal numbers `step_s` apart, smoothly joined."""
    place = seconds / step_s
    left = np.floor(place).astype(np.int64)
    part = place - left
    part = part * part * (3.0 - 2.0 * part)
    return white(stream, left) * (1.0 - part) + white(stream, left + 1) * part


def quantise(values: Floats, resolution: float) -> Floats:
    """Values as a converter with this resolution gives them, without binary dust."""
    decimals = max(0, 3 - math.floor(math.log10(resolution)))
    return np.round(np.round(values / resolution) * resolution, decimals)
