"""How rare a signal's value is for its own series: a running quantile and what lies above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.detector import Floats, Places, Slot, State

# count, how many were above, mean, mean distance from it, quantile, mean excess above it
_FIELDS = 6
_FIRST = 1.0
_LEAST = 1e-3
_TINY = 1e-12
_DECADE = 2.302585092994046


@dataclass(frozen=True, slots=True)
class Excess:
    """Rarity of several signals of a series, each in decades of probability.

    The logarithm of a signal is compared with its running `quantile` (stochastic approximation,
    Robbins and Monro 1951, doi:10.1214/aoms/1177729586); what lies above it is taken as
    exponential, which for the signal itself is a Pareto tail (Pickands 1975,
    doi:10.1214/aos/1176343003): bursty counts have such tails, and lighter ones are within them.

    signals   how many there are
    quantile  where the tail begins
    memory    readings that the quantile and the tail remember
    least     readings that are needed first
    most      a rarity counts as at most this many decades
    """

    signals: int
    quantile: float = 0.95
    memory: float = 2000.0
    least: float = 30.0
    most: float = 6.0

    def slots(self) -> dict[str, Slot]:
        return {"excess": Slot("float64", (_FIELDS, self.signals))}

    def step(self, at: Places, signal: Floats, state: State) -> Floats:
        """Decades below a chance of 1 of such a value, 0 below the quantile; shape as `signal`.

        `signal` has shape (rows, signals), 0 or above, not finite while unknown (rarity 0).
        """
        kept = state["excess"][at]
        count, seen, centre, spread, quantile, mean = (kept[:, i] for i in range(_FIELDS))
        known = np.isfinite(signal)
        level = np.log(np.minimum(signal, 1.0 / _TINY) + _TINY)
        first = known & (count == 0)
        if first.any():
            centre[first] = quantile[first] = level[first]
            mean[first] = _FIRST
        if not known.all():
            level = np.where(known, level, quantile)
        count += known
        over = level - quantile
        above = over > 0
        decades = over / (_DECADE * np.maximum(mean, _LEAST)) - np.log10(1 - self.quantile)
        rarity: Floats = (above & (count > self.least)) * np.minimum(decades, self.most)
        # Learn: where the middle and the tail begin, how wide both are.
        weight = known / np.minimum(np.maximum(count, 1.0), self.memory)
        off = level - centre
        centre += weight * off
        spread += weight * (np.abs(off) - spread)
        gain = np.minimum(6.0 * weight**0.8, 0.6) * spread
        quantile += gain * (above - (1 - self.quantile))
        seen += above
        share = above / np.minimum(seen + 4.0, self.memory * (1 - self.quantile) + 4.0)
        mean += share * (np.minimum(over, 4.0 * mean) - mean)
        state["excess"][at] = kept
        return rarity
