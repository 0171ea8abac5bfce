"""What was said on the wire, held against the committed ledger while whoever said it must wait.

An acknowledgement or a receipt passes the proxy only after this look into the store, on a
connection of its own. The proxies run in one thread, so nothing of ingest's reaches the database
between the promise and the look: what isn't committed now wasn't committed when it was promised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

import msgspec
import psycopg

from tests.chaos.services import DatabaseServer

# (device id, boot, sequence number)
Message = tuple[str, int, int]

_UNFOUNDED = (
    "SELECT k.device, k.boot, k.sequences::text FROM"
    " unnest(%s::text[], %s::bigint[], %s::int8multirange[]) k (device, boot, sequences)"
    " WHERE NOT EXISTS (SELECT 1 FROM settled s JOIN device d ON d.number = s.device"
    " WHERE d.id = k.device AND s.boot = k.boot AND s.sequences + s.gone @> k.sequences)"
)


class Receipt(msgspec.Struct, frozen=True):
    boot: int
    through: int
    missing: list[tuple[int, int]] = []


class First(msgspec.Struct, frozen=True):
    boot: int = -1
    seq: int = -1


class Status(msgspec.Struct, frozen=True):
    gone: list[tuple[int, int, int]] = []


def message_of(device: str, payload: bytes) -> Message | None:
    """Which message this payload is, None for one without numbers."""
    with suppress(msgspec.MsgspecError):
        first = msgspec.json.decode(payload, type=list[First])[0]
        return (device, first.boot, first.seq) if first.seq >= 0 else None
    return None


class Witness:
    """Collects what devices and ingest have said, and what of it the store doesn't bear out."""

    def __init__(self, server: DatabaseServer, database: str) -> None:
        self._server, self._dsn = server, server.dsn(database)
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._waiting: list[tuple[str, int, str]] = []
        self.covered: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.gone: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.messages = self.acknowledged = self.receipts = 0
        self.unfounded: list[str] = []

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Ingest acknowledges these now."""
        self.acknowledged += len(messages)
        numbers: dict[tuple[str, int], list[str]] = defaultdict(list)
        for device, boot, seq in messages:
            numbers[device, boot].append(f"[{seq},{seq}]")
        self._look((d, b, "{" + ",".join(parts) + "}") for (d, b), parts in numbers.items())

    def receipt(self, device: str, payload: bytes) -> None:
        """Ingest sends this receipt now."""
        said = msgspec.json.decode(payload, type=Receipt)
        numbers = set(range(said.through + 1))
        for first, last in said.missing:
            numbers.difference_update(range(first, last + 1))
        self.receipts += 1
        self.covered[device, said.boot] |= numbers
        parts, begin = [], 0
        for first, last in [*sorted(said.missing), (said.through + 1, said.through + 1)]:
            if begin < first:
                parts.append(f"[{begin},{first - 1}]")
            begin = last + 1
        self._look([(device, said.boot, "{" + ",".join(parts) + "}")])

    def status(self, device: str, payload: bytes) -> None:
        """A device says this of itself."""
        with suppress(msgspec.MsgspecError):
            for boot, first, last in msgspec.json.decode(payload, type=Status).gone:
                self.gone[device, boot].update(range(first, last + 1))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _look(self, promised: Iterable[tuple[str, int, str]]) -> None:
        """While the database is away, promises are kept for the next look: none is forgotten."""
        self._waiting += promised
        connection = self._open()
        if connection is None or not self._waiting:
            return
        try:
            found = connection.execute(
                _UNFOUNDED, list(map(list, zip(*self._waiting, strict=True)))
            )
            self.unfounded += [f"{d} boot {b}: {numbers}" for d, b, numbers in found]
            self._waiting = []
        except psycopg.OperationalError:
            connection.close()

    def _open(self) -> psycopg.Connection[tuple[object, ...]] | None:
        if self._connection is None or self._connection.closed:
            self._connection = None
            if self._server.pid:
                with suppress(psycopg.OperationalError):
                    self._connection = psycopg.connect(
                        self._dsn, autocommit=True, connect_timeout=2
                    )
                    self._server.spared.add(self._connection.info.backend_pid)
        return self._connection
