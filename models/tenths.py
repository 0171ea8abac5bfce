"""Whether scores lie where those of the training lay: counts by tenths, and their distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats

TENTHS = 10
# So few scores say nothing of their distribution.
LEAST = 500
# The rule of thumb: up to 0.1 nothing has changed, above 0.25 much has.
MUCH = 0.25
# Drift is that of so many days.
WATCHED_DAYS = 7


@dataclass(frozen=True, slots=True)
class Tenths:
    """`edges`: the nine scores that part those of the training in ten equal counts."""

    edges: tuple[float, ...]

    @classmethod
    def of(cls, score: Floats) -> Tenths:
        """From the scores of the training, NaN left out. Raises ValueError where there is none."""
        known = score[~np.isnan(score)]
        if not len(known):
            raise ValueError("no row of the training has a score")
        return cls(tuple(np.quantile(known, np.arange(1, TENTHS) / TENTHS).tolist()))

    def count(self, score: Floats) -> NDArray[np.int64]:
        """How many of the scores lie in each tenth; NaN in none.

        Scores that are as frequent as to fill several tenths are spread over them evenly.
        """
        known = score[~np.isnan(score)]
        low = np.searchsorted(self.edges, known, side="left")
        high = np.searchsorted(self.edges, known, side="right")
        place = low + np.arange(len(known)) % (high - low + 1)
        return np.bincount(place, minlength=TENTHS)


def drift(counts: Sequence[int]) -> float | None:
    """Population stability index against ten equal shares; None where there are too few scores."""
    found = np.asarray(counts, np.float64)
    if found.sum() < LEAST:
        return None
    share = np.maximum(found / found.sum(), 1e-4)
    even = 1.0 / TENTHS
    return float(((share - even) * np.log(share / even)).sum())
