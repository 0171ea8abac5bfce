"""The commands of `hoshyar feed`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hoshyar.options import AsJson, Data

feed = typer.Typer(help="Topics of foreign devices, and what is in them.", no_args_is_help=True)


@feed.command("import")
def feed_import(
    file: Annotated[Path, typer.Argument(help="TOML with [[feed]] tables; docs/formats.md.")],
    data: Data = None,
) -> None:
    """Add what a file describes; a feed of the same name is described anew."""
    from hoshyar.feeds import add

    print(add(file, data))


@feed.command("list")
def feed_list(data: Data = None, as_json: AsJson = False) -> None:
    """List the feeds."""
    from hoshyar.feeds import feeds

    found = feeds(data)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        print(f"{one['name']:<24} {one['format']:<12} {one['topic']}")


@feed.command("export")
def feed_export(data: Data = None) -> None:
    """Print the table as the TOML that `feed import` reads."""
    from hoshyar.feeds import as_toml

    print(as_toml(data), end="")


@feed.command("remove")
def feed_remove(name: str, data: Data = None) -> None:
    """From now on its topics are not read."""
    from hoshyar.feeds import remove

    remove(name, data)


@feed.command("access")
def feed_access(data: Data = None) -> None:
    """Print what a Mosquitto access list needs so that ingest may read the feeds."""
    from hoshyar.feeds import access

    print(access(data), end="")
