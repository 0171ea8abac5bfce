"""A store with two series and trial rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from records.clock import ScenarioClock
from records.network import Device, Lab, Network, Series, Station
from store import registry, rules
from store.connection import Database, connect
from tests.ingest.verdicts.trial import RULES, T0


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        network = Network(
            lab=(Lab(id="lab"),),
            station=(Station(id="here", lab="lab", lat=36, lon=74),),
            device=(Device(id="one", station="here"),),
            series=tuple(
                Series(id=id_, station="here", device="one", quantity="tilt", unit="deg",
                       point=id_, interval_s=60)
                for id_ in ("a", "b")
            ),
        )  # fmt: skip
        registry.enrol(database, network, ScenarioClock(T0))
        rules.add(database, RULES, T0)
        yield database
