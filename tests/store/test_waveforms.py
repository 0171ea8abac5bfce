"""Packets are stored once, revised by arrival, and read back as one evenly sampled array."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.errors import InputError
from records.network import Network
from records.readings import empty
from records.times import DAY, SECOND
from store import follow, readings, registry, retention, rollups, sampled
from store.connection import Database
from store.readings import Commit, Settled
from store.waveforms import Waveform, latest, packets, samples, telling

T0 = 1_763_900_000 * SECOND
RATE = 100.0


def packet(
    begin: float, *values: float, rate: float = RATE, at: int = 1, **changed: Any
) -> Waveform:
    """Samples from `begin` samples after T0, arrived `at` seconds after T0."""
    whole = Waveform(
        series=1,
        start_at=T0 + round(begin / rate * SECOND),
        received_at=T0 + at * SECOND,
        rate_hz=rate,
        samples=np.array(values, np.float32),
        flag=1,
        checks=0,
        beyond=0,
        late=False,
    )
    return replace(whole, **changed)


def store(db: Database, *found: Waveform, seq: int | None = None) -> None:
    settled = () if seq is None else (Settled(1, 1, ((seq, seq),)),)
    work = Commit(0, T0, "w", "q", empty(), settled=settled, waveforms=found)
    readings.commit(db, work)


def seen(segments: list[sampled.Segment]) -> list[tuple[float, list[float | None], Any]]:
    """(start in samples after T0, samples with None for NaN, gaps) of each segment."""
    return [
        (
            round((one.start_at - T0) / SECOND * one.rate_hz, 3),
            [None if np.isnan(v) else v for v in one.samples.tolist()],
            one.gaps,
        )
        for one in segments
    ]


def joined(*found: Waveform) -> list[tuple[float, list[float | None], Any]]:
    return seen(sampled.join(found, 0, 2 * T0))


@pytest.mark.promise("R2")
def test_a_packet_is_stored_once_and_comes_back_bit_for_bit(db: Database) -> None:
    wide = packet(3, samples=np.array([np.pi, -0.0, 5e-324]), flag=4, checks=1, beyond=2, late=True)
    store(db, packet(0, 1, 2, 3), wide)
    store(db, packet(0, 1, 2, 3, at=9))
    first, second = packets(db, 1, T0, T0 + SECOND)
    assert (first.received_at, first.samples.dtype) == (T0 + SECOND, np.dtype(np.float32))
    for field in Waveform.__dataclass_fields__:
        if field != "samples":
            assert getattr(second, field) == getattr(wide, field)
    assert second.samples.tobytes() == wide.samples.tobytes()
    assert db.run("SELECT waveforms FROM worker") == [(2,)]
    assert db.run("SELECT number, waveforms FROM batch ORDER BY 1") == [(1, 2), (2, 0)]


@pytest.mark.promise("R2")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (2, 0, 1)])
def test_revisions_stand_in_the_order_of_arrival_however_they_come(
    db: Database, order: tuple[int, ...]
) -> None:
    versions = [packet(0, value, at=at) for at, value in ((1, 5.0), (2, 6.0), (3, 7.0))]
    for n in order:
        store(db, versions[n])
        store(db, versions[n])
    assert [p.samples.tolist() for p in packets(db, 1, T0, T0 + 1)] == [[7.0]]
    past = db.run("SELECT received_at, until_at FROM waveform_revision ORDER BY 1")
    assert [[at.timestamp() - T0 / 1e6 for at in row] for row in past] == [[1, 2], [2, 3]]


@pytest.mark.promise("R2")
def test_a_settled_packet_that_comes_again_undoes_no_revision(
    db: Database, network: Network
) -> None:
    registry.enrol(db, network)
    store(db, packet(0, 1, at=1), seq=1)
    store(db, packet(0, 2, at=2), seq=2)
    store(db, packet(0, 1, at=3), seq=1)
    assert [p.samples.tolist() for p in packets(db, 1, T0, T0 + 1)] == [[2.0]]


def test_starts_that_jitter_by_less_than_half_a_sample_are_one_array() -> None:
    assert joined(packet(0, 1, 2), packet(2.4, 3, 4), packet(3.7, 5)) == [
        (0.0, [1.0, 2.0, 3.0, 4.0, 5.0], ())
    ]


def test_a_hole_is_nan_and_known() -> None:
    assert joined(packet(0, 1, 2), packet(4, 5), packet(7.2, 8)) == [
        (0.0, [1.0, 2.0, None, None, 5.0, None, None, 8.0], ((2, 4), (5, 7)))
    ]


def test_equal_overlap_is_one_and_the_same() -> None:
    assert joined(packet(0, 1, 2, 3), packet(1, 2, 3, 4), packet(1.1, 2, 3)) == [
        (0.0, [1.0, 2.0, 3.0, 4.0], ())
    ]


def test_a_clock_that_was_put_back_begins_a_new_segment() -> None:
    segments = sampled.join([packet(0, 1, 2, 3), packet(1, 7, 8, 9)], 0, 2 * T0)
    assert seen(segments) == [(0.0, [1.0, 2.0, 3.0], ()), (1.0, [7.0, 8.0, 9.0], ())]
    assert [one.step_s for one in segments] == [0.0, pytest.approx(0.02)]


def test_another_rate_begins_a_new_segment() -> None:
    assert joined(packet(0, 1, 2), packet(4, 3, rate=200.0)) == [
        (0.0, [1.0, 2.0], ()), (4.0, [3.0], ()),
    ]  # fmt: skip


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.sets(st.integers(0, 7)), st.data())
def test_any_cut_into_packets_gives_the_same_array(
    lengths: list[int], lost: set[int], data: st.DataObject
) -> None:
    total = sum(lengths)
    jitter = [data.draw(st.floats(-0.2, 0.2)) for _ in lengths]
    found, wanted, begin = [], np.full(total, np.nan), 0
    for n, (length, shift) in enumerate(zip(lengths, jitter, strict=True)):
        if n not in lost:
            found.append(packet(begin + shift, *range(begin, begin + length)))
            wanted[begin : begin + length] = range(begin, begin + length)
        begin += length
    segments = sampled.join(found, 0, 2 * T0)
    there = np.flatnonzero(~np.isnan(wanted))
    expected = wanted[there[0] : there[-1] + 1] if len(there) else np.empty(0)
    assert len(segments) == (1 if len(there) else 0)
    for one in segments:
        assert np.array_equal(one.samples, expected, equal_nan=True)
        holes = [place for first, end in one.gaps for place in range(first, end)]
        assert holes == np.flatnonzero(np.isnan(expected)).tolist()


def test_a_span_is_read_from_packets_that_reach_into_it(db: Database) -> None:
    store(db, packet(0, 0, 1, 2, 3), packet(6, 6, 7, 8, 9), packet(20, 20))
    span = T0 + round(2 / RATE * SECOND), T0 + round(8 / RATE * SECOND)
    assert seen(sampled.read(db, 1, *span)) == [(2.0, [2.0, 3.0, None, None, 6.0, 7.0], ((2, 4),))]
    assert sampled.read(db, 2, *span) == []


def test_what_is_too_much_for_the_memory_is_refused(db: Database) -> None:
    store(db, packet(0, 1, rate=1000.0), packet(1e9, 1, rate=1000.0))
    with pytest.raises(InputError, match=r"ask for a span of up to 20,000 s"):
        sampled.read(db, 1, T0, 2 * T0)


def test_packets_past_keeping_go_with_the_readings_of_their_days(
    db: Database, network: Network
) -> None:
    registry.enrol(db, network)
    old, other = packet(0, 1, 2), packet(0, 1, 2.5, at=2)
    store(db, old)
    store(db, other)
    store(db, packet(DAY // SECOND * RATE, 3, 4))
    while rollups.roll_up(db, T0 + 2 * DAY):
        pass
    day = T0 // DAY
    assert not retention.drop_before(db, day)
    assert len(packets(db, 1, 0, 2 * T0)) == 2
    assert not retention.drop_before(db, day + 1)
    assert [one.samples.tolist() for one in packets(db, 1, 0, 2 * T0)] == [[3, 4]]
    assert db.run("SELECT count(*) FROM waveform_revision") == [(0,)]


def rows(found: list[follow.StoredBatch]) -> list[list[tuple[int, int, float]]]:
    """Of each batch (arrival, microseconds after T0, value) of its rows."""
    return [
        list(
            zip(
                ((one.readings.received_at - T0) // SECOND).tolist(),
                (one.readings.measured_at - T0).tolist(),
                one.readings.value.tolist(),
                strict=True,
            )
        )
        for one in found
    ]


@pytest.mark.promise("R4")
def test_who_follows_batches_gets_every_sample_at_its_time_also_what_was_replaced_since(
    db: Database,
) -> None:
    store(db, packet(0, 1.0, 2.0, 3.0), packet(3, 9.0, rate=3.0, at=2))
    before = rows(follow.batches_after(db, {}, packets=samples))
    assert before == [[(1, 0, 1.0), (1, 10_000, 2.0), (1, 20_000, 3.0), (2, 1_000_000, 9.0)]]
    store(db, packet(0, 1.0, 2.0, 3.0, at=3), packet(0, 7.0, at=4))
    assert rows(follow.batches_after(db, {}, packets=samples)) == [*before, [(4, 0, 7.0)]]
    assert rows(follow.batches_after(db, {0: 1}, packets=samples)) == [[(4, 0, 7.0)]]
    assert rows(follow.batches_after(db, {})) == [[], []]


def test_samples_count_where_a_follower_s_turn_is_bounded(db: Database) -> None:
    for number in range(4):
        store(db, packet(10.0 * number, *range(10)))

    def turn(limit_rows: int, **options: Any) -> list[int]:
        return [b.number for b in follow.batches_after(db, {}, limit_rows=limit_rows, **options)]

    assert turn(20, packets=samples) == [1, 2]
    assert turn(1, packets=samples) == [1]
    assert turn(20) == [1, 2, 3, 4]


def test_a_row_a_packet_tells_what_stands_out_of_it(db: Database) -> None:
    store(db, packet(0, 5.0, 5.1, -30.0, 4.9), packet(4, 1.0, 2.0, 1.0))
    shown = rows(follow.batches_after(db, {}, packets=telling))
    assert shown == [[(1, 20_000, -30.0), (1, 50_000, 2.0)]]
    assert [one.start_at - T0 for one in latest(db, [1, 2], 1)] == [40_000]
    assert len(telling([])) == len(samples([])) == 0
