"""`python -m hoshyar.upkeep`: the stage as a process, configured by the environment."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping

from hoshyar.upkeep.service import Service
from hoshyar.upkeep.tasks import table
from records import lifeline
from records.clock import WallClock
from records.errors import SettingsError
from records.settings import Settings


def main(environment: Mapping[str, str]) -> int:
    """Exit code 0 after SIGTERM or SIGINT, 2 for a setting that is wrong."""
    stop = threading.Event()
    try:
        settings = Settings.read(environment)
        service = Service(settings, table(settings), WallClock(), stop)
        lifeline.hold(environment)
        logging.basicConfig(
            level=settings.log_level.upper(),
            format="%(asctime)s %(name)s %(levelname)s %(message)s",
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        service.run()
    except SettingsError as error:
        sys.stderr.write(f"upkeep: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
