"""Waveform packets over a real broker into a real database, and back as one array."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import cbor2
import numpy as np
import pytest

from records.network import Device, Lab, Network, Series, Station
from records.times import SECOND
from store import quarantine, registry, stages, traces
from store.connection import Database, connect
from tests.flow.gauge import NOW, Device1, ingest, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.flow.conftest import RunningBroker

TOPIC = "hoshyar/v1/north/gauge-1/waveform"
RATE, LENGTH, PACKETS, LOST = 100, 250, 20, 7
BEGIN = NOW - 60 * SECOND
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(
        Series(
            id="s1", station="bank", device="gauge-1", point="x", quantity="acceleration",
            unit="Gal",
        ),
    ),
)  # fmt: skip


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK)
        yield database


def packet(number: int, samples: np.ndarray) -> bytes:
    start = BEGIN / SECOND + number * LENGTH / RATE
    return cbor2.dumps(
        {
            "boot": 1,
            "seq": number,
            "n": "x:acceleration",
            "start": start,
            "rate": RATE,
            "samples": cbor2.CBORTag(85, samples.astype("<f4").tobytes()),
        }
    )


@pytest.mark.promise("R2")
def test_packets_sent_twice_and_out_of_order_come_back_bit_for_bit_with_the_lost_one_known(
    broker: RunningBroker, dsn: str, db: Database
) -> None:
    samples = np.random.default_rng(7).normal(0, 20, (PACKETS, LENGTH)).astype(np.float32)
    order = np.random.default_rng(8).permutation(PACKETS)
    sent = [number for number in order if number != LOST]
    with ingest(broker, dsn), closing(Device1(broker)) as device:
        until(lambda: [s.state for s in stages.all(db)] == ["running"], "a running ingest")
        for number in [*sent, *sent[::-1]]:
            device.publish(packet(int(number), samples[number]), TOPIC)
        until(
            lambda: (
                db.run("SELECT sum(upper(r) - lower(r)) FROM settled, unnest(sequences) r")
                == [(PACKETS - 1,)]
            ),
            "the packets",
        )
    assert quarantine.entries(db) == []
    assert db.run("SELECT sum(waveforms), sum(stored) FROM worker") == [(PACKETS - 1, 0)]
    span = slice(np.datetime64(BEGIN, "us"), np.datetime64(NOW, "us"))
    found = traces.open_waveform(db, series="s1", time=span)
    expected = samples.astype(np.float64).ravel()
    expected[LOST * LENGTH : (LOST + 1) * LENGTH] = np.nan
    assert np.array_equal(found.to_numpy(), expected, equal_nan=True)
    assert found.attrs["gaps"].tolist() == [LOST * LENGTH, (LOST + 1) * LENGTH]
    assert found.attrs["sampling_rate"] == RATE
    assert found.time.to_numpy()[[0, -1]].tolist() == [
        BEGIN * 1000, BEGIN * 1000 + (PACKETS * LENGTH - 1) * 10**9 // RATE,
    ]  # fmt: skip
