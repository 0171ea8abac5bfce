"""The pure core: messages in, one commit out, whatever is in the messages."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ingest import senml as senml_format
from ingest.arrivals import Arrival
from ingest.checks import HISTORY
from ingest.intake import KEPT_OF_TOO_LARGE_BYTES, Intake
from ingest.ledger import MOST_SPANS, Receipt
from ingest.recent import digest
from records.errors import Reason
from records.levels import Check
from records.network import Device, Lab, Network, Series, Station
from records.readings import ReadingBatch, concatenate, empty
from records.times import DAY, HOUR, SECOND
from store.numbering import Unnumbered
from store.readings import Commit, DeviceStatus, Quarantined, Settled
from store.registry import Registry

NOW = 1_763_900_000 * SECOND
TOPIC = "hoshyar/v1/north/gauge-1/readings"


def series(number: int, device: str, quantity: str, unit: str, point: str = "main") -> Series:
    return Series(
        id=f"s{number}", station="bank", device=device, quantity=quantity, unit=unit, point=point
    )


NETWORK = Network(
    lab=(Lab(id="north"), Lab(id="south")),
    station=(
        Station(id="bank", lab="north", lat=35, lon=74),
        Station(id="shore", lab="south", lat=24, lon=67),
    ),
    device=(Device(id="gauge-1", station="bank"), Device(id="tide-1", station="shore")),
    series=(
        series(1, "gauge-1", "stage", "m"),
        series(2, "gauge-1", "vibration", "[g]", "b1"),
        series(3, "tide-1", "sea_level", "m"),
    ),
)


def intake(**options: Any) -> Intake:
    return Intake(Registry.of(NETWORK), **options)


def senml(*records: dict[str, Any], **first: Any) -> bytes:
    return json.dumps([{**records[0], **first}, *records[1:]]).encode()


def stage(value: Any = 1.5, seconds: float = NOW / 1e6, **first: Any) -> bytes:
    return senml({"n": "stage", "v": value, "t": seconds}, **first)


def rows(readings: ReadingBatch) -> list[tuple[int, float, float, bool]]:
    """(series, seconds since NOW, value, late) of each row."""
    since = (readings.measured_at - NOW) / SECOND
    columns = (readings.series, since, readings.value, readings.late)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def refusals(commit: Commit) -> list[tuple[Reason, int | None]]:
    return [(bad.reason, bad.device) for bad in commit.quarantined]


def take(*payloads: bytes, topic: str = TOPIC, **options: Any) -> Commit:
    return intake(**options).take([Arrival(topic, payload, NOW) for payload in payloads])


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
        3, NOW, "senml-1", "qartod-3",
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


GOOD = stage(boot=1, seq=0)
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


def test_bytes_that_say_their_sequence_settle_it() -> None:
    commit = take(b'[{"boot":1,"seq":5,"n":"stage","v":oops}]')
    assert commit.settled == (Settled(1, 1, ((5, 5),)),)


def test_another_labs_topic_settles_nothing() -> None:
    assert take(GOOD, topic=TOPIC.replace("north", "south")).settled == ()


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


@pytest.mark.promise("R2")
def test_a_repeat_changes_nothing_whatever_it_says() -> None:
    worker = intake()
    worker.take([Arrival(TOPIC, stage(1, boot=1, seq=0), NOW)])
    again = worker.take([Arrival(TOPIC, stage(2, boot=1, seq=0), NOW + SECOND)])
    assert (len(again.readings), again.settled, again.quarantined) == (0, (), ())
    assert worker.touched() == {(1, 1)}
    assert worker.touched() == set()


def test_who_repeats_itself_at_once_is_decoded_once_and_still_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[bytes] = []
    first, second = stage(boot=1, seq=1), stage(2.5, NOW / 1e6 + 1, boot=1, seq=2)

    def decode(payload: bytes) -> Any:
        decoded.append(payload)
        return senml_format.decode(payload)

    worker = intake()
    route = worker._routes.of(TOPIC)
    assert route.decoder is not None
    counting = dataclasses.replace(route, decoder=dataclasses.replace(route.decoder, decode=decode))
    monkeypatch.setitem(worker._routes._known, TOPIC, counting)
    said = [first] * 10 + [second] * 10 + [first] * 10
    commit = worker.take([Arrival(TOPIC, payload, NOW + n) for n, payload in enumerate(said)])
    assert len(commit.readings) == 2
    assert worker.touched() == {(1, 1)}
    # What was said before the last one is known by its number.
    assert decoded == [first, second, first]
    again = worker.take([Arrival(TOPIC, first, NOW + 40)] * 2)
    assert not again.has_news
    assert worker.touched() == {(1, 1)}


def test_without_a_sequence_the_same_bytes_are_one_message() -> None:
    worker = intake()
    assert len(worker.take([Arrival(TOPIC, stage(), NOW)] * 2).readings) == 1
    assert len(worker.take([Arrival(TOPIC, stage(), NOW + HOUR)]).readings) == 0
    assert len(worker.take([Arrival(TOPIC, stage(), NOW + HOUR + 1)]).readings) == 1


@pytest.mark.promise("R1")
def test_the_commit_names_the_devices_that_send_without_numbers_once_an_hour() -> None:
    worker, tide = intake(), TOPIC.replace("north/gauge-1", "south/tide-1")
    level = senml({"n": "sea_level", "v": 2.0, "t": NOW / 1e6})

    def said(*messages: tuple[str, bytes], at: int = NOW) -> tuple[Unnumbered, ...]:
        return worker.take([Arrival(topic, payload, at) for topic, payload in messages]).unnumbered

    begun = NOW // HOUR * HOUR
    assert said((TOPIC, stage(1, boot=4, seq=0))) == ()
    assert said((tide, level), (tide, level), (TOPIC, stage(1, boot=4, seq=1))) == (
        Unnumbered(2, begun),
    )
    assert said((tide, level + b" "), (TOPIC, b"{")) == ()
    assert said((tide, level + b"  "), at=begun + HOUR) == (Unnumbered(2, begun + HOUR),)
    numbered = senml({"n": "sea_level", "v": 2.5, "t": NOW / 1e6}, boot=1, seq=0)
    moved = Unnumbered(2, begun + HOUR, begun + 2 * HOUR)
    assert said((tide, numbered), at=begun + 2 * HOUR + 5) == (moved,)
    assert said((tide, numbered), at=begun + 3 * HOUR) == ()


@pytest.mark.promise("R1")
def test_a_restart_remembers_who_sends_without_numbers() -> None:
    begun = NOW // HOUR * HOUR
    worker = intake()
    worker.resume({}, empty(), unnumbered=[Unnumbered(1, begun)])
    assert worker.take([Arrival(TOPIC, stage(1), NOW)]).unnumbered == ()
    after = worker.take([Arrival(TOPIC, stage(1, boot=4, seq=0), NOW)])
    assert after.unnumbered == (Unnumbered(1, begun, begun),)


@pytest.mark.promise("R1")
def test_a_number_that_the_ledger_cannot_keep_is_best_effort() -> None:
    worker = intake()
    full = tuple((2 * n, 2 * n) for n in range(MOST_SPANS))
    worker.resume({(1, 4): full}, empty())
    commit = worker.take([Arrival(TOPIC, stage(1, boot=4, seq=2 * MOST_SPANS), NOW)])
    assert (commit.settled, commit.unnumbered) == ((), (Unnumbered(1, NOW // HOUR * HOUR),))


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


STATUS = TOPIC.replace("readings", "status")


def lost(*ranges: tuple[int, int, int]) -> Arrival:
    said = {"state": "online", "boot": 7, "gone": ranges}
    return Arrival(STATUS, json.dumps(said).encode(), NOW)


def test_what_a_device_has_lost_is_gone_and_its_receipts_move_on() -> None:
    worker = intake()
    worker.take([Arrival(TOPIC, stage(n, boot=7, seq=n), NOW) for n in (0, 9)])
    worker.touched()
    commit = worker.take([lost((6, 0, 40), (7, 1, 5))])
    assert commit.gone == (Settled(1, 6, ((0, 40),)), Settled(1, 7, ((1, 5),)))
    assert (commit.settled, len(commit.statuses)) == ((), 1)
    assert worker.touched() == {(1, 6), (1, 7)}
    assert worker.receipt(1, 6) == Receipt(6, 40, (), 500)
    assert worker.receipt(1, 7) == Receipt(7, 9, ((6, 8),), 500)
    # Said again, it is no news, and the device is told again.
    assert worker.take([lost((7, 1, 5))]).gone == ()
    assert worker.touched() == {(1, 7)}


def test_a_message_that_comes_after_it_was_declared_gone_is_stored_once() -> None:
    worker = intake()
    worker.take([lost((7, 1, 5))])
    late = Arrival(TOPIC, stage(boot=7, seq=3), NOW)
    commit = worker.take([late, late])
    assert rows(commit.readings) == [(1, 0.0, 1.5, False)]
    assert commit.settled == (Settled(1, 7, ((3, 3),)),)


def test_a_restart_remembers_what_is_gone() -> None:
    worker = intake()
    worker.resume({(1, 7): ((0, 0),)}, empty(), gone={(1, 7): ((1, 5),)})
    assert worker.receipt(1, 7) == Receipt(7, 5, (), 500)
    assert worker.take([lost((7, 1, 5))]).gone == ()


@pytest.mark.parametrize("gone", [[[7, 5, 1]], [[7, -1, 5]], [[7, 1]], [[7, 1, 2**70]], {}])
def test_losses_that_make_no_sense_are_refused_with_their_status(gone: object) -> None:
    payload = json.dumps({"state": "online", "boot": 7, "gone": gone}).encode()
    commit = take(payload, topic=STATUS)
    assert refusals(commit) == [(Reason.UNDECODABLE, 1)]
    assert (commit.statuses, commit.gone) == ((), ())


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


def test_receipts_come_from_the_ledger() -> None:
    worker = intake()
    worker.take([Arrival(TOPIC, stage(n, boot=4, seq=n), NOW) for n in (0, 1, 3)])
    assert worker.receipt(1, 4) == Receipt(4, 3, ((2, 2),), 500)
    assert worker.newest_boots() == {(1, 4)}


def test_a_restart_remembers_what_was_settled_and_quarantined() -> None:
    first = intake()
    arrivals = [Arrival(TOPIC, stage(1, boot=1, seq=0), NOW), Arrival(TOPIC, b"junk", NOW)]
    commit = first.take(arrivals)
    again = intake()
    again.resume(
        {(s.device, s.boot): s.ranges for s in commit.settled},
        commit.readings,
        {digest(q.topic, q.payload): q.received_at for q in commit.quarantined},
    )
    redelivered = again.take(arrivals)
    assert (len(redelivered.readings), redelivered.settled, redelivered.quarantined) == (0, (), ())


VALUES = st.sampled_from([1.0, 1.0, 2.0, 2.5, 40.0, 2000.0, float("nan")])
RECORDS = st.lists(
    st.tuples(st.sampled_from(["stage", "b1:vibration"]), VALUES, st.integers(-900, 2)),
    min_size=1,
    max_size=4,
)
MESSAGES = st.lists(st.tuples(RECORDS, st.integers(0, 12)), max_size=14).map(
    lambda messages: [
        Arrival(
            TOPIC,
            senml(*({"n": n, "v": v, "t": at / 1e6 + t} for n, v, t in records), boot=1, seq=seq),
            at,
        )
        for at, (records, seq) in zip(range(NOW, NOW + DAY, SECOND), messages, strict=False)
    ]
)


def settled(commits: list[Commit]) -> set[tuple[int, int, int]]:
    return {
        (item.device, item.boot, seq)
        for commit in commits
        for item in commit.settled
        for first, last in item.ranges
        for seq in range(first, last + 1)
    }


def everything(commits: list[Commit]) -> tuple[Any, ...]:
    readings = concatenate([commit.readings for commit in commits])
    columns = (readings.received_at, readings.flag, readings.checks)
    return (
        rows(readings),
        [column.tolist() for column in columns],
        [quarantined for commit in commits for quarantined in commit.quarantined],
        settled(commits),
    )


@pytest.mark.promise("R4")
@given(MESSAGES, st.lists(st.integers(0, 14), max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_batching_of_the_same_arrivals_stores_the_same(
    arrivals: list[Arrival], cuts: list[int]
) -> None:
    worker = intake()
    edges = [0, *sorted(min(cut, len(arrivals)) for cut in cuts), len(arrivals)]
    pieces = [worker.take(arrivals[a:b]) for a, b in pairwise(edges)]
    assert everything(pieces) == everything([intake().take(arrivals)])


@pytest.mark.promise("R2")
@given(MESSAGES, st.integers(0, 14))
@settings(max_examples=100, deadline=None)
def test_a_kill_between_commit_and_acknowledgement_changes_nothing(
    arrivals: list[Arrival], killed: int
) -> None:
    before = intake().take(arrivals[:killed])
    again = intake()
    again.resume(
        {(s.device, s.boot): s.ranges for s in before.settled},
        newest(before.readings),
        {digest(q.topic, q.payload): q.received_at for q in before.quarantined},
    )
    redelivered = again.take(arrivals)
    assert everything([before, redelivered]) == everything([intake().take(arrivals)])


def newest(readings: ReadingBatch) -> ReadingBatch:
    """What the store gives back: one row a key, the first that came."""
    keys = np.stack([readings.series, readings.measured_at], axis=1)
    kept = np.sort(np.unique(keys, axis=0, return_index=True)[1])
    assert len(kept) <= HISTORY
    return readings.take(kept)


@pytest.mark.parametrize("channel", ["readings", "backlog", "waveform"])
def test_what_can_never_be_read_settles_its_number_on_every_channel(channel: str) -> None:
    payload = b'[{"boot": 7, "seq": 3, "n": "stage", "v": true}]'
    commit = take(payload, topic=f"hoshyar/v1/north/gauge-1/{channel}")
    assert refusals(commit) == [(Reason.UNDECODABLE, 1)]
    assert commit.settled == (Settled(1, 7, ((3, 3),)),)
