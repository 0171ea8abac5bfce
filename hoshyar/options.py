"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option("--data", help="Data folder (HOSHYAR_HOME).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
