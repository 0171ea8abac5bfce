"""`hoshyar why STATION TIME`: why it warned there and then, or why it did not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from hoshyar.access import opened
from hoshyar.system import read_settings
from models import packets
from models.account import Account, account, said
from models.atwork import loaded
from models.engine import Engine
from models.keys import model_key
from records import times
from records.clock import WallClock
from records.errors import InputError
from records.readings import ReadingBatch, concatenate, empty
from records.times import HOUR
from store import follow, registry, warnings
from store.connection import Database
from store.directory import Registry


def why(station: str, moment: str, data: Path | None, hours: float) -> dict[str, Any]:
    """What every detector made of a station at a moment, as plain JSON.

    It is computed anew by the engine of the live path, from what had arrived by then: over all
    that is stored, or over so many `hours` before; then `exact` is false, as a detector with a
    longer memory may have stood a little differently. `told` is what was really said at the time.
    Raises InputError, SettingsError or StoreUnavailable.
    """
    at = _moment(moment)
    settings, _ = read_settings(data)
    with opened(data) as db:
        known = registry.load(db)
        _check(known, station)
        begin_at = at - round(hours * HOUR)
        models, refused = loaded(db, known.network, model_key(settings))
        engine = Engine(known, started_at=begin_at, models=models)
        engine.trace()
        positions = follow.positions(db, before_at=begin_at)
        recent = _followed(db, known, engine, positions, at)
        told = [said(w) for w in warnings.standing(db, station, at)]
    found: Account = account(known, engine, recent, station)
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain | {
        "told": msgspec.to_builtins(told),
        "exact": not any(positions.values()) and not refused,
        "since": times.text(begin_at),
        "refused_models": refused,
    }


def as_text(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{found['station']} at {found['at']}", "", "readings of the hour before:"]
    lines += [_input(one) for one in found["inputs"]] or ["  this station has no series"]
    lines += ["", "how each detector stood:"]
    lines += [_stand(one) for one in found["stands"]] or ["  none looks at this station"]
    lines += ["", "what they made of it:"]
    lines += [_said(one) for one in found["says"]] or ["  nothing"]
    lines += ["", "what was told at the time:"]
    lines += [_said(one) for one in found["told"]] or ["  nothing"]
    lines += [f"left out: {line}" for line in found["refused_models"]]
    if not found["exact"]:
        lines += ["", f"computed from what arrived since {found['since']}, with today's registry;"]
        lines += ["a detector that remembers more may have stood a little differently (--hours)"]
    return "\n".join(lines)


def _moment(moment: str) -> int:
    if moment == "now":
        return WallClock().now()
    try:
        return times.parse(moment)
    except ValueError as error:
        raise InputError(f"TIME: {error}, nor `now`") from None


def _check(known: Registry, station: str) -> None:
    stations = sorted(s.id for s in known.network.station)
    if station not in stations:
        there = ", ".join(stations) or "none"
        raise InputError(f"there is no station {station!r} (there are: {there})")


def _followed(
    db: Database, known: Registry, engine: Engine, positions: dict[int, int], at: int
) -> ReadingBatch:
    """Let the engine follow what arrived up to `at`; returns the rows of the last hour."""
    recent: list[ReadingBatch] = []
    as_rows = partial(packets.rows, known)
    while found := follow.batches_after(db, positions, packets=as_rows):
        positions = positions | {batch.worker: batch.number for batch in found}
        rows = concatenate([batch.readings for batch in found]).by_arrival()
        rows = rows.take(rows.received_at <= at)
        engine.advance(rows, min(at, max(batch.received_at for batch in found)))
        recent.append(rows.take(rows.received_at > at - HOUR))
        if min(batch.received_at for batch in found) > at:
            break
    engine.advance(empty(), at)
    return concatenate(recent)


def _input(one: dict[str, Any]) -> str:
    if not one["readings"]:
        return f"  {one['series']}: none"
    kept = f", {one['kept_out']} kept out ({one['late']} late, {one['failed']} failed)"
    return (
        f"  {one['series']}: {one['readings']}{kept if one['kept_out'] else ''}; the last"
        f" {one['value']:g} {one['unit']} of {one['measured_at']}, received {one['received_at']},"
        f" flag {one['flag']}"
    )


def _stand(one: dict[str, Any]) -> str:
    where = " ".join(part for part in (one["detector"], one["series"]) if part)
    level = f" {one['level']}" if one["level"] else ""
    score = "" if one["score"] is None else f", score {one['score']:.4g}"
    return f"  {where}:{level}{score}: {one['because']}"


def _said(one: dict[str, Any]) -> str:
    when = f" since {one['decided_at']}" if one["decided_at"] else ""
    score = "" if one["score"] is None else f" (score {one['score']:.3g})"
    return f"  {one['source']}: {one['level']}{when}{score}: {one['reason']}"
