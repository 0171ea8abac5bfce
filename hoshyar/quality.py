"""`hoshyar quality`: the rules of the quality tests, and letting others apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hoshyar.access import opened
from records.clock import WallClock
from records.errors import BadMessage, InputError
from records.quantities import conversion
from records.rules import Rules, read
from store import registry, rules
from store.directory import Registry


def import_rules(file: Path, data: Path | None) -> str:
    """Raises InputError for a file that can't be read, or that names what is not enrolled."""
    new = read(file)
    with opened(data) as db:
        _must_be_enrolled(new, registry.load(db))
        # `as_of` goes by the machine's clock, in a replay too.
        if not rules.add(db, new, WallClock().now()):
            return f"{new.version} applies already"
    return f"{new.version} applies from now on"


def show(data: Path | None, version: str, series: str) -> dict[str, Any]:
    """The rules that apply, or those of a version; of one series, its tests in its unit."""
    with opened(data) as db:
        known = registry.load(db)
        content = rules.version(db, version) if version else known.rules
    if not series:
        return _said(content)
    one = next((one for one in known.network.series if one.id == series), None)
    if one is None:
        raise InputError(f"there is no series {series!r}")
    return {"version": content.version, "series": series, "unit": one.unit,
            **_said(content.of(one))}  # fmt: skip


def _said(record: msgspec.Struct) -> dict[str, Any]:
    found = msgspec.json.decode(msgspec.json.encode(record), type=dict[str, Any])
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _must_be_enrolled(new: Rules, known: Registry) -> None:
    series = {one.id: one for one in known.network.series}
    stations = {one.id for one in known.network.station}
    for kind, names, there in (
        ("series", new.series, series.keys()),
        ("station", new.station, stations),
    ):
        for name in names:
            if name not in there:
                raise InputError(f"the rules name the {kind} {name!r}, which is not enrolled")
    for one in series.values():
        rule = new.of(one).neighbour
        for other in rule.series if rule else ():
            if other not in series:
                raise InputError(f"{one.id!r} has the neighbour {other!r}, which is not enrolled")
            try:
                conversion(series[other].unit, one.unit)
            except BadMessage as fault:
                raise InputError(f"{one.id!r} and its neighbour {other!r}: {fault}") from None
