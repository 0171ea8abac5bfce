"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option("--data", help="Data folder (HOSHYAR_HOME).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def pairs(texts: list[str]) -> dict[str, str]:
    """NAME=VALUE texts as a table."""
    for text in texts:
        if "=" not in text:
            raise typer.BadParameter(f"--param {text!r}: give it as NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)
