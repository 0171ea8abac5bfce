"""Where devices have said that they are, and where those of a series were."""

from __future__ import annotations

import pytest

from records.network import Device, Lab, Network, Series, Station
from records.readings import empty
from records.times import HOUR, SECOND
from store import positions, readings, registry
from store.connection import Database
from store.positions import Position, Stay
from store.readings import Commit, DeviceStatus

NOW = 1_763_900_000 * SECOND


def network(device: str) -> Network:
    return Network(
        lab=(Lab(id="north"),),
        station=(Station(id="bank", lab="north", lat=35, lon=74),),
        device=(Device(id="gauge-1", station="bank"), Device(id="gauge-2", station="bank")),
        series=(Series(id="s1", station="bank", device=device, quantity="stage", unit="m"),),
    )


@pytest.fixture(autouse=True)
def gauges(db: Database) -> None:
    registry.enrol(db, network("gauge-1"))


def say(db: Database, *said: tuple[int, int, float | None, float | None]) -> None:
    """Statuses of (device, hours since NOW, latitude, longitude)."""
    statuses = tuple(
        DeviceStatus(device, "online", 1, "", None, lat, lon, NOW + hours * HOUR)
        for device, hours, lat, lon in said
    )
    readings.commit(db, Commit(0, NOW, "senml-1", "qartod-4", empty(), statuses=statuses))


def test_a_row_is_kept_of_each_change_and_the_newest_comes_back(db: Database) -> None:
    say(db, (1, 0, 35.0, 74.0), (1, 1, 35.0, 74.0), (2, 1, 1.0, 2.0), (1, 2, None, None))
    say(db, (1, 3, 36.0, 74.0), (1, 3, 36.0, 74.0))
    say(db, (1, 4, 36.0, 74.0))
    kept = db.run("SELECT device, lat FROM device_position ORDER BY device, received_at")
    assert kept == [(1, 35.0), (1, 36.0), (2, 1.0)]
    assert positions.newest(db) == [
        Position(1, NOW + 3 * HOUR, 36.0, 74.0),
        Position(2, NOW + HOUR, 1.0, 2.0),
    ]


def test_a_series_was_where_the_device_was_that_fed_it(db: Database) -> None:
    say(db, (1, 0, 35.0, 74.0), (2, 0, 1.0, 2.0))
    registry.enrol(db, network("gauge-2"))
    replaced = db.run("SELECT from_at FROM deployment WHERE until_at IS NULL")[0][0]
    found = positions.stays(db, [1])[1]
    assert found[0] == Stay(NOW, 35.0, 74.0)
    assert [(stay.lat, stay.lon) for stay in found[1:]] == [(1.0, 2.0)]
    assert found[1].from_at == round(replaced.timestamp() * SECOND)
    assert positions.stays(db, [2]) == {}
