"""Devices that send messages without a number of their own: no receipt can name those.

Such a message is stored as best effort. Where it is lost before that, the device is not told and
nobody can see the gap, so the screens say it of the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from records.times import DAY, to_datetime
from store.connection import Database


class Unnumbered(NamedTuple):
    """A device (registry's number) of which some message came without a number.

    last_at      hour of arrival of the newest such message (microseconds since 1970)
    numbered_at  hour of arrival of the newest message with a number, since the first without one
    """

    device: int
    last_at: int
    numbered_at: int | None = None


def save(db: Database, devices: Sequence[Unnumbered]) -> None:
    """Keep what is newer than what is known, inside a transaction."""
    if devices:
        db.run_many(
            "INSERT INTO unnumbered VALUES (%s, %s, %s) ON CONFLICT (device) DO UPDATE SET"
            " last_at = greatest(unnumbered.last_at, excluded.last_at),"
            " numbered_at = greatest(unnumbered.numbered_at, excluded.numbered_at)",
            [
                (one.device, to_datetime(one.last_at), _moment(one.numbered_at))
                # In one order, so that two workers can't wait for each other.
                for one in sorted(devices)
            ],
        )


def load(db: Database) -> list[Unnumbered]:
    """Every device that ever sent a message without a number, by number."""
    rows = db.run(
        "SELECT device, (extract(epoch FROM last_at) * 1000000)::int8,"
        " (extract(epoch FROM numbered_at) * 1000000)::int8 FROM unnumbered ORDER BY device"
    )
    return [Unnumbered._make(row) for row in rows]


def best_effort(db: Database) -> frozenset[str]:
    """Ids of the devices that send without numbers, revoked ones among them.

    A device that has sent with numbers alone for more than a day, told by its own messages, is one
    no more. One that is silent stays what it was.
    """
    names: dict[int, str] = dict(
        db.run("SELECT v.number, v.id FROM unnumbered JOIN device v ON v.number = device")
    )
    return frozenset(
        names[one.device]
        for one in load(db)
        if one.device in names and (one.numbered_at is None or one.numbered_at - one.last_at <= DAY)
    )


def _moment(at: int | None) -> object:
    return None if at is None else to_datetime(at)
