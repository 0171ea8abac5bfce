"""What the program says of its doings: lines on standard error."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    print(f"hoshyar: {line}", file=sys.stderr, flush=True)
