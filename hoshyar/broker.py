"""The embedded MQTT broker, as a process of its own: `python -m hoshyar.broker`.

It is rumqttd out of the wheel `iotcore`, on 127.0.0.1 only and without passwords. It keeps nothing
on disk: what it forgets when it ends, devices send again, since only receipts free their buffers.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iotcore import IotCoreBroker

from records import lifeline
from records.errors import SettingsError, StoreUnavailable
from records.settings import BrokerAddress, Settings

HOST = "127.0.0.1"
# Above the largest payload that ingest can be set to take (16 MiB), so that a payload over the
# limit reaches the quarantine; over this one the broker cuts the sender's connection.
MAX_PAYLOAD_BYTES = 20 * 1024 * 1024
# The log of each subscription: what a slow subscriber may be behind before messages are lost to
# it (until their devices send them again). Memory grows to this and no further.
SEGMENT_BYTES = 4 * 1024 * 1024
SEGMENTS = 8

_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 10000
max_outgoing_packet_count = 500
max_segment_size = {segment}
max_segment_count = {segments}

[v4.1]
name = "loopback"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 10000
max_payload_size = {payload}
max_inflight_count = 500
dynamic_filters = true
"""


def configure(folder: Path, port: int) -> Path:
    """Write the broker's configuration into the folder. Raises SettingsError."""
    path = folder / "broker.toml"
    text = _CONFIG.format(
        host=HOST,
        port=port,
        payload=MAX_PAYLOAD_BYTES,
        segment=SEGMENT_BYTES,
        segments=SEGMENTS,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror}") from error
    return path


def serve(settings: Settings) -> None:
    """Be the broker until the process ends. Raises SettingsError where the port can't be had."""
    path = configure(settings.home, settings.broker_port)
    # The broker's own log has a line for each packet.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    # It waits in native code, where Python's own handlers would never get their turn.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    threading.Thread(target=_end_on, args=(signals,), daemon=True).start()
    try:
        IotCoreBroker(config_path=str(path)).run_forever()
    except OSError as error:
        raise SettingsError(
            f"port {settings.broker_port} on {HOST}, for the broker, can't be had ({error}): end"
            " the program that has it, or set HOSHYAR_BROKER_PORT to another one"
        ) from error


def _end_on(signals: set[signal.Signals]) -> None:
    signal.sigwait(signals)
    os._exit(0)


# CONNECT of MQTT 3.1.1 with a clean session, an empty client id and 10 s keep-alive.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
_CONNACK = b"\x20\x02\x00\x00"


def answers(host: str, port: int, timeout_s: float = 2.0) -> bool:
    """True when an MQTT broker takes a client there (one that asks for no password)."""
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.sendall(_CONNECT)
            answer = b""
            while len(answer) < len(_CONNACK) and (more := connection.recv(4)):
                answer += more
            connection.sendall(b"\xe0\x00")
            return answer[:2] + answer[3:4] == _CONNACK[:2] + _CONNACK[3:]
    except OSError:
        return False


def need(settings: Settings) -> None:
    """Raise StoreUnavailable where the broker that HOSHYAR_BROKER names is not there.

    Whether it takes a password or a certificate only the stages find out.
    """
    address = settings.broker
    if address is None:
        return
    try:
        socket.create_connection((address.host, address.port), 5.0).close()
        why = "" if address.tls or settings.broker_user else "what answers is no MQTT broker"
    except OSError as error:
        raise StoreUnavailable(_absent(address, str(error.strerror or error))) from error
    if why and not answers(address.host, address.port, 5.0):
        raise StoreUnavailable(_absent(address, why))


def _absent(address: BrokerAddress, why: str) -> str:
    return f"no broker at {address} ({why}): start it, or correct HOSHYAR_BROKER"


def wait_until_ready(host: str, port: int, timeout_s: float) -> bool:
    """Wait for the broker to take clients; False after `timeout_s`."""
    until_s = time.monotonic() + timeout_s
    while not answers(host, port):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def running(folder: Path, port: int, timeout_s: float = 20.0) -> Iterator[BrokerAddress]:
    """A broker of one's own while the block runs: for tests and benchmarks.

    Raises SettingsError where it does not come up.
    """
    reading, writing = os.pipe()
    environment = {name: text for name, text in os.environ.items() if "HOSHYAR_" not in name}
    environment |= {
        "HOSHYAR_HOME": str(folder),
        "HOSHYAR_BROKER_PORT": str(port),
        "HOSHYAR_LIFELINE": str(reading),
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "hoshyar.broker"], env=environment, pass_fds=(reading,)
    )
    try:
        if not wait_until_ready(HOST, port, timeout_s) or child.poll() is not None:
            raise SettingsError(f"the broker on port {port} does not come up")
        yield BrokerAddress(HOST, port, False)
    finally:
        for descriptor in (reading, writing):
            os.close(descriptor)
        child.terminate()
        child.wait()


def main() -> int:
    """Exit code 2 and one line for a wrong setting."""
    lifeline.hold(os.environ)
    try:
        serve(Settings.read(os.environ))
    except SettingsError as error:
        print(f"broker: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
