"""`hoshyar quality` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hoshyar.options import Data

rules = typer.Typer(help="The rules of the quality tests.", no_args_is_help=True)


@rules.command("import")
def quality_import(
    file: Annotated[Path, typer.Argument(help="TOML or JSON with a version of its own.")],
    data: Data = None,
) -> None:
    """Let these rules apply to what comes from now on, and judge what is stored anew."""
    from hoshyar.quality import import_rules

    print(import_rules(file, data))


@rules.command("show")
def quality_show(
    data: Data = None,
    version: Annotated[str, typer.Option(help="Another version than the one that applies.")] = "",
    series: Annotated[str, typer.Option(help="Only what applies to this series.")] = "",
) -> None:
    """Print the rules as JSON."""
    from hoshyar.quality import show

    print(json.dumps(show(data, version, series), indent=2, ensure_ascii=False))
