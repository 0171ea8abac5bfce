"""The tide as it would go on: a cubic through ten-minute means an hour apart, causally.

Mofjeld's extrapolation (NOAA's DART buoys; Meinig et al. 2005, "Real-time deep-ocean tsunami
measuring, monitoring, and reporting system") has fixed weights 1.16818457, -0.28197559, 0.14689746
and -0.03310645 for means that stand at exact distances. Here the cubic goes through the means
where they really stand, so that short gaps, uneven rates and cell borders do no harm; on even
data at that distance the weights are Mofjeld's. Where one older mean is missing a parabola serves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, Slot, State
from records.times import HOUR, MINUTE, SECOND

CELL = 5 * MINUTE
_CELLS_AN_HOUR = HOUR // CELL
_NODES = 4
# Cells that a mean may use, counted back from the current one: the two that make ten minutes,
# and around them, for slow rates, up to half an hour. None is later than the last complete cell.
_BACK = -_CELLS_AN_HOUR * np.arange(_NODES)[:, None] + np.arange(-4, 2)
_BACK[0] = np.arange(-6, 0)
_NARROW = (_BACK + _CELLS_AN_HOUR * np.arange(_NODES)[:, None] == -1) | (
    _BACK + _CELLS_AN_HOUR * np.arange(_NODES)[:, None] == -2
)
_RING = -int(_BACK.min()) + 1
# After a gap of so many cells (an hour) the cubic is worth nothing any more.
_LONG_GAP = 12


def slots() -> dict[str, Slot]:
    """State of one series: sums of three hours' cells, and the cubic of the current one."""
    return {
        "tide_cell": Slot("int64", (_RING,), -1),
        "tide_sum": Slot("float64", (_RING,)),
        "tide_lag_s": Slot("float64", (_RING,)),
        "tide_count": Slot("float64", (_RING,)),
        "tide_cubic": Slot("float64", (_NODES,), np.nan),
        "tide_cubic_cell": Slot("int64", (), -1),
        "tide_recent": Slot(),
        "tide_newest": Slot("int64", (), -1),
    }


def predicted(at: NDArray[np.intp], measured_at: NDArray[np.int64], state: State) -> Floats:
    """The tide at `measured_at` from what `keep` was told before its cell, in the unit kept.

    NaN while the newest mean or two of the older ones are missing.
    """
    cell = measured_at // CELL
    stale = state["tide_cubic_cell"][at] != cell
    if stale.any():
        renewed = at[stale]
        state["tide_cubic"][renewed] = _cubic(renewed, cell[stale], state)
        state["tide_cubic_cell"][renewed] = cell[stale]
    return extrapolated(at, measured_at, state)


def extrapolated(at: NDArray[np.intp], measured_at: NDArray[np.int64], state: State) -> Floats:
    """The tide by the cubic that `predicted` made last, however long ago; NaN where it had none."""
    hours = (measured_at - state["tide_cubic_cell"][at] * CELL) / HOUR
    cubic = state["tide_cubic"][at]
    tide: Floats = cubic[:, 0] + hours * (cubic[:, 1] + hours * (cubic[:, 2] + hours * cubic[:, 3]))
    return tide


def recent(at: NDArray[np.intp], state: State) -> Floats:
    """How many values the six cells before the current one hold (half an hour).

    As of the last call of `predicted`.
    """
    counts: Floats = state["tide_recent"][at]
    return counts


def keep(at: NDArray[np.intp], measured_at: NDArray[np.int64], value: Floats, state: State) -> None:
    """Let a value count in later predictions; after a long gap none of before does."""
    cell = measured_at // CELL
    gap = cell - state["tide_newest"][at] > _LONG_GAP
    if gap.any():
        forget(at[gap], state)
    place = cell % _RING
    new = np.flatnonzero(state["tide_cell"][at, place] != cell)
    if len(new):
        begun = at[new], place[new]
        for name in ("tide_sum", "tide_lag_s", "tide_count"):
            state[name][begun] = 0.0
        state["tide_cell"][begun] = cell[new]
    state["tide_sum"][at, place] += value
    state["tide_lag_s"][at, place] += (measured_at - cell * CELL) / SECOND
    state["tide_count"][at, place] += 1.0
    state["tide_newest"][at] = cell


def shift(at: NDArray[np.intp], by: Floats, state: State) -> None:
    """Move what was kept to another datum, `by` higher."""
    state["tide_sum"][at] += state["tide_count"][at] * by[:, None]
    state["tide_cubic"][at, 0] += by


def forget(at: NDArray[np.intp], state: State) -> None:
    """Begin anew: what was kept is of no use any more."""
    state["tide_cell"][at] = -1
    state["tide_cubic"][at] = np.nan


def _cubic(at: NDArray[np.intp], cell: NDArray[np.int64], state: State) -> Floats:
    """Coefficients (rows, 4) over hours since the start of `cell`; NaN where it can't be known.

    Counts what the last half hour holds on the way.
    """
    wanted = cell[:, None, None] + _BACK
    place = wanted % _RING
    rows = at[:, None, None]
    count = np.where(state["tide_cell"][rows, place] == wanted, state["tide_count"][rows, place], 0)
    state["tide_recent"][at] = count[:, 0].sum(axis=1)
    near = np.where(_NARROW, count, 0.0)
    count = np.where(near.any(axis=2, keepdims=True), near, count)
    used = count > 0
    total = count.sum(axis=2)
    held = total > 0
    level = np.where(used, state["tide_sum"][rows, place], 0.0).sum(axis=2)
    lag_s = np.where(used, state["tide_lag_s"][rows, place], 0.0).sum(axis=2)
    lag_s += (count * _BACK).sum(axis=2) * (CELL / SECOND)
    known = held[:, 0] & (held.sum(axis=1) >= _NODES - 1)
    divisor = np.where(held, total, 1.0)
    hours = lag_s / divisor * (SECOND / HOUR)
    # A missing mean gives way to "no third power": the cubic is then the parabola of the rest.
    matrix = np.where(
        held[:, :, None], hours[:, :, None] ** np.arange(_NODES), np.eye(_NODES)[_NODES - 1]
    )
    matrix[~known] = np.eye(_NODES)
    solved = np.linalg.solve(matrix, np.where(held, level / divisor, 0.0)[:, :, None])[:, :, 0]
    cubic: Floats = np.where(known[:, None], solved, np.nan)
    return cubic
