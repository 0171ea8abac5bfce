"""How unlike its own past the course of the last readings is, over all lags at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.detector import Floats, Places, Slot, State


@dataclass(frozen=True, slots=True)
class Shape:
    """Distance of the recent course to the courses that were nearest to it.

    The distance at a lag is a mean, with exponential weights, of the differences between readings
    and those so many readings before: one pass over the lags instead of one over all past windows.
    Nearest neighbours as a measure of the unusual: Burnaev and Ishimtsev 2016, arXiv:1608.04585.

    lags        readings to look back
    length      memory of the mean: how many readings a course is long
    neighbours  how many of the nearest lags count
    """

    lags: int = 600
    length: float = 12.0
    neighbours: int = 3

    def slots(self) -> dict[str, Slot]:
        return {
            "shape_past": Slot("float64", (self.lags,)),
            "shape_distance": Slot("float64", (self.lags,), np.inf),
        }

    def step(self, at: Places, value: Floats, number: Floats, state: State) -> Floats:
        """Distance in the unit of `value`, inf while too few lags are known.

        `number` (rows) is which reading of its series each is, the first one 1.
        """
        past, distance = state["shape_past"], state["shape_distance"]
        before = past[at]
        first = np.abs(value[:, None] - before)
        known = distance[at]
        known *= 1.0 - 1.0 / self.length
        known += first * (1.0 / self.length)
        # One lag is seen for the first time: it begins with its first difference.
        young = (number > 1) & (number <= self.lags + 1)
        if young.any():
            newest = number[young].astype(np.intp) - 2
            known[young, newest] = first[young, newest]
        distance[at] = known
        past[at, 1:] = before[:, :-1]
        past[at, 0] = value
        nearest = np.partition(known, self.neighbours, axis=1)
        total: Floats = nearest[:, 0].copy()
        for neighbour in range(1, self.neighbours):
            total += nearest[:, neighbour]
        return total / self.neighbours
