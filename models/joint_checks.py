"""What every joint detector must keep to; the counterpart of `check_suite` for whole recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.bank import Outcome
from models.check_suite import CheckFailed, joined, same
from models.detector import Watched
from models.joint import Joint, Recording, until
from models.runner import Runner
from records.levels import Level
from records.times import DAY, SECOND, text

MakeJoint = Callable[[str, str], Joint]
"""A detector from `fit_until` and the id of its target."""

_ROWS, _FIT = 1200, 700
_STEP = 3600 * SECOND
_START = 20_000 * DAY
TARGET = "down"


def recording(seed: int = 1) -> Recording:
    """Hourly stage at two places, the upper one three hours ahead, and rain; with a gap."""
    random = np.random.default_rng(seed)
    rain = random.gamma(0.05, 8.0, _ROWS)
    up = 1.0 + np.convolve(rain, 0.04 * 0.9 ** np.arange(60))[:_ROWS]
    down = np.r_[up[:3], up[:-3]] + 0.01 * random.standard_normal(_ROWS)
    columns = np.stack([down, rain, up + 0.01 * random.standard_normal(_ROWS)])
    at = np.arange(_ROWS) + np.where(np.arange(_ROWS) > _ROWS // 3, 30, 0)
    watched = (
        Watched(id=TARGET, quantity="stage", unit="m"),
        Watched(id="rain", quantity="rain", unit="mm"),
        Watched(id="up", quantity="stage", unit="m"),
    )
    return Recording(
        watched,
        np.tile(np.arange(3), _ROWS),
        np.repeat(_START + at * _STEP, 3).astype(np.int64),
        columns.T.ravel(),
    )


def fit_until(given: Recording) -> str:
    return text(int(given.measured_at[3 * _FIT]))


def times(given: Recording) -> NDArray[np.int64]:
    """Of the rows that are shown: each series has one a time."""
    return np.unique(given.measured_at)


def run(detector: Joint, given: Recording, cuts: Sequence[int] = ()) -> Outcome:
    """The outcome of a recording from a fresh start, judged after each of the `cuts` (rows that
    are cut behind a whole time) and at the end."""
    runner = Runner(detector, given.watched)
    parts = [advance(runner, given, a, b) for a, b in _pieces(given, cuts)]
    edges = np.cumsum([0, *(len(part.score) for part in parts)])
    return joined([(edges[i] + np.arange(len(p.score)), p) for i, p in enumerate(parts)])


def advance(runner: Runner, given: Recording, first: int, end: int) -> Outcome:
    """Add rows first to end-1 and judge them."""
    rows = slice(first, end)
    runner.add(given.place[rows], given.measured_at[rows], given.value[rows])
    return runner.judge(int(given.measured_at[end - 1]))[1]


def _pieces(given: Recording, cuts: Sequence[int]) -> list[tuple[int, int]]:
    edges = [0, *cuts, len(given.place)]
    return list(pairwise(edges))


def check_no_look_ahead(make: MakeJoint) -> None:
    """An input cut at any time gives the same rows up to there, bit for bit."""
    given = recording()
    whole = run(make(fit_until(given), TARGET), given)
    for cut in (3, 3 * _FIT // 2, 3 * _FIT + 6, 3 * 1000):
        part = run(make(fit_until(given), TARGET), given.take(slice(cut)))
        rows = np.flatnonzero(times(given) <= given.measured_at[cut - 1])
        same(whole, part, rows, f"cut after {cut} rows")


def check_batch_size(make: MakeJoint) -> None:
    """One time after the other, or some at a time, gives the same as all at once."""
    given = recording()
    whole = run(make(fit_until(given), TARGET), given)
    every = np.arange(len(whole.score))
    singly = range(3 * _FIT - 30, 3 * _FIT + 300, 3)
    for cuts, what in ((singly, "a time each"), ((3, 2400, 2403, 3000), "five batches")):
        part = run(make(fit_until(given), TARGET), given, cuts)
        same(whole, part, every, f"judged in {what}")


def check_state(make: MakeJoint) -> None:
    """Saved and loaded at any time, it goes on bit for bit, and saves the same bytes."""
    given = recording()
    whole = run(make(fit_until(given), TARGET), given)
    for cut in (3, 3 * _FIT + 3, 3 * 900):
        first, second = (Runner(make(fit_until(given), TARGET), given.watched) for _ in range(2))
        head = advance(first, given, 0, cut)
        second.load(first.save())
        if second.save() != first.save():
            raise CheckFailed(f"state after {cut} rows is not the same when loaded")
        tail = advance(second, given, cut, len(given.place))
        count = len(head.score)
        parts = [(np.arange(count), head), (count + np.arange(len(tail.score)), tail)]
        same(whole, joined(parts), np.arange(len(whole.score)), f"resumed after {cut} rows")
        advance(first, given, cut, len(given.place))
        if second.save() != first.save():
            raise CheckFailed(f"resumed after {cut} rows it saves other bytes in the end")


def check_series_order(make: MakeJoint) -> None:
    """Another order of the columns gives the same."""
    given = recording()
    turned = replace(given, watched=given.watched[::-1], place=2 - given.place)
    turned = turned.take(np.lexsort((turned.place, turned.measured_at)))
    whole = run(make(fit_until(given), TARGET), given)
    other = run(make(fit_until(given), TARGET), turned)
    same(whole, other, np.arange(len(whole.score)), "columns turned")


def check_training(make: MakeJoint) -> None:
    """Rows up to `fit_until` get no warning, and later rows have scores."""
    given = recording()
    outcome = run(make(fit_until(given), TARGET), given)
    trained = times(given) <= (until(fit_until(given)) or 0)
    if (outcome.level[trained] > Level.GREEN).any():
        raise CheckFailed("a row up to fit_until warns")
    if np.isnan(outcome.score[~trained]).all():
        raise CheckFailed("no row after fit_until has a score")


def check_short(make: MakeJoint) -> None:
    """An input that is too short to learn from is no error, and warns of nothing."""
    given = recording()
    outcome = run(make(fit_until(given), TARGET), given.take(slice(6)))
    if not np.isnan(outcome.score).all() or (outcome.level > Level.GREEN).any():
        raise CheckFailed("two times are judged")


def check_gaps(make: MakeJoint) -> None:
    """A series that ends, or was never there, is no error; no score is infinite."""
    given = recording()
    for left in (given.place != 2, (given.place != 1) | (given.measured_at < times(given)[900])):
        outcome = run(make(fit_until(given), TARGET), given.take(left))
        if np.isinf(outcome.score).any() or np.isinf(outcome.p_value).any():
            raise CheckFailed("a score or p-value is infinite where a series is missing")


def check_input_is_kept(make: MakeJoint) -> None:
    """The readings given are not written to."""
    given = recording()
    copies = [c.tobytes() for c in (given.place, given.measured_at, given.value)]
    try:
        run(make(fit_until(given), TARGET), given)
    except ValueError as error:
        if "read-only" in str(error):
            raise CheckFailed("the detector writes to its input") from error
        raise
    if [c.tobytes() for c in (given.place, given.measured_at, given.value)] != copies:
        raise CheckFailed("the detector writes to its input")


JOINT_CHECKS: tuple[Callable[[MakeJoint], None], ...] = (
    check_no_look_ahead,
    check_batch_size,
    check_state,
    check_series_order,
    check_training,
    check_short,
    check_gaps,
    check_input_is_kept,
)
