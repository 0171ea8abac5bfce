"""A gauge that is enrolled and connected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from store import registry, stages
from store.connection import Database, connect
from tests.flow.gauge import NETWORK, Device1, until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK)
        yield database


@pytest.fixture
def device(broker: RunningBroker) -> Iterator[Device1]:
    client = Device1(broker)
    yield client
    client.close()


@pytest.fixture
def listening(broker: RunningBroker, dsn: str, db: Database, device: Device1) -> Callable[[], None]:
    """Waits until ingest takes messages: until then a broker has nobody to keep them for."""

    def wait() -> None:
        until(lambda: [s.state for s in stages.all(db)] == ["running"], "a running ingest")

    return wait
