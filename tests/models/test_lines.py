"""Models follow several workers: what becomes visible late is decided in the order of arrival."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from models.service import HOLD, Follower
from records.clock import ScenarioClock
from records.network import Device, Lab, Network, Series, Station, Thresholds
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import SECOND
from store import registry, warnings
from store.connection import Database, connect
from store.readings import Commit, commit

START = 1_700_000_000 * SECOND
NETWORK = Network(
    lab=(Lab(id="lab"),),
    station=tuple(Station(id=s, lab="lab", lat=36, lon=74) for s in "ab"),
    device=(Device(id="a", station="a"), Device(id="b", station="b")),
    series=tuple(
        Series(id=f"{s}-stage", station=s, device=s, quantity="stage", unit="m", interval_s=1.0,
               late_after_s=120.0, thresholds=Thresholds(yellow=1.0, orange=2.0, red=3.0))
        for s in "ab"
    ),
)  # fmt: skip


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK, ScenarioClock(START))
        yield database


def store(db: Database, worker: int, series: int, at: int, value: float) -> None:
    one = np.ones(1, np.uint8)
    rows = ReadingBatch(
        series=np.array([series], np.int32),
        measured_at=np.array([at]),
        received_at=np.array([at]),
        value=np.array([value]),
        flag=one,
        checks=np.zeros(1, np.uint16),
        late=np.zeros(1, np.bool_),
    )
    commit(db, Commit(worker, at, "1", "1", rows))


@pytest.mark.promise("R4")
def test_of_two_workers_the_slower_ones_earlier_rows_are_decided_first(db: Database) -> None:
    clock = ScenarioClock(START)
    follower = Follower(db, scenario=False, clock=clock)
    follower.step()
    moments = [START + n * SECOND for n in range(1, 20)]
    for at in moments:
        # Worker 2 is first to commit what arrived later.
        store(db, 2, 2, at + 1000, 2.5 if at > moments[8] else 0.5)
        clock.advance(at + 2000)
        follower.step()
        store(db, 1, 1, at, 3.5 if at > moments[8] else 0.5)
    clock.advance(moments[-1] + 2000 + HOLD)
    while follower.step():
        pass
    follower.save()
    said: list[HazardWarning] = [warning for _, warning in warnings.after(db, 0)]
    arrivals = {"a": [*moments], "b": [at + 1000 for at in moments]}
    assert said
    assert {warning.stations[0] for warning in said if warning.stations} == {"a", "b"}
    assert [w for w in said if w.stations and w.decided_at not in arrivals[w.stations[0]]] == []
