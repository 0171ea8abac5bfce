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

from models.detector import NEVER, Floats, Places, Rows, Slot, State, spanned
from records.times import HOUR, MINUTE

CELL = 5 * MINUTE
# As arrays, which numpy takes faster than Python's numbers.
_CELL, _HOUR = np.array(CELL), np.array(float(HOUR))
_AN_HOUR = HOUR // CELL
_CELL_H = CELL / HOUR
_NODES = 4
_AGE_H = np.arange(float(_NODES))
# A cell's place is its age in cells, 0 that of the current one. A mean takes the two that make ten
# minutes; at slow rates, where these are empty, those around them, up to half an hour. None is
# later than the last complete cell.
_CELLS = _AN_HOUR * (_NODES - 1) + 5
_AROUND = _AN_HOUR * np.arange(_NODES)[:, None] + np.array([3, 4, 0, -1])
_AROUND[0] = 3, 4, 5, 6
_AROUND_H = _AROUND * _CELL_H - _AGE_H[:, None]
_RECENT = slice(1, 7)
_NO_CELL = -(2**33)  # before all others
# After a gap of so many cells (an hour) the cubic is worth nothing any more.
_LONG_GAP = 12


def slots() -> dict[str, Slot]:
    """State of one series: sums of three hours' cells, and the cubic of the current one.

    Of a cell's values: their sum, the sum of their hours since the cell's start, their number. The
    cubic has Newton's form: the newest node's level, divided differences, three nodes' hours.
    """
    return {
        "tide_cell": Slot("int64", (), _NO_CELL),
        "tide_hours": Slot(),
        "tide_sums": Slot("float64", (_CELLS, 3)),
        "tide_newest": Slot("int64", (), _NO_CELL),
        "tide_held_at": Slot("int64", (), NEVER),
        "tide_cubic": Slot("float64", (_NODES,), np.nan),
        "tide_nodes": Slot("float64", (_NODES - 1,), np.nan),
    }


def predicted(rows: Rows, state: State) -> Floats:
    """The tide at each row's time from what `keep` was told before its cell, in the unit kept.

    NaN while the newest mean or two of the older ones are missing.
    """
    span, cell = rows.span, rows.measured_at // _CELL
    passed = cell - state["tide_cell"][span]
    (stale,) = passed.nonzero()
    if len(stale):
        state["tide_cell"][span] = cell
        at = rows.at[stale]
        _move_on(at, passed[stale], state)
        _fit(at, state)
    hours = (rows.measured_at - cell * _CELL) / _HOUR
    state["tide_hours"][span] = hours
    return _level(span, hours, state)


def extrapolated(rows: Rows, state: State) -> Floats:
    """The tide by the cubic that `predicted` made last, however long ago; NaN where it had none."""
    span = rows.span
    hours = (rows.measured_at - state["tide_cell"][span] * _CELL) / _HOUR
    return _level(span, hours, state)


def recent(rows: Rows, state: State) -> Floats:
    """How many values the six cells before that of the last prediction hold (half an hour)."""
    counts: Floats = np.add.reduce(state["tide_sums"][rows.span, _RECENT, 2], axis=1)
    return counts


def keep(rows: Rows, value: Floats, state: State) -> None:
    """Let a value count in later predictions (NaN: none); after a long gap none of before does.

    `predicted` must have been called with the same rows before.
    """
    span, hours = rows.span, state["tide_hours"][rows.span]
    (known,) = np.isfinite(value).nonzero()
    if len(known) < len(value):
        if not len(known):
            return
        span, value, hours = spanned(rows.at[known]), value[known], hours[known]
    now = state["tide_sums"][span, 0]
    total, since, number = now.T
    total += value
    since += hours
    number += 1.0
    state["tide_sums"][span, 0] = now
    state["tide_newest"][span] = state["tide_cell"][span]


def shift(at: NDArray[np.intp], by: Floats, state: State) -> None:
    """Move what was kept to another datum, `by` higher."""
    state["tide_sums"][at, :, 0] += state["tide_sums"][at, :, 2] * by[:, None]
    state["tide_cubic"][at, 0] += by


def forget(at: NDArray[np.intp], state: State) -> None:
    """Begin anew: what was kept is of no use any more."""
    state["tide_sums"][at] = 0.0
    state["tide_newest"][at] = _NO_CELL
    state["tide_cubic"][at] = np.nan


def forget_lost(rows: Rows, off: NDArray[np.bool_], longest: int, state: State) -> NDArray[np.intp]:
    """Begin anew where readings have been off the tide for longer (us); the places of these."""
    held_at = rows.measured_at
    (lost,) = off.nonzero()
    if len(lost):
        held_at = held_at.copy()
        held_at[lost] = state["tide_held_at"][rows.at[lost]]
        (lost,) = (rows.measured_at - held_at > longest).nonzero()
        if len(lost):
            forget(rows.at[lost], state)
            held_at[lost] = rows.measured_at[lost]
    state["tide_held_at"][rows.span] = held_at
    return rows.at[lost]


def _level(span: Places, hours: Floats, state: State) -> Floats:
    level, first, second, third = state["tide_cubic"][span].T
    newest, middle, oldest = (hours[:, None] - state["tide_nodes"][span]).T
    tide: Floats = level + newest * (first + middle * (second + oldest * third))
    return tide


def _move_on(at: NDArray[np.intp], passed: NDArray[np.int64], state: State) -> None:
    """Move the cells to their places after so many more, and make the new ones empty."""
    passed = np.minimum(passed, _CELLS)
    steps = set(passed.tolist())
    for step in steps:
        span = spanned(at if len(steps) == 1 else at[passed == step])
        sums = state["tide_sums"][span]
        sums[:, step:] = sums[:, :-step]
        sums[:, :step] = 0.0
        state["tide_sums"][span] = sums


def _fit(at: NDArray[np.intp], state: State) -> None:
    """The cubic over hours since the start of the current cell; NaN where it can't be known."""
    span = spanned(at)
    sums = state["tide_sums"][span]
    newer, older = sums[:, 1::_AN_HOUR], sums[:, 2::_AN_HOUR]
    nodes = newer + older
    number = nodes[..., 2]
    # Hours since an hour that begins with the current cell, or one, two, three hours before.
    hours = nodes[..., 1]
    hours -= (number + older[..., 2]) * _CELL_H
    if np.count_nonzero(number) < number.size:
        _fit_sparse(at, sums, nodes, state)
        return
    points = nodes[..., :2] / nodes[..., 2:]
    hours = points[..., 1]
    hours -= _AGE_H
    state["tide_cubic"][span], state["tide_nodes"][span] = _newton(points)


def _fit_sparse(at: NDArray[np.intp], sums: Floats, nodes: Floats, state: State) -> None:
    """The same where ten minutes may be empty; a parabola where one of the older means is missing.

    Where nothing was kept for too long, what was before is forgotten.
    """
    around = sums[:, _AROUND]
    around[..., 1] -= around[..., 2] * _AROUND_H
    nodes = np.where(nodes[..., 2:] > 0, nodes, np.add.reduce(around, axis=2))
    held = nodes[..., 2] > 0
    points = nodes[..., :2] / np.maximum(nodes[..., 2:], 1.0)
    points[..., 1] -= _AGE_H
    # A missing mean comes last, where it says nothing but the third power.
    order = np.argsort(~held, axis=1, kind="stable")
    cubic, hours = _newton(np.take_along_axis(points, order[:, :, None], axis=1))
    number = np.add.reduce(held, axis=1)
    cubic[number == _NODES - 1, _NODES - 1] = 0.0
    cubic[(number < _NODES - 1) | ~held[:, 0]] = np.nan
    state["tide_cubic"][at], state["tide_nodes"][at] = cubic, hours
    gap = at[state["tide_cell"][at] - state["tide_newest"][at] > _LONG_GAP]
    forget(gap, state)


def _newton(points: Floats) -> tuple[Floats, Floats]:
    """Divided differences (rows, 4) through points (rows, 4, level and hours), and their hours.

    Newton's form: each column multiplies the distances from all nodes of the columns before.
    """
    hours = points[..., 1]
    apart = points[:, 1:] - points[:, :-1]
    first = apart[..., 0] / apart[..., 1]
    second = (first[:, 1:] - first[:, :-1]) / (hours[:, 2:] - hours[:, :-2])
    third = (second[:, 1:] - second[:, :-1]) / (hours[:, 3:] - hours[:, :-3])
    cubic = np.concatenate([points[:, :1, 0], first[:, :1], second[:, :1], third], axis=1)
    return cubic, hours[:, :-1]
