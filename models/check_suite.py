"""What every detector must keep to, whoever wrote it; as scikit-learn's `check_estimator`.

Each check raises `CheckFailed` with one line that says what is wrong. `check_detector` runs all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.bank import Bank, Outcome
from models.detector import Detector, Limits, Watched
from models.samples import EVENT_FROM, Sample, sample, series_of, size_of
from records.levels import Level
from records.network import SLUG
from records.quantities import QUANTITIES
from records.times import DAY, SECOND

Make = Callable[[], Detector]


class CheckFailed(AssertionError):
    """A detector breaks a rule; the text says which and how."""


def run(detector: Detector, given: Sample, size: int | None = None) -> Outcome:
    """Score a sample from a fresh start, in batches of `size` rows (all at once if None)."""
    bank = Bank(detector, given.watched)
    size = size or max(len(given), 1)
    cuts = [np.arange(i, min(i + size, len(given))) for i in range(0, len(given), size)]
    return joined([(cut, advance(bank, given.take(cut))) for cut in cuts])


def advance(bank: Bank, given: Sample) -> Outcome:
    return bank.advance(given.place, given.measured_at, given.value)


def joined(parts: Sequence[tuple[NDArray[np.intp], Outcome]]) -> Outcome:
    """One outcome of several, each with the rows it is about."""

    def column(name: str) -> Any:
        return np.concatenate([getattr(outcome, name) for _, outcome in parts])

    crossings = [(int(rows[row]), c, said) for rows, o in parts for row, c, said in o.crossings]
    return Outcome(column("scored"), column("score"), column("p_value"), column("level"), crossings)


def same(one: Outcome, other: Outcome, rows: NDArray[np.intp], what: str) -> None:
    """Rows of the one are, in order, all rows of the other, bit for bit. Raises CheckFailed."""
    for name in ("scored", "score", "p_value", "level"):
        ours, theirs = getattr(one, name)[rows], getattr(other, name)
        for row in np.flatnonzero(~_same_bits(ours, theirs))[:1].tolist():
            raise CheckFailed(f"{what}: {name} of row {row} is {ours[row]!r} or {theirs[row]!r}")
    kept = {int(row): index for index, row in enumerate(rows)}
    ours_said = [(kept[r], c, s) for r, c, s in one.crossings if r in kept]
    if [_comparable(c) for c in ours_said] != [_comparable(c) for c in other.crossings]:
        raise CheckFailed(f"{what}: the changes of level are explained differently")


def _same_bits(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns agree; of zeros also in their sign. NaN is NaN, whatever made it."""
    unknown = (ours != ours) & (theirs != theirs)
    agree: NDArray[np.bool_] = (ours == theirs) & (np.signbit(ours) == np.signbit(theirs))
    same_bits: NDArray[np.bool_] = agree | unknown
    return same_bits


def _comparable(crossing: tuple[int, Any, Any]) -> str:
    row, change, said = crossing
    # The place of a series may differ between the two; everything that is said may not.
    return repr((row, replace(change, at=0), said))


def _every(given: Sample) -> NDArray[np.intp]:
    return np.arange(len(given))


def check_card(make: Make) -> None:
    """Plain parameters, a name, known quantities, ordered limits and a card are there."""
    detector = make()
    refuse_card(detector, series_of(detector))


def refuse_card(detector: Detector, watched: Sequence[Watched]) -> None:
    """Raise CheckFailed for a card or limits that are not as they must be."""
    if not re.fullmatch(SLUG, detector.name):
        raise CheckFailed(f"the name {detector.name!r} is no slug")
    if not detector.quantities <= QUANTITIES.keys():
        raise CheckFailed(f"unknown quantities: {sorted(detector.quantities - QUANTITIES.keys())}")
    if "Null:" not in detector.card or len(detector.card) < 100:
        raise CheckFailed("the card must say purpose, method, null (`Null:`) and limits of use")
    if repr(type(detector)(**detector.get_params())) != repr(detector):
        raise CheckFailed("the constructor must store its parameters as they are given")
    limits = detector.limits(watched)
    up, keep = limits.up, limits.keep
    ordered = np.diff(np.where(np.isinf(up), np.nan, up), axis=1)
    if up.shape != keep.shape or up.shape[1:] != (3,) or (keep > up).any() or (ordered < 0).any():
        raise CheckFailed("limits must have shape (series, 3), not fall, and keep below up")


def check_no_look_ahead(make: Make) -> None:
    """An input cut at any row gives the same rows up to there."""
    given = sample(make())
    whole = run(make(), given)
    for cut in np.linspace(1, len(given), 7, dtype=int):
        part = given.take(np.arange(cut))
        same(whole, run(make(), part), np.arange(cut), f"cut after {cut} rows")


def check_batch_size(make: Make) -> None:
    """One row at a time, seven at a time or all at once give the same: a step equals a batch."""
    given = sample(make())
    whole = run(make(), given)
    for size in (1, 7):
        same(whole, run(make(), given, size), _every(given), f"batches of {size}")


def check_series_order(make: Make) -> None:
    """Another order of the series gives the same, and so does each series alone."""
    given = sample(make())
    whole = run(make(), given)
    turned = np.arange(len(given.watched))[::-1]
    other = replace(given, watched=given.watched[::-1], place=turned[given.place])
    same(whole, run(make(), other), _every(given), "series in another order")
    for place, watched in enumerate(given.watched):
        rows = np.flatnonzero(given.place == place)
        alone = replace(given.take(rows), watched=(watched,), place=np.zeros(len(rows), np.intp))
        same(whole, run(make(), alone), rows, f"series {watched.id} alone")


def check_repeats(make: Make) -> None:
    """A reading that comes again, also much later, counts once and changes nothing."""
    given = sample(make())
    random = np.random.default_rng(2)
    again = np.sort(np.concatenate([_every(given), random.integers(0, len(given), 40)]))
    late = np.concatenate([again, random.integers(0, len(given), 40)])
    first = np.unique(late, return_index=True)[1]
    _only(make, given, late, first, "repeats")


def check_disorder(make: Make) -> None:
    """A reading that is older than one before of its series is left out."""
    given = sample(make())
    random = np.random.default_rng(3)
    mixed = np.argsort(_every(given) + random.uniform(0, 30, len(given)), kind="stable")
    newest: dict[int, int] = {}
    kept = []
    for index, row in enumerate(mixed.tolist()):
        place, at = int(given.place[row]), int(given.measured_at[row])
        if at > newest.get(place, -1):
            newest[place] = at
            kept.append(index)
    _only(make, given, mixed, np.array(kept), "disorder")


def _only(
    make: Make, given: Sample, rows: NDArray[np.intp], counted: NDArray[np.intp], what: str
) -> None:
    """Of `rows` of the sample those at `counted` give what they give alone, the rest nothing."""
    outcome = run(make(), given.take(rows))
    if int(outcome.scored.sum()) != len(counted):
        raise CheckFailed(f"{what}: a row that does not count was scored")
    same(outcome, run(make(), given.take(rows[counted])), counted, what)


def check_gaps(make: Make) -> None:
    """Missing stretches give no infinities, and nothing before them changes."""
    given = sample(make())
    middle = len(given) // 2
    rows = np.concatenate([np.arange(middle), np.arange(middle + len(given) // 4, len(given))])
    outcome = run(make(), given.take(rows))
    if np.isinf(outcome.score).any() or np.isinf(outcome.p_value).any():
        raise CheckFailed("a score or p-value is infinite after a gap")
    same(outcome, run(make(), given.take(rows[:middle])), np.arange(middle), "before a gap")


def check_constant(make: Make) -> None:
    """A constant input that is not over any limit warns of nothing, and p-values are chances."""
    given = sample(make())
    usual = np.array([size_of(w.quantity)[0] for w in given.watched])
    outcome = run(make(), replace(given, value=usual[given.place]))
    if (outcome.level > Level.GREEN).any():
        raise CheckFailed("a constant input warns")
    p_value = run(make(), given).p_value
    if ((p_value < 0) | (p_value > 1)).any():
        raise CheckFailed("a p-value is outside 0 to 1")


def check_sign(make: Make) -> None:
    """What is large and sudden scores higher than the quiet before it."""
    given = sample(make())
    outcome = run(make(), given)
    for place, watched in enumerate(given.watched):
        rows = np.flatnonzero(given.place == place)
        quiet, event = np.split(outcome.score[rows], [int(len(rows) * EVENT_FROM)])
        if watched.id.endswith("-uneven"):
            continue
        if np.isnan(event).all():
            raise CheckFailed(f"{watched.id}: no score in {len(rows)} readings")
        if not np.nanmax(event) > np.nanmax(quiet, initial=-np.inf):
            raise CheckFailed(f"{watched.id}: an event scores no higher than the quiet before")


def check_threshold(make: Make) -> None:
    """Limits come from parameters and a series' own past: what a detector was shown before, it
    does not know. Who runs it over the part that it is judged on gains nothing by it."""
    given = sample(make())
    detector = make()
    before = detector.limits(given.watched)
    first = run(detector, given)
    refuse_other_limits(before, detector.limits(given.watched))
    same(first, run(detector, given), _every(given), "shown the same twice")


def refuse_other_limits(before: Limits, after: Limits) -> None:
    if before.up.tobytes() != after.up.tobytes() or before.keep.tobytes() != after.keep.tobytes():
        raise CheckFailed("the limits were fitted on the part that is judged")


def check_state(make: Make) -> None:
    """Saved and loaded at any row, it goes on bit for bit, and saves the same bytes."""
    given = sample(make())
    whole = run(make(), given)
    for cut in (1, len(given) // 2, len(given) - 5):
        before, after = np.split(_every(given), [cut])
        first, second = Bank(make(), given.watched), Bank(make(), given.watched)
        head = advance(first, given.take(before))
        second.load(first.save())
        if second.save() != first.save():
            raise CheckFailed(f"state after {cut} rows is not the same when loaded")
        tail = advance(second, given.take(after))
        same(whole, joined([(before, head), (after, tail)]), _every(given), f"resumed after {cut}")


def check_input_is_kept(make: Make) -> None:
    """The readings given are not written to, and every state is of a declared kind."""
    given = sample(make())
    copies = [column.tobytes() for column in (given.place, given.measured_at, given.value)]
    bank = Bank(make(), given.watched)
    try:
        advance(bank, given)
    except ValueError as error:
        if "read-only" in str(error):
            raise CheckFailed("the detector writes to its input") from error
        raise
    if [c.tobytes() for c in (given.place, given.measured_at, given.value)] != copies:
        raise CheckFailed("the detector writes to its input")
    for name, slot in bank.spec.items():
        array = bank.state.get(name)
        if array is None or array.dtype != slot.dtype or array.shape[1:] != slot.shape:
            raise CheckFailed(f"state {name!r} is not of the dtype and shape that was declared")
    if bank.state.keys() != bank.spec.keys():
        raise CheckFailed(f"undeclared state: {sorted(bank.state.keys() - bank.spec.keys())}")


def check_cost(make: Make) -> None:
    """A round of many series takes no more steps of Python than one of few: numpy does the work.

    What a reading costs in time is measured by `scripts/bench scoring`.
    """
    few, many = (_steps_of_a_round(make(), count) for count in (8, 256))
    if many > 1.5 * few:
        raise CheckFailed(f"a round takes {few} steps for 8 series and {many} for 256")


def _steps_of_a_round(detector: Detector, count: int) -> int:
    """Instructions of Python that the fourth round of quiet readings takes."""
    model = series_of(detector)[0]
    watched = [msgspec.structs.replace(model, id=f"{i:04}") for i in range(count)]
    usual, large = size_of(model.quantity)
    place = np.arange(count)
    bank = Bank(detector, watched)
    steps = 0

    def counted(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return counted

    before = sys.gettrace()
    for round_ in range(4):
        # The same in every series, so that chance can't make one of them special.
        value = np.full(count, usual + 1e-3 * large * (round_ % 2))
        measured_at = np.full(count, 20_000 * DAY + (round_ + 1) * 60 * SECOND, np.int64)
        sys.settrace(counted if round_ == 3 else before)
        try:
            bank.advance(place, measured_at, value)
        finally:
            sys.settrace(before)
    return steps


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_card,
    check_no_look_ahead,
    check_batch_size,
    check_series_order,
    check_repeats,
    check_disorder,
    check_gaps,
    check_constant,
    check_sign,
    check_threshold,
    check_state,
    check_input_is_kept,
    check_cost,
)


def check_detector(make: Make) -> None:
    """Run all checks on what `make` returns anew each time. Raises CheckFailed."""
    for check in CHECKS:
        check(make)
