"""What a series usually does at this hour of the day, and how far it is from that now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, Rows, Slot, State
from records.times import DAY

# A cell's scatter is never below this share of the series' own, and is the series' own before it
# has seen more than so many readings.
_SHARE = 0.1
_PRIOR = 2.0
_TINY = 1e-200


@dataclass(frozen=True, slots=True)
class DailyCourse:
    """Mean and scatter of several variables of a series for each of `cells` parts of the day.

    memory  readings that a cell remembers
    """

    variables: int
    cells: int = 24
    memory: float = 300.0

    def slots(self) -> dict[str, Slot]:
        return {
            # For each cell: readings seen, mean of each variable, scatter of each.
            "course": Slot("float64", (self.cells, 1 + 2 * self.variables)),
            "course_overall": Slot("float64", (self.variables,)),
        }

    def step(
        self,
        rows: Rows,
        value: Floats,
        number: Floats,
        state: State,
    ) -> Floats:
        """Distance from the mean of the cell in its scatters, NaN for a cell seen less than twice.

        `value` has shape (rows, variables); `number` (rows) is which reading of its series each
        is, the first one 1.
        """
        at = rows.at
        cell = self._cell(rows.measured_at)
        kept = state["course"][at, cell]
        mean, scatter = kept[:, 1 : 1 + self.variables], kept[:, 1 + self.variables :]
        seen = kept[:, :1]
        overall = state["course_overall"][rows.span]
        off = value - mean
        size = np.abs(off)
        # A cell that has seen little has the scatter of the whole series.
        width = (seen * scatter + _PRIOR * overall) / (seen + _PRIOR) + _SHARE * overall
        distance: Floats = size / (width + _TINY)
        few = seen[:, 0] < 2
        if few.any():
            distance[few] = np.nan
        weight = 1.0 / np.minimum(seen + 1.0, self.memory)
        mean += weight * off
        scatter += (seen > 0) * weight * (size - scatter)
        seen += 1.0
        state["course"][at, cell] = kept
        share = 1.0 / np.minimum(number, self.memory)[:, None]
        state["course_overall"][rows.span] = overall + share * (size - overall)
        return distance

    def usual(self, at: int, measured_at: int, state: State) -> float:
        """The mean of the first variable at this time of the day."""
        return float(state["course"][at, int(self._cell(np.array(measured_at))), 1])

    def _cell(self, measured_at: NDArray[np.int64]) -> NDArray[np.int64]:
        cell: NDArray[np.int64] = measured_at % DAY * self.cells // DAY
        return cell
