"""What every joint detector must keep to; the counterpart of `check_suite` for whole recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec.structs import replace as replaced
from numpy.typing import NDArray

from models.artefacts import LEAST_KEY_BYTES
from models.bank import Outcome
from models.binding import Binding
from models.check_suite import (
    CheckFailed,
    joined,
    refuse_card,
    refuse_other_limits,
    same,
)
from models.detector import Watched
from models.joint import Joint, Recording, until
from models.learned import Learned, sealed
from models.runner import Runner
from models.samples import size_of
from models.tenths import Tenths
from records.errors import ArtefactRefused
from records.levels import Level
from records.quantities import QUANTITIES
from records.settings import Secret
from records.times import DAY, SECOND, text

MakeJoint = Callable[[str, str], Joint]
"""A detector from `fit_until` and the id of its target."""

_ROWS, _FIT = 1200, 700
_STEP = 3600 * SECOND
_START = 20_000 * DAY
_EVENT = 40
TARGET = "down"


def maker(kind: type[Joint]) -> MakeJoint:
    """Detectors of a kind, with whatever of a forecast's parameters it has."""
    return lambda fit_until, target: kind(**parameters(kind, fit_until, target))


def parameters(kind: type[Joint], fit_until: str, target: str) -> dict[str, Any]:
    """Those that the kind has: a threshold half way to something large, little training."""
    usual, large = size_of(_quantity(kind))
    given = {
        "fit_until": fit_until,
        "target": target,
        "threshold": usual + 0.5 * large,
        "horizon_s": 10800.0,
        "trees": 8,
    }
    return {name: given[name] for name in kind.parameters() if name in given}


def _quantity(kind: type[Joint]) -> str:
    """What the target measures: stage where the detector takes that."""
    wanted = sorted(kind.quantities - {"rain"})
    return "stage" if "stage" in wanted or not wanted else wanted[0]


def recording(
    seed: int = 1, quantities: Sequence[str] = ("stage", "rain", "stage"), event: bool = False
) -> Recording:
    """Hourly values at two places, the upper one three hours ahead, and of a third series, rain
    or what moves with the lower one; with a gap.

    event  the lower one rises far above all it ever was in the last rows, and no other does
    """
    random = np.random.default_rng(seed)
    sizes = np.array([size_of(quantity) for quantity in quantities])
    rain = random.gamma(0.05, 8.0, _ROWS)
    up = -0.5 + np.convolve(rain, 0.02 * 0.9 ** np.arange(60))[:_ROWS]
    down = np.r_[up[:3], up[:-3]] + 0.005 * random.standard_normal(_ROWS)
    third = down + 0.005 * random.standard_normal(_ROWS)
    upper = up + 0.005 * random.standard_normal(_ROWS)
    if event:
        down[-_EVENT:] += 2.0
    # Within a third of what is large, so that nothing that is never negative becomes so.
    scale = 1.0 if "rain" in quantities else 0.3
    columns = sizes[:, :1] + scale * sizes[:, 1:] * np.stack([down, third, upper])
    if quantities[1] == "rain":
        columns[1] = rain
    at = np.arange(_ROWS) + np.where(np.arange(_ROWS) > _ROWS // 3, 30, 0)
    watched = tuple(
        Watched(id=id_, quantity=quantity, unit=QUANTITIES[quantity].unit)
        for id_, quantity in zip((TARGET, quantities[1], "up"), quantities, strict=True)
    )
    return Recording(
        watched,
        np.tile(np.arange(3), _ROWS),
        np.repeat(_START + at * _STEP, 3).astype(np.int64),
        columns.T.ravel(),
    )


def given_to(make: MakeJoint, event: bool = False) -> Recording:
    """A recording with what the detector needs."""
    kind = type(make("", TARGET))
    quantity = _quantity(kind)
    return recording(quantities=kind.sample or (quantity, "rain", quantity), event=event)


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
    given = given_to(make)
    whole = run(make(fit_until(given), TARGET), given)
    for cut in (3, 3 * _FIT // 2, 3 * _FIT + 6, 3 * 1000):
        part = run(make(fit_until(given), TARGET), given.take(slice(cut)))
        rows = np.flatnonzero(times(given) <= given.measured_at[cut - 1])
        same(whole, part, rows, f"cut after {cut} rows")


def check_batch_size(make: MakeJoint) -> None:
    """One time after the other, or some at a time, gives the same as all at once."""
    given = given_to(make)
    whole = run(make(fit_until(given), TARGET), given)
    every = np.arange(len(whole.score))
    singly = range(3 * _FIT - 30, 3 * _FIT + 300, 3)
    for cuts, what in ((singly, "a time each"), ((3, 2400, 2403, 3000), "five batches")):
        part = run(make(fit_until(given), TARGET), given, cuts)
        same(whole, part, every, f"judged in {what}")


def check_state(make: MakeJoint) -> None:
    """Saved and loaded at any time, it goes on bit for bit, and saves the same bytes."""
    given = given_to(make)
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
    given = given_to(make)
    turned = replace(given, watched=given.watched[::-1], place=2 - given.place)
    turned = turned.take(np.lexsort((turned.place, turned.measured_at)))
    whole = run(make(fit_until(given), TARGET), given)
    other = run(make(fit_until(given), TARGET), turned)
    same(whole, other, np.arange(len(whole.score)), "columns turned")


def check_names(make: MakeJoint) -> None:
    """Other names, in another order, give the same but for the last digits of sums."""
    given = given_to(make)
    ids = sorted(w.id for w in given.watched)
    new = dict(zip(ids, sorted((f"x{i}" for i in range(len(ids))), reverse=True), strict=True))
    renamed = replace(given, watched=tuple(replaced(w, id=new[w.id]) for w in given.watched))
    whole = run(make(fit_until(given), TARGET), given)
    other = run(make(fit_until(given), new[TARGET]), renamed)
    if not np.array_equal(whole.level, other.level):
        raise CheckFailed("levels depend on the names of series")
    if not np.allclose(whole.score, other.score, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise CheckFailed("scores depend on the names of series")


def check_training(make: MakeJoint) -> None:
    """Rows up to `fit_until` get no warning, and later rows have scores."""
    given = given_to(make)
    outcome = run(make(fit_until(given), TARGET), given)
    trained = times(given) <= (until(fit_until(given)) or 0)
    if (outcome.level[trained] > Level.GREEN).any():
        raise CheckFailed("a row up to fit_until warns")
    if np.isnan(outcome.score[~trained]).all():
        raise CheckFailed("no row after fit_until has a score")


def check_short(make: MakeJoint) -> None:
    """An input that is too short to learn from is no error, and warns of nothing."""
    given = given_to(make)
    outcome = run(make(fit_until(given), TARGET), given.take(slice(6)))
    if not np.isnan(outcome.score).all() or (outcome.level > Level.GREEN).any():
        raise CheckFailed("two times are judged")


def check_gaps(make: MakeJoint) -> None:
    """A series that ends, or was never there, is no error; no score is infinite."""
    given = given_to(make)
    for left in (given.place != 2, (given.place != 1) | (given.measured_at < times(given)[900])):
        outcome = run(make(fit_until(given), TARGET), given.take(left))
        if np.isinf(outcome.score).any() or np.isinf(outcome.p_value).any():
            raise CheckFailed("a score or p-value is infinite where a series is missing")


def check_input_is_kept(make: MakeJoint) -> None:
    """The readings given are not written to."""
    given = given_to(make)
    copies = [c.tobytes() for c in (given.place, given.measured_at, given.value)]
    try:
        run(make(fit_until(given), TARGET), given)
    except ValueError as error:
        if "read-only" in str(error):
            raise CheckFailed("the detector writes to its input") from error
        raise
    if [c.tobytes() for c in (given.place, given.measured_at, given.value)] != copies:
        raise CheckFailed("the detector writes to its input")


def check_card(make: MakeJoint) -> None:
    """As `check_suite.check_card`; `memory_s` is not negative."""
    detector = make("", TARGET)
    refuse_card(detector, [Watched(id=TARGET)])
    if not detector.memory_s >= 0 or not detector.training_s >= 0:
        raise CheckFailed("memory_s and training_s must be 0 or more")


def check_sign(make: MakeJoint) -> None:
    """What was never seen in the training part scores higher than what was."""
    given = given_to(make, event=True)
    score = run(make(fit_until(given), TARGET), given).score
    quiet, event = score[_FIT + 1 : -_EVENT], score[-_EVENT:]
    if np.isnan(event).all() or not np.nanmean(event) > np.nanmean(quiet):
        raise CheckFailed("an event scores no higher than the quiet before")


def check_constant(make: MakeJoint) -> None:
    """A constant input warns of nothing, and p-values are chances."""
    given = given_to(make)
    detector = make(fit_until(given), TARGET)
    usual = np.array(
        [0.0 if w.quantity == "rain" else size_of(w.quantity)[0] for w in given.watched]
    )
    outcome = run(detector, replace(given, value=usual[given.place]))
    if (outcome.level > Level.GREEN).any() or np.isinf(outcome.score).any():
        raise CheckFailed("a constant input warns, or has an infinite score")
    p_value = run(detector, given).p_value
    if ((p_value < 0) | (p_value > 1)).any():
        raise CheckFailed("a p-value is outside 0 to 1")


def check_threshold(make: MakeJoint) -> None:
    """As `check_suite.check_threshold`: limits are not fitted on the part that is judged."""
    given = given_to(make)
    detector = make(fit_until(given), TARGET)
    shown = [w for w in given.watched if w.id == TARGET]
    before = detector.limits(shown)
    first = run(detector, given)
    refuse_other_limits(before, detector.limits(shown))
    same(first, run(detector, given), np.arange(len(first.score)), "shown the same twice")


def check_trained(make: MakeJoint) -> None:
    """What `fit` returns is what `learns` says, and an artefact of it can be made and opened."""
    given = given_to(make)
    detector = make(fit_until(given), TARGET)
    at = until(fit_until(given)) or 0
    recording = given.take(given.measured_at <= at)
    model = detector.fit(recording, at)
    if detector.learns is None:
        if model is not True:
            raise CheckFailed("the detector learns, and `learns` does not say what")
        return
    if not isinstance(model, detector.learns):
        raise CheckFailed(f"fit gives a {type(model).__name__}, not what `learns` says")
    learned = Learned(Binding(detector, given.watched), model, Tenths.of(np.arange(10.0)))
    try:
        sealed(learned, recording, "train it", Secret("k" * LEAST_KEY_BYTES))
    except (ArtefactRefused, TypeError) as error:
        raise CheckFailed(f"no artefact of its model: {error}") from error


JOINT_CHECKS: tuple[Callable[[MakeJoint], None], ...] = (
    check_card,
    check_no_look_ahead,
    check_batch_size,
    check_state,
    check_series_order,
    check_names,
    check_training,
    check_short,
    check_gaps,
    check_sign,
    check_constant,
    check_threshold,
    check_trained,
    check_input_is_kept,
)
