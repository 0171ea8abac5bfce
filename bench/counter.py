"""A paho subscriber that only counts: the least that any subscriber in Python costs.

`python -m bench.counter HOST PORT`. Prints its count whenever it has grown.
"""

from __future__ import annotations

import sys
import time

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

SAY_EVERY_S = 0.02


def main() -> None:
    count = 0
    said_s = 0.0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    def granted(*_: object) -> None:
        print(0, flush=True)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-counter")
    client.on_message = counted
    client.on_subscribe = granted
    client.connect(sys.argv[1], int(sys.argv[2]))
    client.subscribe("hoshyar/v1/+/+/readings", 1)
    before = 0
    while client.loop(SAY_EVERY_S) == mqtt.MQTT_ERR_SUCCESS:
        if count > before and time.monotonic() - said_s > SAY_EVERY_S:
            before, said_s = count, time.monotonic()
            print(count, flush=True)


if __name__ == "__main__":
    main()
