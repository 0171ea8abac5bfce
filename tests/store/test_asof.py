"""What was known at any earlier moment comes back, whatever was stored since."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records import times
from records.clock import ScenarioClock, WallClock
from records.errors import InputError
from records.network import Device, Network, Thresholds
from records.readings import ReadingBatch
from records.times import DAY
from store import asof, registry
from store.connection import Database
from store.datasets import open_dataset
from store.readings import Committed, between

T0 = 1_700_000_000_000_000
Store = Callable[..., Committed]
# Value, receipt (seconds after T0), worker and batch by (series, seconds after T0).
State = dict[tuple[int, int], tuple[float, int, int, int]]


def now() -> int:
    """A moment that no commit shares."""
    clock = WallClock()
    start = clock.now()
    while (at := clock.now()) <= start:
        pass
    return at


def seconds(at: int) -> int:
    return (at - T0) // 1_000_000


def state(db: Database, as_of: int, first: int = 1) -> State:
    """What the store answers about a moment, of two series."""
    found, origin = asof.with_origin(
        db, [first, first + 1], T0 - DAY, T0 + DAY, asof.positions_at(db, as_of)
    )
    keys = zip(found.series.tolist(), map(seconds, found.measured_at.tolist()), strict=True)
    values = zip(
        found.value.tolist(),
        map(seconds, found.received_at.tolist()),
        origin["worker"].tolist(),
        origin["batch"].tolist(),
        strict=True,
    )
    return dict(zip(keys, values, strict=True))


# Each example has series of its own: nothing of another one is in its way.
_FREE_SERIES = itertools.count(100, 2)
_ROW = st.tuples(st.integers(0, 1), st.integers(0, 3), st.sampled_from([1.0, 2.0, 3.0]))
_COMMITS = st.lists(
    st.tuples(st.integers(0, 1), st.lists(_ROW, min_size=1, max_size=5)), min_size=1, max_size=12
)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(commits=_COMMITS, compact=st.booleans())
def test_every_state_that_the_store_had_can_be_asked_for(
    enrolled: Database,
    store: Store,
    commits: list[tuple[int, list[tuple[int, int, float]]]],
    compact: bool,
) -> None:
    """Beside a model that keeps a copy of every state; commits, repeats and revisions."""
    db = enrolled
    first = next(_FREE_SERIES)
    known: State = {}
    states: list[tuple[int, State]] = [(now(), {})]
    for step, (worker, rows) in enumerate(commits):
        own = [(first + series, at, value) for series, at, value in rows]
        done = store(own, 10 * step, worker=worker)
        for series, at, value in own:
            before = known.get((series, at))
            if before is None or before[0] != value:
                known[series, at] = (value, 10 * step, worker, done.number)
        states.append((now(), dict(known)))
        if compact:
            while db.flavour.compact_before(db, T0 // DAY + 2):
                pass
    for moment, expected in states:
        assert state(db, moment, first) == expected
    assert state(db, now(), first) == known


def test_a_moment_is_that_of_the_commit_and_not_of_the_arrival(
    enrolled: Database, store: Store, batch_of: Callable[..., ReadingBatch]
) -> None:
    """A message that waited for the database was not known while it waited."""
    store([(1, 0, 1.0)], received_s=0)
    meanwhile = now()
    store([(1, 0, 2.0), (2, 0, 5.0)], received_s=-500)
    assert state(enrolled, meanwhile) == {(1, 0): (1.0, 0, 0, 1)}
    found = asof.between(enrolled, [1, 2], 0, T0 + DAY, meanwhile)
    assert found.value.tolist() == [1.0]
    assert between(enrolled, [1, 2], 0, T0 + DAY).value.tolist() == [2.0, 5.0]


def test_a_clock_that_was_set_back_leaves_states_that_were(
    enrolled: Database, store: Store
) -> None:
    for value in (1.0, 2.0, 3.0):
        store([(1, 0, value)])
    at = "2026-01-01 00:00:{}+00"
    for number, second in ((1, 10), (2, 30), (3, 20)):
        enrolled.run(
            "UPDATE batch SET committed_at = %s::timestamptz WHERE number = %s",
            (at.format(second), number),
        )
    base = 1_767_225_600_000_000
    answers = {
        s: asof.between(enrolled, [1], 0, T0 + DAY, base + s * 1_000_000).value.tolist()
        for s in (5, 10, 19, 20, 40)
    }
    assert answers == {5: [], 10: [1.0], 19: [1.0], 20: [3.0], 40: [3.0]}


def test_of_a_row_between_two_clocks_there_is_one(enrolled: Database, store: Store) -> None:
    for worker, value in ((0, 1.0), (1, 2.0), (0, 3.0)):
        store([(1, 0, value)], worker=worker)
    expected: list[tuple[dict[int, int], list[float]]] = [
        ({}, []),
        ({0: 1}, [1.0]),
        ({0: 1, 1: 1}, [2.0]),
        ({0: 2}, [3.0]),
    ]
    for positions, values in expected:
        found, _ = asof.with_origin(enrolled, [1], 0, T0 + DAY, positions)
        assert found.value.tolist() == values


def test_the_registry_of_any_moment_comes_back(db: Database, network: Network) -> None:
    moments = [now()]
    kept = [registry.load(db)]

    def note() -> None:
        moments.append(now())
        kept.append(registry.load(db))

    registry.enrol(db, network, ScenarioClock(T0))
    note()
    gauge = msgspec.structs.replace(network.series[0], thresholds=Thresholds(orange=9.0))
    registry.enrol(db, msgspec.structs.replace(network, series=(gauge, *network.series[1:])))
    note()
    registry.add_device(db, Device(id="spare", station="lake"))
    note()
    registry.revoke_device(db, "gauge", T0)
    note()
    registry.enrol(db, registry.load(db).network)  # changes nothing
    note()
    for moment, expected in zip(moments, kept, strict=True):
        found = registry.load_as_of(db, moment)
        assert found.network == expected.network
        assert found.version == expected.version
        assert found.series_number == expected.series_number
        assert found.device_number == expected.device_number
        assert found.feeds == expected.feeds
        assert [found.simulated(n) for n in found.series_id] == [
            expected.simulated(n) for n in expected.series_id
        ]


def test_a_registry_from_before_versions_were_kept_always_was(
    db: Database, network: Network
) -> None:
    registry.enrol(db, network, ScenarioClock(T0))
    db.run("DELETE FROM registry_version")
    assert registry.load_as_of(db, T0 - DAY).network == registry.load(db).network
    before = registry.load(db)
    registry.revoke_device(db, "gauge", T0)
    found = registry.load_as_of(db, T0 - DAY)
    assert (found.version, found.device_number) == (before.version, before.device_number)
    assert "gauge" not in registry.load_as_of(db, now()).device_number


def test_a_dataset_opens_as_it_was(enrolled: Database, store: Store, network: Network) -> None:
    store([(1, 0, 1.0), (1, 60, 2.0)])
    then = now()
    dataset = open_dataset(enrolled, station="bridge")
    store([(1, 0, 7.0), (1, 30, 8.0)], 100)
    bridge = msgspec.structs.replace(network.station[0], name="Renamed")
    changed = msgspec.structs.replace(network, station=(bridge, network.station[1]))
    registry.enrol(enrolled, changed)
    again = open_dataset(enrolled, station="bridge", as_of=times.text(then))
    assert again.attrs.pop("as_of") == times.text(then)
    assert again.identical(dataset)
    latest = open_dataset(enrolled, station="bridge")
    assert latest.stage.values.tolist() == [7.0, 8.0, 2.0]
    assert latest.attrs["title"] == "Readings at Renamed"
    with pytest.raises(InputError, match="is not a moment"):
        open_dataset(enrolled, station="bridge", as_of="yesterday")
