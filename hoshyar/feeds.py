"""`hoshyar feed`: the table that says which foreign topics are read, and how."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from hoshyar.access import opened
from records.errors import InputError
from records.foreign import SPARKPLUG, Feed, described
from store import foreign, registry

_STAGE_USER = "hoshyar-ingest"


def add(file: Path, data: Path | None) -> str:
    """Raises InputError with one line that names the feed and the field."""
    new = read(file)
    with opened(data) as db:
        enrolled = {device.id for device in registry.load(db).network.device}
        for feed in new:
            for device in (feed.device, *feed.devices.values()):
                if device and device not in enrolled:
                    raise InputError(
                        f"{file}: feed {feed.name!r}, device: {device!r} is not enrolled: use"
                        " `hoshyar device add` first"
                    )
        try:
            changed = foreign.save(db, new)
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
    return f"{len(new)} feeds read, {changed} new or changed"


def feeds(data: Path | None) -> list[dict[str, Any]]:
    """The table, a dictionary a feed, as `feed import` takes them."""
    with opened(data) as db:
        return [described(feed) for feed in foreign.load(db)]


def remove(name: str, data: Path | None) -> None:
    """Raises InputError for a feed that isn't there."""
    with opened(data) as db:
        foreign.remove(db, name)


def as_toml(data: Path | None) -> str:
    """The table as the file that `add` reads."""
    return "\n".join(
        "[[feed]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in feed.items())
        for feed in feeds(data)
    )


def access(data: Path | None) -> str:
    """Lines for Mosquitto's acl.conf: what ingest reads and, for Sparkplug, asks."""
    with opened(data) as db:
        table = foreign.load(db)
    lines = [f"user {_STAGE_USER}"] + [f"topic read {feed.filter}" for feed in table]
    groups = {feed.topic.split("/")[1] for feed in table if feed.format == "sparkplug-b"}
    lines += [
        f"topic write {SPARKPLUG}/{'+' if group == '#' else group}/NCMD/+"
        for group in sorted(groups)
    ]
    return "\n".join(lines) + "\n"


def read(file: Path) -> list[Feed]:
    """The feeds of a file. Raises InputError."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: {error}") from error
    rows = tables.pop("feed", [])
    if tables or not isinstance(rows, list):
        raise InputError(f"{file}: only [[feed]] tables are known, not {', '.join(tables) or rows}")
    return [_feed(file, place, row) for place, row in enumerate(rows, 1)]


def _feed(file: Path, place: int, row: object) -> Feed:
    name = row.get("name") if isinstance(row, dict) else None
    try:
        return msgspec.convert(row, Feed)
    except msgspec.ValidationError as error:
        said = str(error).removesuffix(" - at `$`")
        what, _, path = said.partition(" - at `$.")
        field = f"{path.rstrip('`')}: " if path else ""
        raise InputError(f"{file}: feed {name or place!r}, {field}{what}") from None


def _toml(value: object) -> str:
    """A value in TOML; its strings are written as JSON's are."""
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items())
        return "{ " + inside + " }"
    if isinstance(value, list | tuple):
        return "[\n" + "".join(f"  {_toml(item)},\n" for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
