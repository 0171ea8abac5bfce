"""With hindsight: in which times of a device's own clock was that clock wrong.

What the ledger saw (`store.clocks.observations`) makes *spells*: as long as the offset stays within
`WRONG`, or moves no more than clocks drift, it is one. A clock that is set shows a time twice or
never, so a reading is of the latest spell that was there when it arrived and in which the clock
showed its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.clocks import STEP, WRONG
from store.clocks import LARGEST_DRIFT

_EVER = int(np.iinfo(np.int64).max)


class Spell(NamedTuple):
    """Microseconds; times without bounds reach to the ends of what an int64 holds.

    since          arrival that began it
    from_at, to_at what the device's clock showed: from_at <= shown < to_at
    offset         what the clock was slow by as it began, negative where it was fast
    """

    since: int
    from_at: int
    to_at: int
    offset: int

    @property
    def wrong(self) -> bool:
        return abs(self.offset) > WRONG


def spells(observed: Iterable[tuple[int, int]]) -> tuple[Spell, ...]:
    """Of one device, from its (arrival, offset) in any order; those at the ends have no end."""
    found: list[Spell] = []
    before_at, before = 0, 0
    for at, offset in sorted(set(observed)):
        if not found:
            found.append(Spell(-_EVER, -_EVER, _EVER, offset))
        elif not _goes_on(before, offset, at - before_at):
            found[-1] = found[-1]._replace(to_at=at - before)
            found.append(Spell(at, at - offset, _EVER, offset))
        before_at, before = at, offset
    return tuple(found)


def _goes_on(before: int, offset: int, span: int) -> bool:
    if abs(before) <= WRONG or abs(offset) <= WRONG:
        return max(abs(before), abs(offset)) <= WRONG
    return abs(offset - before) <= STEP + LARGEST_DRIFT * span


def doubted(
    told: Sequence[Spell], at: NDArray[np.int64], received_at: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of n readings were measured by a clock that was wrong."""
    found = np.zeros(len(at), np.bool_)
    for spell in told:
        there = (at >= spell.from_at) & (at < spell.to_at) & (received_at >= spell.since)
        if spell.wrong and spell.offset > 0:
            # A lag is never less than what the clock is slow by; half leaves room for its drift.
            there &= 2 * (received_at - at) >= spell.offset
        found[there] = spell.wrong
    return found


def differing(before: Sequence[Spell], after: Sequence[Spell]) -> tuple[int, int] | None:
    """First and last device time whose verdicts may be others; None: all are the same."""
    changed = set(before) ^ set(after)
    # Where no clock was wrong nothing can be otherwise.
    spans = [
        (wrong.from_at, wrong.to_at)
        for wrong in {*before, *after}
        if wrong.wrong
        and any(one.from_at < wrong.to_at and wrong.from_at < one.to_at for one in changed)
    ]
    return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None
