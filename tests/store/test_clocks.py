"""The clock ledger in the database: taken up exactly, and asked by researchers."""

from __future__ import annotations

import numpy as np
import pytest

from records.network import Device, Lab, Network, Series, Station
from records.readings import empty
from records.times import HOUR, SECOND
from store import clocks, readings, registry
from store.clocks import ClockState, Trial
from store.connection import Database
from store.readings import Commit

NOW = 1_763_900_000 * SECOND // HOUR * HOUR
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"), Device(id="gauge-2", station="bank")),
    series=(Series(id="s1", station="bank", device="gauge-1", quantity="stage", unit="m"),),
)


def keep(db: Database, *states: ClockState) -> None:
    readings.commit(db, Commit(0, NOW, "senml-1", "qartod-1", empty(), clocks=states))


def known(boot: int, at: int, offset_s: float) -> ClockState:
    """A clock that was seen slow by so much, with lags within a tenth of a second."""
    offset = round(offset_s * SECOND)
    return ClockState(1, boot, NOW, at, True, offset, at, SECOND // 10, offset, NOW)


@pytest.fixture(autouse=True)
def gauges(db: Database) -> None:
    registry.enrol(db, NETWORK)


def test_the_newest_clocks_come_back_as_they_were(db: Database) -> None:
    trying = ClockState(2, clocks.NO_BOOT, NOW + 1, NOW + 5, trial=Trial(NOW, 7, 6, 8, 2, 1))
    older = [known(boot, NOW + 2, 1.0)._replace(begun_at=NOW + boot) for boot in range(6)]
    keep(db, trying, *older)
    newer = older[5]._replace(changed_at=NOW + 2 * HOUR, offset=5)
    keep(db, newer)
    keep(db, newer)
    begun = sorted([trying, *older[2:5], newer], key=lambda c: (c.begun_at, c.device, c.boot))
    assert clocks.load(db) == begun


def test_between_two_observations_the_offset_drifts_and_beyond_them_it_stands(
    db: Database,
) -> None:
    keep(db, known(1, NOW, 10.0))
    keep(db, known(1, NOW + 10 * HOUR, 13.6))
    keep(db, known(2, NOW + 20 * HOUR, -60.0))
    keep(db, ClockState(1, 3, NOW, NOW + 30 * HOUR))  # not known yet: says nothing
    shown = np.array(
        [NOW - HOUR, NOW + 5 * HOUR, NOW + 14 * HOUR, NOW + 16 * HOUR, NOW + 40 * HOUR]
    )
    found = clocks.corrections(db, 1, shown)
    assert found.offset.tolist() == pytest.approx([10.0, 11.8, 13.6, -60.0, -60.0], abs=0.01)
    assert found.drift.tolist() == pytest.approx([0, 1e-4, 0, 0, 0], rel=1e-3)
    assert found.uncertainty.tolist() == pytest.approx([0.46, 1.9, 1.54, 1.54, 7.3], abs=0.01)


def test_of_a_device_that_was_never_heard_nothing_is_known(db: Database) -> None:
    found = clocks.corrections(db, 2, np.array([NOW]))
    assert np.isnan(found.offset).all()
    assert np.isnan(found.uncertainty).all()
