"""The clock ledger: how wrong each device's clock is, so that slow is not taken for old.

The *lag* of a message is its receipt less its newest sample time: transport and waiting, which are
never negative, and what the clock is slow by. So the clock's offset is the lower envelope of the
lags, and a lag above it is age. Only new messages on a live channel that name absolute times feed
it.

A clock counts as right until it is known. Another offset is believed when messages came at the
pace at which they were measured: three lags near each other, none below them, for 10 s or a
hundredth of the change, whichever is longer. A backlog is drained faster than it was measured, so
its lags fall, and it is taken for what it is: old. An offset that was accepted and then falls
faster than a clock can drift was a slow drain after all and is given up. What can't be told apart
from a slow clock is a line that delays everything by the same time, to two hundredths; of more
than a day that is believed of no clock.

All of it is a function of the messages in their order, whatever batches they are cut into.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from records.times import DAY, MINUTE, SECOND
from store.clocks import BOOTS_A_DEVICE, ClockState, Trial

Key = tuple[int, int]

# A clock that is off by more than this is flagged; transport can't explain it.
WRONG = MINUTE
# Lags that differ by less are one offset with jitter; more is a step of the clock, or waiting.
STEP = 5 * SECOND
# Near each other: within this, or a fiftieth of the time they were observed for.
NEAR = 2 * SECOND
_NEAR_PART = 50
# What falls by half a second and a hundredth of the time is being drained.
_FALL_PART = 100
_WITNESSES = 3
_SHORTEST_TRIAL = 10 * SECOND
_TRIAL_PART = 100
# So many lags above it, over so long, and another offset is tried instead.
_CONTRADICTIONS = 8
_CONTRADICTED = MINUTE
_LARGEST_OFFSET = DAY
# The envelope may rise by 100 µs/s (`store.clocks.LARGEST_DRIFT`): no quartz in use drifts faster.
_RISE_PART = 10_000


def floor(clock: ClockState, at: int) -> int:
    """What the clock is slow by at an arrival (µs), negative where it is fast."""
    if not clock.known:
        return 0
    return clock.offset + max(at - clock.offset_at, 0) // _RISE_PART


def begin(device: int, boot: int, lag: int, at: int, former: ClockState | None) -> ClockState:
    """The clock of a boot at its first message: as the former boot left it where that fits."""
    clock = ClockState(device, boot, at, at)
    if former is not None and former.known:
        expected = floor(former, at)
        if former.offset - NEAR <= lag <= expected + STEP:
            offset = min(lag, expected)
            return clock._replace(
                known=True, offset=offset, offset_at=at, spread=former.spread,
                claim=former.claim, claim_at=former.claim_at,
            )  # fmt: skip
    return feed(clock, lag, at)


def feed(clock: ClockState, lag: int, at: int) -> ClockState:
    """The clock after a live message with this lag (µs) arrived."""
    if not clock.known:
        return _try(clock, lag, at, 0)
    now = floor(clock, at)
    if now <= lag <= now + STEP:
        return clock if clock.trial is None else clock._replace(trial=None, changed_at=at)
    if lag > now:
        return _try(clock, lag, at, now)
    if now > STEP and _refutes(clock, lag, at):
        # Not slow after all: it was waiting that grew shorter, or the clock has been set.
        doubted = ClockState(clock.device, clock.boot, clock.begun_at, at)
        return _try(doubted, lag, at, 0)
    if now - lag <= STEP or (now > STEP and lag >= -STEP):
        return clock._replace(offset=lag, offset_at=at, trial=None, changed_at=at)
    return _try(clock, lag, at, now)


def _refutes(clock: ClockState, lag: int, at: int) -> bool:
    """Has a slow clock's lag fallen faster, since it was believed, than clocks run away?"""
    return clock.claim - lag > _near(at - clock.claim_at)


def _near(span: int) -> int:
    return max(NEAR, span // _NEAR_PART)


def _try(clock: ClockState, lag: int, at: int, now: int) -> ClockState:
    """Note a lag that the clock's offset does not explain; believe it once there is enough."""
    trial = clock.trial
    if trial is None or _ends(trial, lag, at):
        return clock._replace(trial=Trial(at, lag, lag, lag, 1, 0), changed_at=at)
    if lag > trial.lag + _near(at - trial.at):
        return clock._replace(trial=trial._replace(others=trial.others + 1), changed_at=at)
    low, high, near = min(trial.low, lag), max(trial.high, lag), trial.near + 1
    needed = max(_SHORTEST_TRIAL, abs(trial.lag - now) // _TRIAL_PART)
    falling = trial.lag - low > SECOND // 2 + (at - trial.at) // _FALL_PART
    if falling or near < _WITNESSES or at - trial.at < needed or low > _LARGEST_OFFSET:
        trial = Trial(trial.at, trial.lag, low, high, near, 0)
        return clock._replace(trial=trial, changed_at=at)
    return clock._replace(
        known=True, offset=low, offset_at=at, spread=high - low,
        claim=trial.lag, claim_at=trial.at, trial=None, changed_at=at,
    )  # fmt: skip


def _ends(trial: Trial, lag: int, at: int) -> bool:
    span = at - trial.at
    if lag < trial.lag - _near(span):
        return True
    return trial.others >= _CONTRADICTIONS and span > _CONTRADICTED


class Clocks:
    """The clocks of all devices, a few boots of each, and what changed since `news`."""

    def __init__(self, states: Iterable[ClockState] = ()) -> None:
        """`states` in the order in which they began, as `store.clocks.load` gives them."""
        self._states: list[ClockState] = []
        self._slots: dict[Key, int] = {}
        self._boots: dict[int, list[int]] = {}
        self._changed: set[int] = set()
        # By slot; there is always one, so that the slot -1 of an unknown clock can be looked at.
        self._offset = np.zeros(16, np.int64)
        self._offset_at = np.zeros(16, np.int64)
        self._calm = np.zeros(16, np.bool_)  # known, and nothing under trial
        for state in states:
            self._add(state)

    def news(self) -> tuple[ClockState, ...]:
        """The clocks that changed since the last call."""
        changed, self._changed = self._changed, set()
        return tuple(self._states[slot] for slot in sorted(changed))

    def wrong(self) -> dict[int, int]:
        """Offset (µs) of the newest known clock of each device where it is over `WRONG`."""
        newest = {state.device: state for state in self._states if state.known}
        return {d: state.offset for d, state in newest.items() if abs(state.offset) > WRONG}

    def take(
        self,
        keys: Sequence[Key],
        feeds: NDArray[np.bool_],
        newest: NDArray[np.int64],
        received_at: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """The offset (µs) that holds for each of n messages, in the order they arrived.

        keys         (device number, boot or NO_BOOT) of each
        feeds        n: does it tell something of the clock
        newest       n: its newest sample time (µs); `received_at` is its arrival
        """
        # A boot that is not known yet stands as slot -1.
        slot = np.array([self._slots.get(key, -1) for key in keys], np.intp)
        lag = received_at - newest
        risen = np.maximum(received_at - self._offset_at[slot], 0) // _RISE_PART
        offset: NDArray[np.int64] = self._offset[slot] + risen
        calm = self._calm[slot] & (slot >= 0)
        calm &= ~feeds | ((lag >= offset) & (lag <= offset + STEP))
        if calm.all():
            return offset
        # What one message changes counts for the device's later ones; one that feeds nothing
        # changes nothing.
        device = np.array([key[0] for key in keys], np.int64)
        moved = ~calm | np.isin(device, device[~calm & feeds])
        for n in np.flatnonzero(moved).tolist():
            at = int(received_at[n])
            offset[n] = self._one(keys[n], bool(feeds[n]), int(lag[n]), at)
        return offset

    def _one(self, key: Key, feeds: bool, lag: int, at: int) -> int:
        slot = self._slots.get(key, -1)
        if slot < 0:
            boots = self._boots.get(key[0])
            former = self._states[boots[-1]] if boots else None
            if not feeds:
                return floor(former, at) if former is not None else 0
            slot = self._add(begin(*key, lag, at, former))
            self._changed.add(slot)
        elif feeds:
            before = self._states[slot]
            after = feed(before, lag, at)
            if after is not before:
                self._put(slot, after)
                self._changed.add(slot)
        return floor(self._states[slot], at)

    def _add(self, state: ClockState) -> int:
        boots = self._boots.setdefault(state.device, [])
        if len(boots) < BOOTS_A_DEVICE:
            slot = len(self._states)
            self._states.append(state)
            self._grow(slot + 1)
        else:
            slot = boots.pop(0)
            old = self._states[slot]
            del self._slots[old.device, old.boot]
        boots.append(slot)
        self._slots[state.device, state.boot] = slot
        self._put(slot, state)
        return slot

    def _grow(self, size: int) -> None:
        if size > len(self._offset):
            more = len(self._offset)
            self._offset = np.append(self._offset, np.zeros(more, np.int64))
            self._offset_at = np.append(self._offset_at, np.zeros(more, np.int64))
            self._calm = np.append(self._calm, np.zeros(more, np.bool_))

    def _put(self, slot: int, state: ClockState) -> None:
        self._states[slot] = state
        self._offset[slot], self._offset_at[slot] = state.offset, state.offset_at
        self._calm[slot] = state.known and state.trial is None
