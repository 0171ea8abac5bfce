"""`python -m ingest`: the stage as a process, configured by the environment."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping

from ingest.service import Service
from records import lifeline
from records.errors import SettingsError
from records.settings import Settings

# The thread that talks to the store does little, but often: it is not kept waiting for long.
_SWITCH_S = 0.0001


def main(environment: Mapping[str, str]) -> int:
    """Exit code 0 after SIGTERM or SIGINT, 2 for a setting that is wrong."""
    try:
        settings = Settings.read(environment)
        lifeline.hold(environment)
        logging.basicConfig(
            level=settings.log_level.upper(),
            format="%(asctime)s %(name)s %(levelname)s %(message)s",
        )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        sys.setswitchinterval(_SWITCH_S)
        Service(settings, stop).run()
    except SettingsError as error:
        sys.stderr.write(f"ingest: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
