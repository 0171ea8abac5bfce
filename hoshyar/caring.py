"""`hoshyar db` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hoshyar.options import AsJson, Data

db = typer.Typer(help="The database: migrate, check, back up, restore.", no_args_is_help=True)


@db.command("migrate")
def db_migrate(data: Data = None) -> None:
    """Bring the database to this program's schema, and the stages' roles to what they may do."""
    from hoshyar.access import find
    from hoshyar.migrating import bring_up_to_date

    for line in bring_up_to_date(find(data)[0], data):
        print(line)


@db.command("check")
def db_check(
    data: Data = None,
    as_json: AsJson = False,
    full: Annotated[
        bool, typer.Option("--full", help="Every row and roll-up; takes as long as a backup.")
    ] = False,
) -> None:
    """Say what does not fit together in the store, a line each; exit code 1 when something."""
    from hoshyar.checking import examine
    from hoshyar.words import say

    found = examine(data, say, full=full)
    if as_json:
        print(json.dumps([{"check": one.what, "finding": one.said} for one in found], indent=2))
    else:
        for one in found:
            print(f"{one.what}: {one.said}")
        if not found:
            print("everything fits together")
    raise typer.Exit(1 if found else 0)


@db.command("backup")
def db_backup(
    target: Annotated[
        Path, typer.Argument(help="A new file, or a folder: named by its time there.")
    ],
    data: Data = None,
) -> None:
    """Write all that is stored to one file, as of one moment; everything may go on meanwhile."""
    from hoshyar.access import served
    from hoshyar.words import say
    from store import backup

    with served(data, say) as dsn:
        path, manifest = backup.take(dsn, target, say)
    rows = sum(table.rows for table in manifest.tables.values())
    print(f"{path}: {rows:,} rows, {path.stat().st_size:,} bytes")


@db.command("restore")
def db_restore(
    file: Annotated[Path, typer.Argument(help="What `hoshyar db backup` wrote.")],
    data: Data = None,
) -> None:
    """Load a backup into an empty database, or into a new data folder; all of it or nothing."""
    from hoshyar.access import served
    from hoshyar.migrating import bring_up_to_date
    from hoshyar.words import say
    from records.times import text
    from store import restore

    with served(data, say, new=True) as dsn:
        manifest = restore.restore(dsn, file, say)
        # The stages' roles belong to the server: a backup has none.
        bring_up_to_date(dsn, data)
    print(f"restored the state of {text(manifest.taken_at)}")
