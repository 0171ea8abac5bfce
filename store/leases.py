"""Which ingest worker owns which shard of the devices.

A lease is an advisory lock of the session that the worker commits over. It ends exactly with that
session, and an ended session commits nothing: so of two owners of a shard, one after the other,
the later one reads all that the earlier one has stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.connection import Database

# Any fixed numbers: the two kinds of lock.
_WORKER = 0x776F726B
_SHARD = 0x73686172
# A machine that vanished is noticed by the server within about 15 s.
_KEEPALIVE = (
    "SET tcp_keepalives_idle = 5",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 2",
)
# `doing` changes with every statement of a session, and is null while one is being worked on.
_HELD = """
SELECT l.classid = %s::oid, l.objid::int8, l.pid,
       CASE WHEN a.state = 'active' AND a.wait_event_type IS DISTINCT FROM 'Client' THEN NULL
            ELSE coalesce(a.state, '') || ' ' || coalesce(a.state_change::text, '') END
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid IN (%s::oid, %s::oid)
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A worker's session: `doing` stays the same while nothing is heard of it, None: at work."""

    pid: int
    doing: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The workers that have joined, by number, and the owner of each shard that has one."""

    members: dict[int, Member]
    owners: dict[int, int]


def join(db: Database, worker: int) -> bool:
    """Be this worker for as long as the session lives; False where another session is it."""
    for statement in _KEEPALIVE:
        db.run(statement)
    return _locked(db, _WORKER, worker)


def take(db: Database, shard: int) -> bool:
    """Own a shard for as long as the session lives; False where another one does."""
    return _locked(db, _SHARD, shard)


def give(db: Database, shard: int) -> None:
    """Give up a shard that this session owns."""
    db.run("SELECT pg_advisory_unlock(%s, %s)", (_SHARD, shard))


def standing(db: Database) -> Standing:
    """Who has joined, and who owns what."""
    rows = db.run(_HELD, (_WORKER, _SHARD, _WORKER))
    members = {number: Member(pid, doing) for joined, number, pid, doing in rows if joined}
    worker_of = {member.pid: worker for worker, member in members.items()}
    owners = {
        number: worker_of[pid] for joined, number, pid, _ in rows if not joined and pid in worker_of
    }
    return Standing(members, owners)


def end(db: Database, member: Member) -> None:
    """Have the server end a member's session, unless it has moved since."""
    db.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s"
        " AND state || ' ' || state_change::text = %s",
        (member.pid, member.doing),
    )


def _locked(db: Database, kind: int, number: int) -> bool:
    return bool(db.run("SELECT pg_try_advisory_lock(%s, %s)", (kind, number))[0][0])
