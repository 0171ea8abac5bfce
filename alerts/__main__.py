"""`python -m alerts`: the stage as a process."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping

from alerts.announcement import LOG, MQTT
from alerts.delivery import Channel, LogChannel
from alerts.mqtt import MqttChannel
from alerts.service import Service
from records import lifeline
from records.clock import WallClock
from records.errors import SettingsError
from records.settings import Settings


def main() -> int:
    """Exit code: 0 when asked to stop, 1 when a part died, 2 for a setting that is wrong."""
    stop = threading.Event()
    try:
        settings = Settings.read(os.environ)
        logging.basicConfig(
            level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s"
        )
        channels: Mapping[str, Channel] = {LOG: LogChannel(), MQTT: MqttChannel(settings)}
        service = Service(settings, channels, WallClock(), stop)
        lifeline.hold(os.environ)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        return service.run()
    except SettingsError as error:
        sys.stderr.write(f"alerts: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
