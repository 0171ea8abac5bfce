"""Numbers of messages in the pure core: repeats, receipts, losses, and who sends without them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from ingest import senml as senml_format
from ingest.arrivals import Arrival
from ingest.ledger import MOST_SPANS, Receipt
from records.errors import Reason
from records.readings import empty
from records.times import HOUR, SECOND
from store.numbering import Unnumbered
from store.readings import Settled
from tests.ingest.gauges import GOOD, NOW, TOPIC, intake, refusals, rows, senml, stage, take


def test_bytes_that_say_their_sequence_settle_it() -> None:
    commit = take(b'[{"boot":1,"seq":5,"n":"stage","v":oops}]')
    assert commit.settled == (Settled(1, 1, ((5, 5),)),)


def test_another_labs_topic_settles_nothing() -> None:
    assert take(GOOD, topic=TOPIC.replace("north", "south")).settled == ()


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


def test_receipts_come_from_the_ledger() -> None:
    worker = intake()
    worker.take([Arrival(TOPIC, stage(n, boot=4, seq=n), NOW) for n in (0, 1, 3)])
    assert worker.receipt(1, 4) == Receipt(4, 3, ((2, 2),), 500)
    assert worker.newest_boots() == {(1, 4)}


@pytest.mark.parametrize("channel", ["readings", "backlog", "waveform"])
def test_what_can_never_be_read_settles_its_number_on_every_channel(channel: str) -> None:
    payload = b'[{"boot": 7, "seq": 3, "n": "stage", "v": true}]'
    commit = take(payload, topic=f"hoshyar/v1/north/gauge-1/{channel}")
    assert refusals(commit) == [(Reason.UNDECODABLE, 1)]
    assert commit.settled == (Settled(1, 7, ((3, 3),)),)
