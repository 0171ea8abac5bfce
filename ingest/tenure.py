"""The shards that this worker owns: joins, takes, gives up, and ends who hangs."""

from __future__ import annotations

import logging
from collections.abc import Collection

from ingest.shards import Moves, Silence, moves
from store import leases
from store.connection import Database

log = logging.getLogger(__name__)


class Tenure:
    """For one session with the database: a later one begins with another `Tenure`."""

    def __init__(self, db: Database, worker: int) -> None:
        self._db, self._worker = db, worker
        self._silence = Silence()
        self.owned: set[int] = set()

    def join(self) -> bool:
        """False where another process is this worker. Raises StoreUnavailable, as all here."""
        return leases.join(self._db, self._worker)

    def look(self, now_s: float) -> Moves:
        """What is to be done now. Who hangs is ended: it owns nothing at one of the next looks."""
        found = leases.standing(self._db)
        signs = {
            worker: None if member.doing is None else (member.pid, member.doing)
            for worker, member in found.members.items()
            if worker != self._worker
        }
        for worker in self._silence.hung(signs, now_s):
            log.warning("ingest worker %d hangs: its session is ended", worker)
            leases.end(self._db, found.members[worker])
        return moves(self._worker, found.members, found.owners)

    def take(self, plan: Moves) -> set[int]:
        """Those of the free shards that nobody was faster to get."""
        got: set[int] = set()
        for shard in plan.free:
            if len(got) < plan.want and leases.take(self._db, shard):
                got.add(shard)
        self.owned |= got
        return got

    def give(self, shards: Collection[int]) -> None:
        """Nothing of these may be under way any more."""
        for shard in shards:
            leases.give(self._db, shard)
        self.owned -= set(shards)
