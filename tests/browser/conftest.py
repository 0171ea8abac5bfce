"""A real store, the real process of the screens, and Chromium that may reach nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from alerts.follower import Follower
from records import times
from records.clock import WallClock
from records.levels import Hazard, Level
from records.network import Area, Device, Lab, Network, Series, Station, Thresholds
from records.ports import free_port
from records.readings import ReadingBatch
from records.statements import HazardWarning, Phrase
from store import readings, registry, stages, warnings
from store.connection import Database, connect
from tests import needs
from tests.databases import as_stage

ARGUMENTS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
OURS = {"127.0.0.1", "localhost"}
REASON = "The lake rose {rise} m in an hour."


@dataclass
class Lab1:
    """A small lab in a real store: what a test commits, the screens show."""

    db: Database
    dsn: str
    numbers: dict[str, int]
    clock: WallClock = field(default_factory=WallClock)
    silent: set[str] = field(default_factory=set)

    def measure(self, series: str, value: float, ago_s: float = 0.0) -> None:
        at = self.clock.now() - int(ago_s * times.SECOND)
        batch = ReadingBatch(
            np.array([self.numbers[series]], np.int32), np.array([at]), np.array([at]),
            np.array([value]), np.ones(1, np.uint8), np.zeros(1, np.uint8), np.zeros(1, np.bool_),
        )  # fmt: skip
        readings.commit(
            self.db,
            readings.Commit(
                worker=0, received_at=at, decoder="1", rules="1", readings=batch, settled=(),
                quarantined=(), statuses=(),
            ),
        )  # fmt: skip

    def warn(self, level: Level) -> None:
        """A detector says this level of the lake, and the alerts stage hears it."""
        now_at = self.clock.now()
        said = HazardWarning(
            source="limit/lake-level", detector="limit", version="1", hazard=Hazard.LAKE_OUTBURST,
            area="valley", level=level, stations=("lake",), simulated=True, decided_at=now_at,
            onset_at=now_at + times.HOUR, reason=Phrase(text=REASON, values={"rise": 1.5}),
        )  # fmt: skip
        warnings.append(self.db, [said])
        self.alerts()

    def alerts(self) -> None:
        """One step of the alerts stage: it takes warnings and what people did."""
        with connect(as_stage(self.dsn, "alerts"), stage="alerts") as db:
            Follower(db, self.clock, scenario=False).step()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """The stages give their signs of life, as often as they do."""
        stop = threading.Event()

        def beat() -> None:
            with connect(self.dsn, stage="test") as db:
                while not stop.is_set():
                    for stage in {"ingest", "models", "alerts"} - self.silent:
                        stages.beat(db, stage, 1, "running", "", self.clock.now())
                    stop.wait(2)

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def small_network() -> Network:
    return Network(
        lab=(Lab(id="hill", name="Hill lab"),),
        area=(
            Area(
                id="valley", lab="hill",
                names={"en": "Long valley", "ur": "لمبی وادی", "zh": "长谷"},
            ),
        ),
        station=(
            Station(
                id="lake", lab="hill", lat=36.47, lon=74.59, area="valley",
                names={"en": "High lake", "ur": "اونچی جھیل", "zh": "高湖"},
            ),
            Station(
                id="bridge", lab="hill", lat=36.40, lon=74.65, area="valley",
                downstream_of="lake", travel_s=600,
                names={"en": "Old bridge", "ur": "پرانا پل", "zh": "老桥"},
            ),
        ),
        device=tuple(
            Device(id=f"d{number}", station=place, simulated=True)
            for number, place in ((1, "lake"), (2, "bridge"))
        ),
        series=(
            Series(
                id="lake-level", station="lake", device="d1", quantity="lake_level", unit="m",
                interval_s=1, late_after_s=3600, thresholds=Thresholds(yellow=5, orange=6, red=7),
            ),
            Series(
                id="bridge-stage", station="bridge", device="d2", quantity="stage", unit="m",
                interval_s=1, late_after_s=3600,
            ),
        ),
    )  # fmt: skip


@pytest.fixture
def lab(dsn: str) -> Iterator[Lab1]:
    with connect(dsn, stage="test") as db:
        registry.enrol(db, small_network())
        lab = Lab1(db, dsn, registry.load(db).series_number)
        for second in range(60, 0, -1):
            lab.measure("lake-level", 4 + second / 100, ago_s=second)
        lab.measure("bridge-stage", 1.25)
        with lab.beating():
            yield lab


@pytest.fixture
def address(lab: Lab1) -> Iterator[str]:
    """Where the real process of the screens answers."""
    port = free_port()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HOSHYAR_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "lab_ui"],
        env={**clean, "HOSHYAR_DSN": as_stage(lab.dsn, "lab_ui"), "HOSHYAR_UI_PORT": str(port)},
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the screens did not start")


# No wider: as long as Playwright runs, no other test of this process could run a loop of its own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=needs.program("chromium"), args=ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A page that notes what it must not do: go outside, or complain on its console.

    It is closed before the screens at `address` end.
    """
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    wrong: list[str] = []

    def route(way: Route) -> None:
        if urlsplit(way.request.url).hostname in OURS:
            way.continue_()
        else:
            wrong.append(f"outside request: {way.request.url}")
            way.abort()

    context.route("**/*", route)
    page = context.new_page()
    page.on("websocket", lambda socket: wrong.extend(outside(socket.url)))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on(
        "console",
        lambda said: (
            wrong.append(f"console: {said.text} {said.location['url']}")
            # Streamlit looks for its server beside a page's own address first; there it is not.
            if said.type == "error" and "/_stcore/" not in said.location["url"]
            else None
        ),
    )
    yield page
    context.close()
    assert wrong == []


def outside(url: str) -> list[str]:
    return [] if urlsplit(url).hostname in OURS else [f"outside socket: {url}"]
