"""`python -m hoshyar`, the same as the command `hoshyar`."""

from __future__ import annotations

import sys

from hoshyar.cli import main as run


def main() -> None:
    sys.exit(run())


if __name__ == "__main__":
    main()
