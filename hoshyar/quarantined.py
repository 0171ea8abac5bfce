"""`hoshyar quarantine`: what was refused, and how it becomes rows after the cause is mended."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from hoshyar.access import opened
from hoshyar.diagnostic import readable
from hoshyar.system import read_settings
from ingest import reruns
from ingest.checks import HISTORY
from records import times
from records.clock import WallClock
from records.errors import InputError, Reason
from store import quarantine, readings, registry
from store import reruns as stored
from store.connection import Database
from store.quarantine import Choice, Entry

AT_ONCE = 500


def chosen(reason: str, device: str, numbers: tuple[int, ...] = ()) -> Choice:
    """Raises InputError for a reason that nothing is ever there for."""
    if reason and reason not in set(Reason):
        raise InputError(f"--reason {reason!r}: there are {', '.join(sorted(Reason))}")
    return Choice(reason, device, numbers)


def found(data: Path | None, limit: int, choice: Choice) -> list[dict[str, Any]]:
    """The newest messages in quarantine: number, topic, reason, detail, bytes, received_at."""
    with opened(data) as db:
        return [_about(entry) for entry in quarantine.entries(db, limit, choice)]


def counts(data: Path | None) -> list[dict[str, Any]]:
    """How many by device (null where it is unknown) and reason, the most first."""
    with opened(data) as db:
        ids = {number: id_ for id_, number in registry.load(db).device_number.items()}
        many = quarantine.counts(db)
    rows = [
        {"device": ids.get(number or 0), "reason": reason.value, "count": count}
        for (number, reason), count in many.items()
    ]
    return sorted(rows, key=lambda row: -row["count"])


def payload(data: Path | None, number: int) -> bytes:
    """The bytes as they came. Raises InputError where there is no such entry."""
    with opened(data) as db:
        return _entry(db, number).payload


def show(data: Path | None, number: int) -> dict[str, Any]:
    """One message with its device and its payload in a form that a person can read."""
    with opened(data) as db:
        entry = _entry(db, number)
        known = registry.load(db).device_number
    device = next((id_ for id_, n in known.items() if n == entry.device), None)
    about = _about(entry) | {"device": device, "whole": reruns.is_whole(entry)}
    return about | {"payload": readable(entry.payload)}


def rerun(data: Path | None, choice: Choice, person: str = "") -> dict[str, Any]:
    """Take the chosen messages once more, as they arrived, under the registry of now.

    Runs beside a running ingest, in pieces of `AT_ONCE` messages, each of which is stored wholly or
    not at all; cut off, it goes on where it was when it is run again.
    """
    settings, _ = read_settings(data)
    who = person or getpass.getuser()
    said: dict[str, Any] = {"mended": 0, "stored": 0, "repeated": 0, "revised": 0, "waveforms": 0}
    still: list[dict[str, Any]] = []
    cut: list[int] = []
    with opened(data) as db:
        known = registry.load(db)
        numbers = [known.series_number[series.id] for series in known.network.series]
        newest = readings.latest(db, numbers, HISTORY)
        last = 0
        while entries := quarantine.entries_after(db, last, AT_ONCE, choice):
            whole = [entry for entry in entries if reruns.is_whole(entry)]
            now_at = WallClock().now()
            outcome = reruns.again(known, newest, whole, now_at, settings.max_payload_bytes)
            done = stored.commit(db, outcome, who)
            if done is None:
                continue  # somebody else has run one of them: look again
            last = entries[-1].number
            cut += [entry.number for entry in entries if not reruns.is_whole(entry)]
            said["mended"] += len(outcome.mended)
            said["waveforms"] += len(outcome.work.waveforms)
            for word in ("stored", "repeated", "revised"):
                said[word] += getattr(done, word)
            still += [
                {"number": number, "reason": bad.reason.value, "detail": bad.detail}
                for number, bad in outcome.failed
            ]
    return said | {"still": still, "truncated": cut}


def _entry(db: Database, number: int) -> Entry:
    entries = quarantine.entries(db, 1, Choice(numbers=(number,)))
    if not entries:
        raise InputError(f"there is no message {number} in quarantine")
    return entries[0]


def _about(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "topic": entry.topic,
        "reason": entry.reason.value,
        "detail": entry.detail,
        "bytes": len(entry.payload),
        "received_at": times.text(entry.received_at),
    }
