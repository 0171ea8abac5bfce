"""`python -m models watch`: the stage as a process, configured by the environment."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from models.service import watch
from records import lifeline
from records.errors import SettingsError
from records.settings import Settings


def main(arguments: list[str], environment: dict[str, str]) -> int:
    """Exit code 0 after SIGTERM or SIGINT, 2 for a setting that is wrong."""
    if arguments != ["watch"]:
        sys.stderr.write("usage: python -m models watch\n")
        return 2
    try:
        settings = Settings.read(environment)
        lifeline.hold(environment)
        logging.basicConfig(
            level=settings.log_level.upper(),
            format="%(asctime)s %(name)s %(levelname)s %(message)s",
        )
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        watch(settings, stopped)
    except SettingsError as error:
        sys.stderr.write(f"models: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
