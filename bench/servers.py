"""What the benchmarks run on: a broker, and a database with the publisher's devices enrolled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from bench import publisher
from hoshyar import broker as embedded
from records.network import Device, Lab, Network, Series, Station
from store import registry
from store.connection import connect
from store.migrations import migrate

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
# One that is not among the publisher's.
LIVE_DEVICE = "gauge"
# The brokers that are to be had here.
KINDS = ("mosquitto", "embedded") if MOSQUITTO else ("embedded",)


def network() -> Network:
    """The publisher's devices, and one of live readings."""
    devices = [LIVE_DEVICE, *(publisher.device(n) for n in range(publisher.DEVICES))]
    return hall(devices, publisher.POINTS)


def hall(devices: Sequence[str], points: int, **series: Any) -> Network:
    """These devices in one place, each with series p0, p1 and so on of vibration."""
    return Network(
        lab=(Lab(id="bench"),),
        station=(Station(id="hall", lab="bench", lat=35, lon=74),),
        device=tuple(Device(id=device, station="hall", simulated=True) for device in devices),
        series=tuple(
            Series(
                id=f"{device}-{point}",
                station="hall",
                device=device,
                quantity="vibration",
                unit="[g]",
                point=f"p{point}",
                **series,
            )
            for device in devices
            for point in range(points)
        ),
    )


def broker(kind: str, folder: Path, port: int) -> AbstractContextManager[object]:
    """`mosquitto` or `embedded`, ready, on this port of the loopback."""
    return mosquitto(folder, port) if kind == "mosquitto" else embedded.running(folder, port)


@contextmanager
def mosquitto(folder: Path, port: int) -> Iterator[None]:
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 5000\n"
        "max_queued_messages 200000\nlog_dest none\n"
    )
    child = subprocess.Popen([str(MOSQUITTO), "-c", str(config)])
    try:
        if not embedded.wait_until_ready("127.0.0.1", port, 20):
            raise SystemExit("bench: Mosquitto does not come up")
        yield
    finally:
        child.terminate()
        child.wait()


@contextmanager
def database(server: str, name: str, enrolled: Network | None = None) -> Iterator[str]:
    """A fresh database with the network (the publisher's) enrolled, dropped afterwards."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    dsn = make_conninfo(server, dbname=name)
    migrate(dsn)
    with connect(dsn, stage="bench") as db:
        registry.enrol(db, enrolled or network())
    yield dsn
    with psycopg.connect(server, autocommit=True) as connection:
        # Not WITH (FORCE): a role that is no superuser may not end the autovacuum that way.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user",
            (name,),
        )
        connection.execute(f"DROP DATABASE {name}")
