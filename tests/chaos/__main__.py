"""`scripts/chaos --seconds S --seed N [--json]`: see docs/chaos.md."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from typing import Any

from tests.chaos.campaign import campaign, run_for, schedules, total


def main(arguments: list[str]) -> int:
    """0: every promise held. 1: one did not. 2: the harness failed."""
    options = _parser().parse_args(arguments)
    sys.excepthook = _harness_failed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    if options.schedule is None:
        found = run_for(options.seconds, options.seed, _say, options.first)
    else:
        with campaign(keep_logs=True) as running:
            line = running.run(next(schedules(options.seed, options.schedule)))
        _say(line)
        found = total(options.seed, [line])
    sys.stdout.write(json.dumps(found) + "\n" if options.json else _text(found))
    return 1 if found["failed"] else 0


def _harness_failed(kind: type[BaseException], error: BaseException, _: object) -> None:
    """Whatever it was, it is no verdict on a promise."""
    traceback.print_exception(kind, error, error.__traceback__)
    sys.stderr.flush()
    os._exit(2)


def _say(line: dict[str, Any]) -> None:
    sys.stderr.write(json.dumps(line) + "\n")


def _text(found: dict[str, Any]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in found.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first schedule")
    parser.add_argument("--schedule", type=int, help="only this one, again")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
