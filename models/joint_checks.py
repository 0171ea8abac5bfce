"""What every joint detector must keep to; the counterpart of `check_suite` for whole recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.check_suite import CheckFailed, same
from models.detector import Watched
from models.joint import Joint, Recording, advance, shown, until
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


def _fit_until(given: Recording) -> str:
    return text(int(given.measured_at[3 * _FIT]))


def _part(given: Recording, rows: int) -> Recording:
    return replace(
        given,
        place=given.place[:rows],
        measured_at=given.measured_at[:rows],
        value=given.value[:rows],
    )


def check_no_look_ahead(make: MakeJoint) -> None:
    """An input cut at any time gives the same rows up to there, bit for bit."""
    given = recording()
    detector = make(_fit_until(given), TARGET)
    whole, rows = advance(detector, given), shown(detector, given)
    for cut in (3, 3 * _FIT // 2, 3 * _FIT + 6, 3 * 1000):
        part = advance(detector, _part(given, cut))
        same(whole, part, np.flatnonzero(rows < cut), f"cut after {cut} rows")


def check_series_order(make: MakeJoint) -> None:
    """Another order of the columns gives the same."""
    given = recording()
    turned = replace(given, watched=given.watched[::-1], place=2 - given.place)
    order = np.lexsort((turned.place, turned.measured_at))
    turned = replace(turned, place=turned.place[order], value=turned.value[order])
    detector = make(_fit_until(given), TARGET)
    whole = advance(detector, given)
    same(whole, advance(detector, turned), np.arange(len(whole.score)), "columns turned")


def check_training(make: MakeJoint) -> None:
    """Rows up to `fit_until` get no warning, and later rows have scores."""
    given = recording()
    detector = make(_fit_until(given), TARGET)
    outcome = advance(detector, given)
    end = until(_fit_until(given))
    trained = given.measured_at[shown(detector, given)] <= (end or 0)
    if (outcome.level[trained] > Level.GREEN).any():
        raise CheckFailed("a row up to fit_until warns")
    if np.isnan(outcome.score[~trained]).all():
        raise CheckFailed("no row after fit_until has a score")


def check_short(make: MakeJoint) -> None:
    """An input that is too short to learn from is no error: its rows have no score."""
    given = recording()
    outcome = advance(make(_fit_until(given), TARGET), _part(given, 5))
    if not np.isnan(outcome.score).all() or (outcome.level > Level.GREEN).any():
        raise CheckFailed("five rows are judged")


def check_input_is_kept(make: MakeJoint) -> None:
    """The readings given are not written to."""
    given = recording()
    copies = [c.tobytes() for c in (given.place, given.measured_at, given.value)]
    advance(make(_fit_until(given), TARGET), given)
    if [c.tobytes() for c in (given.place, given.measured_at, given.value)] != copies:
        raise CheckFailed("the detector writes to its input")


JOINT_CHECKS: tuple[Callable[[MakeJoint], None], ...] = (
    check_no_look_ahead,
    check_series_order,
    check_training,
    check_short,
    check_input_is_kept,
)
