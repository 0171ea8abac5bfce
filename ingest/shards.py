"""Which shard a device belongs to, and how workers share the shards evenly."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# Also the most workers that have something to do. Another number is another set of sessions at
# the broker: what the old ones hold would have to be drained first.
SHARDS = 16
# Who is not heard of for so long is taken for hung (seconds of the observer's own clock).
HUNG_S = 15.0


def shard_of(device: str) -> int:
    """The device's shard: the same in every process, for ever."""
    return hashlib.sha256(device.encode()).digest()[0] % SHARDS


@dataclass(frozen=True, slots=True)
class Moves:
    """What a worker is to do now: `give` these up; get up to `want` of those that are `free`."""

    give: tuple[int, ...] = ()
    want: int = 0
    free: tuple[int, ...] = ()


def moves(me: int, members: Collection[int], owners: Mapping[int, int]) -> Moves:
    """The step of one worker towards even shares; nothing moves that need not.

    members  numbers of the workers that have joined, `me` among them
    owners   worker by shard, where it has one
    """
    rank = sorted(members).index(me)
    share = SHARDS // len(members) + (rank < SHARDS % len(members))
    mine = sorted(shard for shard, owner in owners.items() if owner == me)
    free = tuple(shard for shard in range(SHARDS) if shard not in owners)
    return Moves(tuple(mine[share:]), max(0, share - len(mine)), free)


class Silence:
    """Who has shown no sign of life for too long. Signs are compared, never read as times."""

    def __init__(self, hung_s: float | None = None) -> None:
        self._hung_s = HUNG_S if hung_s is None else hung_s
        self._since: dict[int, tuple[object, float]] = {}

    def hung(self, signs: Mapping[int, object], now_s: float) -> list[int]:
        """Workers whose sign has been the same for `hung_s`; the sign None is that of work."""
        before, self._since = self._since, {}
        for worker, sign in signs.items():
            known, since_s = before.get(worker, (None, now_s))
            self._since[worker] = (sign, since_s if sign is not None and sign == known else now_s)
        return [w for w, (_, since_s) in self._since.items() if now_s - since_s >= self._hung_s]
