"""What is settled: the ledger against a plain set of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest import ledger
from ingest.ledger import Answer, Ledger, Receipt, Spans
from ingest.recent import WINDOW, Recent, digest
from store.readings import Settled

NUMBERS = st.lists(st.integers(0, 40), max_size=60)


@given(NUMBERS)
def test_spans_are_a_set_of_numbers(numbers: list[int]) -> None:
    spans, plain = Spans(), set[int]()
    for number in numbers:
        assert (spans.add(number) is Answer.NEW) == (number not in plain)
        plain.add(number)
    covered = [n for a, b in zip(spans.starts, spans.ends, strict=True) for n in range(a, b + 1)]
    assert covered == sorted(plain)
    missing = [n for first, last in spans.gaps() for n in range(first, last + 1)]
    assert missing == sorted(set(range(max(plain, default=0))) - plain)


@given(NUMBERS, NUMBERS)
def test_what_is_new_is_said_once_and_resumes(first: list[int], second: list[int]) -> None:
    known = Ledger()
    for number in first:
        known.settle((1, 0), number)
    told = {(item.device, item.boot): item.ranges for item in known.news()}
    assert known.news() == ()
    resumed = Ledger(told)
    for number in second:
        assert known.settle((1, 0), number) == resumed.settle((1, 0), number)
    assert known.news() == resumed.news()
    assert known.receipt(1, 0) == resumed.receipt(1, 0)


def test_news_are_ranges_by_device_and_boot() -> None:
    known = Ledger({(2, 5): ((0, 9),)})
    for device, boot, seq in [(2, 5, 9), (2, 5, 11), (1, 0, 3), (2, 5, 10), (1, 0, 7), (2, 6, 0)]:
        known.settle((device, boot), seq)
    assert known.news() == (
        Settled(1, 0, ((3, 3), (7, 7))),
        Settled(2, 5, ((10, 11),)),
        Settled(2, 6, ((0, 0),)),
    )
    assert known.newest_boots() == {1: 0, 2: 6}


def test_a_receipt_names_what_is_missing() -> None:
    known = Ledger({(1, 7): ((0, 1006), (1011, 1041))})
    assert known.receipt(1, 7) == Receipt(7, 1041, ((1007, 1010),), 500)
    assert known.receipt(1, 8) is None


def test_a_receipt_covers_no_gap_that_it_has_no_room_to_name() -> None:
    every_second = tuple((2 * n, 2 * n) for n in range(ledger.MOST_MISSING + 5))
    receipt = Ledger({(1, 0): every_second}).receipt(1, 0)
    assert receipt is not None
    assert len(receipt.missing) == ledger.MOST_MISSING
    assert receipt.through == 2 * ledger.MOST_MISSING


def test_a_device_that_counts_wildly_is_best_effort_in_the_end() -> None:
    known = Ledger()
    answers = [known.settle((1, 0), 10 * n) for n in range(ledger.MOST_SPANS + 1)]
    assert answers == [Answer.NEW] * ledger.MOST_SPANS + [Answer.FULL]
    assert known.settle((1, 0), 1) is Answer.NEW
    assert known.settle((2, 0), 1) is Answer.NEW
    boots = [known.settle((3, boot), 0) for boot in range(ledger.MOST_BOOTS + 1)]
    assert boots[-2:] == [Answer.NEW, Answer.FULL]


def test_the_same_bytes_are_one_message_for_an_hour() -> None:
    recent = Recent({digest("t", b"x"): 0})
    assert not recent.is_new(digest("t", b"x"), WINDOW)
    assert recent.is_new(digest("u", b"x"), WINDOW)
    assert recent.is_new(digest("t", b"x"), WINDOW + 1)
    assert not recent.is_new(digest("t", b"x"), WINDOW + 2)
