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

from models.detector import Floats, Rows, Slot, State, spanned
from records.times import HOUR, MINUTE, SECOND

CELL = 5 * MINUTE
_CELLS_AN_HOUR = HOUR // CELL
_NODES = 4
# Cells that a mean may use, counted back from the current one: the two that make ten minutes, then
# those around them, up to half an hour, for slow rates. None is later than the last complete cell.
_NEAR = 2
_BACK = -_CELLS_AN_HOUR * np.arange(_NODES)[:, None] + np.array([-2, -1, -4, -3, 0, 1])
_BACK[0, _NEAR:] = np.arange(-6, -2)
_BACK_S = _BACK * (CELL / SECOND)
_RING = -int(_BACK.min()) + 1
_NO_CELL = -(2**33)  # before all others
_POWERS = np.arange(_NODES)
_UNIT = np.eye(_NODES)
_NO_THIRD = _UNIT[_NODES - 1]
# After a gap of so many cells (an hour) the cubic is worth nothing any more.
_LONG_GAP = 12


def slots() -> dict[str, Slot]:
    """State of one series: sums of three hours' cells, and the cubic of the current one.

    Of a cell's values: their sum, the sum of their seconds since the cell's start, their number.
    """
    return {
        "tide_cell": Slot("int64", (_RING,), _NO_CELL),
        "tide_sums": Slot("float64", (_RING, 3)),
        "tide_newest": Slot("int64", (), _NO_CELL),
        "tide_newest_sums": Slot("float64", (3,)),
        "tide_cubic": Slot("float64", (_NODES,), np.nan),
        "tide_cubic_cell": Slot("int64", (), _NO_CELL),
        "tide_recent": Slot(),
    }


def predicted(rows: Rows, state: State) -> Floats:
    """The tide at each row's time from what `keep` was told before its cell, in the unit kept.

    NaN while the newest mean or two of the older ones are missing.
    """
    cell = rows.measured_at // CELL
    (stale,) = (state["tide_cubic_cell"][rows.span] != cell).nonzero()
    if len(stale):
        at, cell = rows.at[stale], cell[stale]
        span = spanned(at)
        newest = state["tide_newest"][span]
        place = newest % _RING
        state["tide_cell"][at, place] = newest
        state["tide_sums"][at, place] = state["tide_newest_sums"][span]
        state["tide_cubic"][span], state["tide_recent"][span] = _cubic(at, cell, state)
        state["tide_cubic_cell"][span] = cell
    return extrapolated(rows, state)


def extrapolated(rows: Rows, state: State) -> Floats:
    """The tide by the cubic that `predicted` made last, however long ago; NaN where it had none."""
    hours = (rows.measured_at - state["tide_cubic_cell"][rows.span] * CELL) / HOUR
    level, first, second, third = state["tide_cubic"][rows.span].T
    tide: Floats = level + hours * (first + hours * (second + hours * third))
    return tide


def recent(rows: Rows, state: State) -> Floats:
    """How many values the six cells before the current one hold (half an hour).

    As of the last call of `predicted`.
    """
    counts: Floats = state["tide_recent"][rows.span]
    return counts


def keep(rows: Rows, value: Floats, state: State) -> None:
    """Let a value count in later predictions (NaN: none); after a long gap none of before does.

    `predicted` must have been called with the same rows before.
    """
    (known,) = np.isfinite(value).nonzero()
    if len(known) < len(value):
        if not len(known):
            return
        rows, value = rows.take(known), value[known]
    cell = rows.measured_at // CELL
    newest, sums = state["tide_newest"][rows.span], state["tide_newest_sums"][rows.span]
    ahead = cell - newest
    (new,) = ahead.nonzero()
    if len(new):
        (gap,) = (ahead > _LONG_GAP).nonzero()
        if len(gap):
            forget(rows.at[gap], state)
        sums[spanned(new)] = 0.0
        state["tide_newest"][rows.span] = cell
    sums[:, 0] += value
    sums[:, 1] += (rows.measured_at - cell * CELL) / SECOND
    sums[:, 2] += 1.0
    state["tide_newest_sums"][rows.span] = sums


def shift(at: NDArray[np.intp], by: Floats, state: State) -> None:
    """Move what was kept to another datum, `by` higher."""
    state["tide_sums"][at, :, 0] += state["tide_sums"][at, :, 2] * by[:, None]
    state["tide_newest_sums"][at, 0] += state["tide_newest_sums"][at, 2] * by
    state["tide_cubic"][at, 0] += by


def forget(at: NDArray[np.intp], state: State) -> None:
    """Begin anew: what was kept is of no use any more."""
    state["tide_cell"][at] = _NO_CELL
    state["tide_newest"][at] = _NO_CELL
    state["tide_cubic"][at] = np.nan


def _cubic(at: NDArray[np.intp], cell: NDArray[np.int64], state: State) -> tuple[Floats, Floats]:
    """Coefficients (rows, 4) over hours since the start of `cell`; NaN where it can't be known.

    And how many values the last half hour holds.
    """
    wanted = cell[:, None, None] + _BACK
    place, rows = wanted % _RING, at[:, None, None]
    sums = state["tide_sums"][rows, place]
    sums[state["tide_cell"][rows, place] != wanted] = 0.0
    sums[..., 1] += sums[..., 2] * _BACK_S
    recently = np.add.reduce(sums[:, 0, :, 2], axis=1)
    # Of each node, in columns: sum, seconds, number.
    nodes = np.add.reduce(sums[:, :, :_NEAR], axis=2)
    if np.count_nonzero(nodes[..., 2]) < nodes[..., 2].size:
        wide = nodes + np.add.reduce(sums[:, :, _NEAR:], axis=2)
        nodes = np.where(nodes[..., 2:] > 0, nodes, wide)
    number = np.maximum(nodes[..., 2], 1.0)
    hours = nodes[..., 1] / number * (SECOND / HOUR)
    matrix = hours[:, :, None] ** _POWERS
    held = nodes[..., 2] > 0
    unknown: NDArray[np.intp] | None = None
    if np.count_nonzero(held) < held.size:
        # A missing mean gives way to "no third power": the cubic is then the parabola of the rest.
        matrix[~held] = _NO_THIRD
        enough = held[:, 0] & (np.add.reduce(held, axis=1) >= _NODES - 1)
        (unknown,) = (~enough).nonzero()
        matrix[unknown] = _UNIT
    cubic = np.linalg.solve(matrix, (nodes[..., 0] / number)[:, :, None])[:, :, 0]
    if unknown is not None:
        cubic[unknown] = np.nan
    return cubic, recently
