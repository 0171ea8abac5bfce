"""How high quiet data reach: a Gumbel fit to the peaks of time blocks, and the limit of a budget.

The largest value of a block tends to a Gumbel distribution whatever the parent (Gumbel 1958;
Coles 2001, doi:10.1007/978-1-4471-3675-0, chapter 3). Taking block peaks declusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, Places, Slot, State
from records.times import DAY

_EULER = 0.5772156649015329
_SPREAD = 0.7796968012336761  # Gumbel scale over standard deviation
_YEAR = 365.25 * DAY
_CERTAIN = 3.65  # exp(-exp(3.65)) is less than half the last bit of 1


@dataclass(frozen=True, slots=True)
class Tail:
    """Peaks per block of a statistic in units of its own noise.

    block          length of a block, microseconds
    mean, variance what is thought of peaks beforehand, as if `prior` blocks had shown it
    memory         how many blocks back the fit looks
    most           a peak counts as at most this: one unseen event must not hide the next
    """

    block: int
    mean: float
    variance: float
    prior: float = 8.0
    memory: float = 240.0
    most: float = 8.0

    def slots(self) -> dict[str, Slot]:
        location, scale = _gumbel(np.array(self.mean), np.array(self.variance))
        return {
            "tail_until": Slot("int64", (), -(2**63)),
            "tail_peak": Slot(),
            "tail_count": Slot(),
            "tail_mean": Slot(fill=self.mean),
            "tail_variance": Slot(fill=self.variance),
            # Of the two above, so that a reading costs no root.
            "tail_location": Slot(fill=float(location)),
            "tail_scale": Slot(fill=float(scale)),
        }

    def limit(self, at: Places, budget_per_year: float, state: State) -> Floats:
        """The value that block peaks of quiet data exceed `budget_per_year` times a year."""
        times = math.log(_YEAR / self.block / budget_per_year)
        value: Floats = state["tail_location"][at] + times * state["tail_scale"][at]
        return value

    def chance(self, at: Places, value: Floats, state: State) -> Floats:
        """Chance that a block of quiet data peaks at `value` or higher."""
        below = (state["tail_location"][at] - value) / state["tail_scale"][at]
        # From there on the chance is 1 to the last bit: that spares most readings two exponentials.
        (some,) = (~(below >= _CERTAIN)).nonzero()
        p_value = np.ones(len(below))
        if len(some):
            p_value[some] = -np.expm1(-np.exp(below[some]))
        return p_value

    def learn(
        self,
        at: Places,
        measured_at: NDArray[np.int64],
        value: Floats,
        quiet: NDArray[np.bool_] | None,
        state: State,
    ) -> None:
        """Count a value; rows that are not `quiet` (None: all are) or NaN don't count."""
        (over,) = (measured_at >= state["tail_until"][at]).nonzero()
        if len(over):
            places = np.arange(at.start, at.stop)[over] if isinstance(at, slice) else at[over]
            self._close(places, state)
            state["tail_until"][places] = (measured_at[over] // self.block + 1) * self.block
        counted = np.minimum(value, self.most)
        if quiet is not None:
            counted = np.where(quiet, counted, 0.0)
        state["tail_peak"][at] = np.fmax(state["tail_peak"][at], counted)

    def _close(self, at: NDArray[np.intp], state: State) -> None:
        peak = state["tail_peak"][at]
        seen = peak > 0
        count = state["tail_count"][at] + seen
        share = np.where(seen, 1.0 / (self.prior + np.clip(count, 1.0, self.memory)), 0.0)
        off = peak - state["tail_mean"][at]
        mean = state["tail_mean"][at] + share * off
        variance = (1 - share) * (state["tail_variance"][at] + share * off * off)
        state["tail_mean"][at], state["tail_variance"][at] = mean, variance
        state["tail_location"][at], state["tail_scale"][at] = _gumbel(mean, variance)
        state["tail_count"][at] = count
        state["tail_peak"][at] = 0.0


def _gumbel(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Location and scale of a Gumbel distribution with this mean and variance."""
    scale: Floats = _SPREAD * np.sqrt(variance)
    return mean - _EULER * scale, scale
