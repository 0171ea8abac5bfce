"""The chance from which a forecast warns, so that its false alarms keep to a budget.

For each of a row of limits it is counted how often it would have warned in vain. An alarm is a run
of rows that reach the limit, no farther apart than a horizon; it was in vain where none of them was
followed by an exceedance, which is known when their horizon is over. The limit in force is the
lowest one that kept the budget lately, a quarter of a year without alarms taken to lie before: so
the first alarms in vain don't make a forecast deaf. What is a year old counts for a third of what
is new, so that neither a bad season nor a good decade stands for long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, State
from records.times import DAY

Times = NDArray[np.int64]
# No chance is worth more: a limit beyond it would be a silence.
HIGHEST = 0.95
_STEPS = 32
_YEAR = 365.25 * DAY
_BEFORE_YEARS = 0.25
_KEPT_YEARS = 1.0
_NEVER = -(2**63)


@dataclass(frozen=True, slots=True)
class Budget:
    """`per_year` false alarms; `least` is the lowest limit; `horizon` in microseconds.

    reach  how far back (us) it is known what came: of older rows it is not, whatever is at hand
    """

    per_year: float
    least: float
    horizon: int
    reach: int

    def limits(
        self, at: Times, chance: Floats, known_at: Times, came: NDArray[np.bool_], state: State
    ) -> tuple[Floats, Floats]:
        """For each row the limit on its chance, and how often a year that warned in vain lately.
        They rest on rows whose horizon was over by then.

        at, chance  the new rows, in order
        known_at    of the rows that waited for their horizon and of the new ones: when it is over
        came        whether it exceeded the threshold, or nobody knows
        state       keeps the chances of the rows that wait, and what was counted
        """
        waiting = np.r_[state.get("unknown", np.zeros(0)), chance]
        counted = _Counted(self._grid(), state)
        found = np.empty((2, len(at)))
        over = 0
        for row, now in enumerate(at.tolist()):
            first = over
            while known_at[over] <= now:
                unknown = now - known_at[over] >= self.reach - self.horizon
                vain = not (came[over] or unknown)
                counted.add(int(known_at[over]), waiting[over], vain, self.horizon)
                over += 1
            if over > first or not row:
                in_force = counted.lowest(self.per_year)
            found[:, row] = in_force
        state["unknown"] = waiting[over:]
        counted.keep(state)
        return found[0], found[1]

    def _grid(self) -> Floats:
        """Limits from the least to the highest, evenly in the logarithm of their odds."""
        ends = np.array([self.least, max(HIGHEST, self.least)])
        first, last = np.log(ends / (1.0 - ends))
        limits = 1.0 / (1.0 + np.exp(-np.linspace(first, last, _STEPS)))
        limits[0] = self.least
        return limits


class _Counted:
    """What each limit would have led to: `false` alarms, when it last `fired`, and whether
    something `came` in the alarm that may go on. Counts and years fade."""

    def __init__(self, limits: Floats, state: State) -> None:
        count = len(limits)
        self._limits = limits
        self._false = state.get("false", np.zeros(count)).copy()
        self._fired_at = state.get("fired_at", np.full(count, _NEVER)).copy()
        self._came = state.get("came", np.zeros(count, np.bool_)).copy()
        self._years = float(state.get("years", np.array([_BEFORE_YEARS]))[0])
        self._newest_at = int(state.get("newest_at", np.array([_NEVER]))[0])

    def keep(self, state: State) -> None:
        state["false"], state["fired_at"], state["came"] = self._false, self._fired_at, self._came
        state["years"], state["newest_at"] = np.array([self._years]), np.array([self._newest_at])

    def add(self, at: int, chance: float, vain: bool, horizon: int) -> None:
        if self._newest_at != _NEVER:
            years = min(at - self._newest_at, horizon) / _YEAR
            kept = np.exp(-years / _KEPT_YEARS)
            self._false *= kept
            self._years = float(self._years * kept + years)
        self._newest_at = at
        ended = (self._fired_at != _NEVER) & (self._fired_at < at - horizon)
        self._false += ended & ~self._came
        self._fired_at[ended], self._came[ended] = _NEVER, False
        fires = chance >= self._limits
        self._fired_at[fires] = at
        if not vain:
            self._came |= fires

    def lowest(self, per_year: float) -> tuple[float, float]:
        """The lowest limit within the budget, else the highest; what it led to a year."""
        kept = np.flatnonzero(self._false <= per_year * self._years)
        place = int(kept[0]) if len(kept) else len(self._limits) - 1
        return float(self._limits[place]), float(self._false[place] / self._years)
