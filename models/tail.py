"""How high quiet data reach: a Gumbel fit to the peaks of time blocks, and the limit of a budget.

The largest value of a block tends to a Gumbel distribution whatever the parent (Gumbel 1958;
Coles 2001, doi:10.1007/978-1-4471-3675-0, chapter 3). Taking block peaks declusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, Slot, State
from records.times import DAY

_EULER = 0.5772156649015329
_SPREAD = 0.7796968012336761  # Gumbel scale over standard deviation
_YEAR = 365.25 * DAY


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
        return {
            "tail_block": Slot("int64", (), -1),
            "tail_peak": Slot(),
            "tail_count": Slot(),
            "tail_mean": Slot(fill=self.mean),
            "tail_variance": Slot(fill=self.variance),
        }

    def limit(self, at: NDArray[np.intp], budget_per_year: float, state: State) -> Floats:
        """The value that block peaks of quiet data exceed `budget_per_year` times a year."""
        location, scale = self._gumbel(at, state)
        value: Floats = location + scale * np.log(_YEAR / self.block / budget_per_year)
        return value

    def chance(self, at: NDArray[np.intp], value: Floats, state: State) -> Floats:
        """Chance that a block of quiet data peaks at `value` or higher."""
        location, scale = self._gumbel(at, state)
        p_value: Floats = -np.expm1(-np.exp(np.minimum((location - value) / scale, 30.0)))
        return p_value

    def learn(
        self,
        at: NDArray[np.intp],
        measured_at: NDArray[np.int64],
        value: Floats,
        quiet: NDArray[np.bool_],
        state: State,
    ) -> None:
        """Count a value; rows that are not `quiet` or NaN don't count."""
        block = measured_at // self.block
        over = block != state["tail_block"][at]
        if over.any():
            self._close(at[over], state)
            state["tail_block"][at[over]] = block[over]
        counted = np.where(quiet & np.isfinite(value), np.minimum(value, self.most), 0.0)
        state["tail_peak"][at] = np.maximum(state["tail_peak"][at], counted)

    def _close(self, at: NDArray[np.intp], state: State) -> None:
        peak = state["tail_peak"][at]
        seen = peak > 0
        count = state["tail_count"][at] + seen
        share = np.where(seen, 1.0 / (self.prior + np.clip(count, 1.0, self.memory)), 0.0)
        off = peak - state["tail_mean"][at]
        state["tail_mean"][at] += share * off
        state["tail_variance"][at] = (1 - share) * (state["tail_variance"][at] + share * off * off)
        state["tail_count"][at] = count
        state["tail_peak"][at] = 0.0

    def _gumbel(self, at: NDArray[np.intp], state: State) -> tuple[Floats, Floats]:
        scale: Floats = _SPREAD * np.sqrt(state["tail_variance"][at])
        return state["tail_mean"][at] - _EULER * scale, scale
