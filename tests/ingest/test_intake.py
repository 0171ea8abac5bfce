"""The pure core: messages in, one commit out, whatever is in the messages."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import numpy as np
import pytest
from msgspec.structs import replace

from ingest.arrivals import Arrival
from ingest.intake import KEPT_OF_TOO_LARGE_BYTES, Intake
from records.errors import Reason
from records.levels import Check
from records.network import Device, Network
from records.times import DAY, SECOND
from store.readings import DeviceStatus, Quarantined, Settled
from store.registry import Registry
from tests.ingest.gauges import (
    GOOD,
    NETWORK,
    NOW,
    TOPIC,
    intake,
    refusals,
    rows,
    senml,
    series,
    stage,
    take,
)


def test_a_message_becomes_rows_in_the_units_of_the_series() -> None:
    payload = senml(
        {"bn": "gauge-1/", "bt": NOW / 1e6, "n": "stage", "u": "cm", "v": 241.7},
        {"n": "b1:vibration", "t": -0.25, "v": 0.5},
        boot=7,
        seq=1042,
    )
    commit = take(payload, worker=3)
    assert rows(commit.readings) == [(1, 0.0, pytest.approx(2.417), False), (2, -0.25, 0.5, False)]
    assert commit.readings.flag.tolist() == [2, 2]
    assert (commit.worker, commit.received_at, commit.decoder, commit.rules) == (
        3, NOW, "senml-1", "qartod-4",
    )  # fmt: skip
    assert commit.settled == (Settled(1, 7, ((1042, 1042),)),)
    assert commit.quarantined == ()


def test_a_sum_is_a_reading_of_the_quantity_that_the_registry_knows_for_it() -> None:
    both = (series(1, "gauge-1", "active_power", "kW"), series(2, "gauge-1", "energy", "kW.h"))
    payload = senml({"n": "active_power", "u": "MW", "t": NOW / 1e6, "v": 2, "s": 7200})
    arrivals = [Arrival(TOPIC, payload, NOW)]
    known = Intake(Registry.of(replace(NETWORK, series=both))).take(arrivals)
    assert rows(known.readings) == [(1, 0.0, 2000.0, False), (2, 0.0, pytest.approx(2000), False)]
    unknown = Intake(Registry.of(replace(NETWORK, series=both[:1]))).take(arrivals)
    assert refusals(unknown) == [(Reason.UNKNOWN_QUANTITY, 1)]
    assert unknown.quarantined[0].detail == "'active_power sum' is not measured there"


def test_a_waveform_packet_becomes_one_in_the_unit_of_the_series() -> None:
    def sent(seq: int, **changed: Any) -> Arrival:
        start = NOW / 1e6 - 700
        whole = {"boot": 7, "seq": seq, "n": "b1:vibration", "start": start, "rate": 0.05}
        samples = cbor2.CBORTag(85, np.array([1, 600], "<f4").tobytes())
        payload = cbor2.dumps(whole | {"samples": samples} | changed)
        return Arrival(TOPIC.replace("readings", "waveform"), payload, NOW)

    last = sent(5)
    arrivals = [sent(3), sent(4, u="mg"), last, last, sent(6, u="Cel"), sent(7, start=9e8)]
    commit = intake().take(arrivals)
    same, other, _ = commit.waveforms
    assert (same.series, same.start_at, same.received_at, same.rate_hz, same.late) == (
        2, NOW - 700 * SECOND, NOW, 0.05, True,
    )  # fmt: skip
    assert same.samples.tolist() == [1.0, 600.0]
    assert (same.flag, same.checks, same.beyond) == (4, Check.GROSS_RANGE, 1)
    assert other.samples.tolist() == pytest.approx([0.001, 0.6])
    assert (other.flag, other.checks, other.beyond) == (1, 0, 0)
    assert refusals(commit) == [(Reason.WRONG_UNIT, 1), (Reason.IMPOSSIBLE_TIME, 1)]
    assert commit.settled == (Settled(1, 7, ((3, 7),)),)


REFUSED: dict[str, tuple[bytes, str, Reason, int | None]] = {
    "bytes that are no SenML": (b"\x07\xff", TOPIC, Reason.UNDECODABLE, 1),
    "an unknown device": (GOOD, TOPIC.replace("gauge-1", "gauge-9"), Reason.UNKNOWN_DEVICE, None),
    "another lab's topic": (GOOD, TOPIC.replace("north", "south"), Reason.WRONG_LAB, 1),
    "an unknown quantity": (senml({"n": "mood", "v": 1}), TOPIC, Reason.UNKNOWN_QUANTITY, 1),
    "a quantity it does not measure": (
        senml({"n": "rain", "v": 1}), TOPIC, Reason.UNKNOWN_QUANTITY, 1),
    "another point": (senml({"n": "b2:vibration", "v": 1}), TOPIC, Reason.UNKNOWN_QUANTITY, 1),
    "another device's name": (
        senml({"n": "tide-1/sea_level", "v": 1}), TOPIC, Reason.UNKNOWN_QUANTITY, 1),
    "a wrong unit": (stage(u="Cel"), TOPIC, Reason.WRONG_UNIT, 1),
    "NaN": (stage(float("nan")), TOPIC, Reason.NOT_FINITE, 1),
    "1e400": (stage().replace(b"1.5", b"1e400"), TOPIC, Reason.NOT_FINITE, 1),
    "a sum over all bounds": (stage(1e308, bv=1e308), TOPIC, Reason.NOT_FINITE, 1),
    "a time in 1970": (stage(seconds=1000), TOPIC, Reason.IMPOSSIBLE_TIME, 1),
    "a later time in 1970": (stage(seconds=8_640_000), TOPIC, Reason.IMPOSSIBLE_TIME, 1),
    "a time in 1995": (stage(seconds=800_000_000), TOPIC, Reason.IMPOSSIBLE_TIME, 1),
    "a time next year": (stage(seconds=NOW / 1e6 + 365 * 86400), TOPIC, Reason.IMPOSSIBLE_TIME, 1),
    "a time beyond all calendars": (stage(seconds=1e300), TOPIC, Reason.IMPOSSIBLE_TIME, 1),
    "no time and no sequence": (
        senml({"n": "stage", "v": 1}), TOPIC, Reason.RELATIVE_TIME, 1),
    "a negative sequence": (stage(boot=1, seq=-1), TOPIC, Reason.BAD_SEQUENCE, 1),
    "an empty payload": (b"", TOPIC, Reason.EMPTY_PAYLOAD, 1),
    "a topic outside the grammar": (GOOD, "hoshyar/v1/north", Reason.BAD_TOPIC, None),
    "a topic of an unknown channel": (
        GOOD, TOPIC.replace("readings", "moods"), Reason.BAD_TOPIC, None),
    "a topic with a NUL": (GOOD, "hoshyar/v1/nor\0th/gauge-1/readings", Reason.BAD_TOPIC, None),
    "a status that is none": (
        b'{"state":"sad"}', TOPIC.replace("readings", "status"), Reason.UNDECODABLE, 1),
    "a waveform": (b"\x80", TOPIC.replace("readings", "waveform"), Reason.UNDECODABLE, 1),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "topic", "reason", "device"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_quarantined_once_with_its_reason_and_the_next_message_is_stored(
    payload: bytes, topic: str, reason: Reason, device: int | None
) -> None:
    bad, good = Arrival(topic, payload, NOW), Arrival(TOPIC, stage(boot=2, seq=0), NOW)
    worker = intake()
    commit = worker.take([bad, good, bad])
    assert [
        (q.topic, q.payload, q.reason, q.device, q.received_at) for q in commit.quarantined
    ] == [(topic, payload, reason, device, NOW)]
    assert rows(commit.readings) == [(1, 0.0, 1.5, False)]
    assert worker.take([bad]).quarantined == ()


def test_one_bad_value_refuses_the_whole_message_and_settles_it() -> None:
    mixed = senml(
        {"n": "stage", "v": 1, "t": NOW / 1e6},
        {"n": "stage", "v": 2, "t": 5.0},
        {"n": "stage", "v": 3, "t": -1},
        boot=1,
        seq=5,
    )
    commit = take(mixed)
    assert rows(commit.readings) == []
    assert refusals(commit) == [(Reason.IMPOSSIBLE_TIME, 1)]
    assert commit.settled == (Settled(1, 1, ((5, 5),)),)


def test_of_a_payload_over_the_limit_the_beginning_is_kept() -> None:
    large = stage(boot=1, seq=6).ljust(20_000)
    commit = take(large, max_payload_bytes=10_000)
    assert commit.quarantined == (
        Quarantined(
            1, TOPIC, large[:KEPT_OF_TOO_LARGE_BYTES], Reason.TOO_LARGE, "20000 bytes", NOW
        ),
    )
    assert commit.settled == (Settled(1, 1, ((6, 6),)),)
    assert len(take(large[:10_000], max_payload_bytes=10_000).readings) == 1


def test_a_relative_time_counts_from_arrival() -> None:
    payload = senml({"n": "stage", "v": 1}, {"n": "stage", "v": 2, "t": -1.5}, boot=1, seq=0)
    assert rows(take(payload).readings) == [(1, 0.0, 1.0, False), (1, -1.5, 2.0, False)]


def test_a_reading_is_late_by_the_series_own_measure() -> None:
    ages = [600.0, 600.000001, 86_400.0 * 365]
    payload = senml(*({"n": "stage", "v": 1, "t": -age} for age in ages), boot=1, seq=0)
    assert [late for *_, late in rows(take(payload).readings)] == [False, True, True]


def test_up_to_a_day_ahead_is_stored_with_a_clock_flag() -> None:
    ahead = (NOW + DAY) / 1e6
    commit = take(stage(seconds=ahead), stage(seconds=ahead + 1))
    assert rows(commit.readings) == [(1, 86_400.0, 1.5, False)]
    assert (commit.readings.flag.tolist(), commit.readings.checks.tolist()) == ([3], [16])
    assert refusals(commit) == [(Reason.IMPOSSIBLE_TIME, 1)]


def test_the_label_received_at_counts_on_a_scenario_clock_alone() -> None:
    payload = stage(seconds=NOW / 1e6, received_at=NOW + 700 * SECOND, boot=1, seq=0)
    live, replay = take(payload), take(payload, scenario=True)
    assert (live.received_at, live.readings.late.tolist()) == (NOW, [False])
    assert (replay.received_at, replay.readings.late.tolist()) == (NOW + 700 * SECOND, [True])
    bad = take(stage(received_at="noon", boot=1, seq=0), scenario=True)
    assert refusals(bad) == [(Reason.IMPOSSIBLE_TIME, 1)]


def test_a_status_is_kept() -> None:
    said = {"state": "online", "boot": 7, "firmware": "1.2", "battery_v": 12.6, "x": 1}
    topic = TOPIC.replace("readings", "status")
    commit = take(json.dumps(said).encode(), topic=topic)
    assert commit.statuses == (DeviceStatus(1, "online", 7, "1.2", 12.6, None, None, NOW),)


def test_a_reply_is_taken_without_a_trace() -> None:
    commit = take(b"{}", topic=TOPIC.replace("readings", "reply"))
    assert (commit.quarantined, commit.statuses, len(commit.readings)) == ((), (), 0)


def test_a_changed_registry_counts_from_the_next_message_on() -> None:
    worker = intake()
    network = Network(
        lab=NETWORK.lab,
        station=NETWORK.station,
        device=(*NETWORK.device, Device(id="gauge-9", station="bank")),
        series=(*NETWORK.series, series(4, "gauge-9", "stage", "m")),
    )
    topic = TOPIC.replace("gauge-1", "gauge-9")
    message = Arrival(topic, stage(1), NOW)
    assert refusals(worker.take([message])) == [(Reason.UNKNOWN_DEVICE, None)]
    worker.use(Registry.of(network))
    assert rows(worker.take([message]).readings) == [(4, 0.0, 1.0, False)]


def test_many_spellings_do_not_fill_the_memory() -> None:
    worker = intake()
    spellings = [
        Arrival(TOPIC, senml({"bu": f"x{n}", "n": "stage", "u": "m", "v": n, "t": NOW / 1e6}), NOW)
        for n in range(300)
    ]
    assert len(worker.take(spellings).readings) == 300
    assert len(worker._feeds._rows) == 1
