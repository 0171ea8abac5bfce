"""A database with a small network, and commits of a few readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from records.clock import ScenarioClock
from records.network import (
    Area,
    DetectorChoice,
    Device,
    Lab,
    Network,
    Series,
    Station,
    Thresholds,
)
from records.readings import ReadingBatch
from store import readings, registry
from store.connection import Database, connect
from store.readings import Commit, Committed
from tests.databases import STORE_KINDS

T0 = 1_700_000_000_000_000
# One reading: series, seconds after T0, value.
Row = tuple[int, float, float]


@pytest.fixture(params=STORE_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """What the store promises it keeps on each database."""
    found: str = request.param
    return found


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        yield database


@pytest.fixture
def network() -> Network:
    """A gauge and a plant: four series of three devices, one of them simulated."""
    return Network(
        lab=(Lab(id="karakoram", name="Karakoram lab"),),
        area=(
            Area(
                id="valley",
                lab="karakoram",
                names={"en": "Valley", "ur": "وادی", "zh": "山谷"},
                polygon=((36.0, 74.0), (36.5, 74.0), (36.5, 74.5)),
            ),
        ),
        station=(
            Station(id="bridge", lab="karakoram", lat=36.1, lon=74.2, downstream_of="lake"),
            Station(id="lake", lab="karakoram", lat=36.4, lon=74.4, area="valley", name="Lake"),
        ),
        device=(
            Device(id="gauge", station="bridge"),
            Device(id="logger", station="lake"),
            Device(id="twin", station="lake", simulated=True),
        ),
        series=(
            Series(
                id="bridge.stage",
                station="bridge",
                device="gauge",
                quantity="stage",
                unit="m",
                interval_s=60,
                thresholds=Thresholds(yellow=1.5, red=2.5),
            ),
            Series(
                id="lake.level", station="lake", device="logger", quantity="lake_level", unit="m"
            ),
            Series(
                id="lake.b1",
                station="lake",
                device="logger",
                quantity="vibration",
                unit="[g]",
                point="b-1",
            ),
            Series(id="lake.air", station="lake", device="twin", quantity="rain", unit="mm"),
        ),
        detector=(
            DetectorChoice(name="stage-limit", series=("bridge.stage",), params={"m": 2, "x": 1.0}),
        ),
    )


@pytest.fixture
def enrolled(db: Database, network: Network) -> Database:
    registry.enrol(db, network, ScenarioClock(T0))
    return db


@pytest.fixture
def batch_of() -> Callable[..., ReadingBatch]:
    def build(rows: Sequence[Row], received_s: float = 0.0) -> ReadingBatch:
        measured_at = [T0 + round(row[1] * 1e6) for row in rows]
        return ReadingBatch(
            series=np.array([row[0] for row in rows], np.int32),
            measured_at=np.array(measured_at, np.int64),
            received_at=np.full(len(rows), T0 + round(received_s * 1e6), np.int64),
            value=np.array([row[2] for row in rows], np.float64),
            flag=np.ones(len(rows), np.uint8),
            checks=np.zeros(len(rows), np.uint16),
            late=np.zeros(len(rows), np.bool_),
        )

    return build


@pytest.fixture
def store(db: Database, batch_of: Callable[..., ReadingBatch]) -> Callable[..., Committed]:
    """Commit rows that were received so many seconds after T0."""

    def commit(rows: Sequence[Row], received_s: float = 0.0, **rest: object) -> Committed:
        worker = rest.pop("worker", 0)
        target = rest.pop("db", db)
        assert isinstance(worker, int)
        assert isinstance(target, Database)
        received_at = T0 + round(received_s * 1e6)
        batch = batch_of(rows, received_s)
        work = Commit(worker, received_at, "senml/1", "qc/1", batch, **rest)  # type: ignore[arg-type]
        return readings.commit(target, work)

    return commit
