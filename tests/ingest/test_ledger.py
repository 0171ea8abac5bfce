"""What is settled: the ledger against a plain set of numbers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest import ledger
from ingest.ledger import Answer, Ledger, Receipt, Spans
from ingest.recent import WINDOW, Recent
from store.quarantine import digest
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


RANGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 8)).map(lambda r: (r[0], r[0] + r[1])), max_size=12
)


@given(NUMBERS, RANGES)
def test_spans_take_ranges(numbers: list[int], ranges: list[tuple[int, int]]) -> None:
    spans, plain = Spans(), set[int]()
    for number in numbers:
        spans.add(number)
        plain.add(number)
    for first, last in ranges:
        new = set(range(first, last + 1)) - plain
        assert spans.add_range(first, last) is (Answer.NEW if new else Answer.REPEAT)
        plain |= new
    pairs = list(zip(spans.starts, spans.ends, strict=True))
    assert [n for a, b in pairs for n in range(a, b + 1)] == sorted(plain)
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(pairs))


@given(NUMBERS, RANGES, NUMBERS)
def test_a_receipt_covers_what_is_stored_and_what_is_gone_and_only_stored_is_a_repeat(
    before: list[int], gone: list[tuple[int, int]], after: list[int]
) -> None:
    known, stored = Ledger(), set[int]()
    for number in before:
        known.settle((1, 0), number)
        stored.add(number)
    for first, last in gone:
        known.declare_gone((1, 0), first, last)
    for number in after:
        assert (known.settle((1, 0), number) is Answer.NEW) == (number not in stored)
        stored.add(number)
    covered = stored | {n for first, last in gone for n in range(first, last + 1)}
    receipt = known.receipt(1, 0)
    if not covered:
        assert receipt is None
        return
    assert receipt is not None
    missing = {n for first, last in receipt.missing for n in range(first, last + 1)}
    assert set(range(receipt.through + 1)) - missing == covered
    resumed = Ledger(
        {(item.device, item.boot): item.ranges for item in known.news()},
        {(item.device, item.boot): item.ranges for item in known.gone_news()},
    )
    assert resumed.receipt(1, 0) == receipt


def test_what_is_gone_is_news_once() -> None:
    known = Ledger({(1, 7): ((0, 9),)}, {(1, 7): ((10, 12),)})
    answers = [
        known.declare_gone((1, boot), 10, last) for boot, last in [(7, 12), (7, 14), (6, 10)]
    ]
    assert answers == [Answer.REPEAT, Answer.NEW, Answer.NEW]
    assert known.gone_news() == (Settled(1, 6, ((10, 10),)), Settled(1, 7, ((10, 14),)))
    assert (known.gone_news(), known.news()) == ((), ())


def test_losses_beyond_what_is_kept_stay_missing() -> None:
    known = Ledger()
    for n in range(ledger.MOST_SPANS + 1):
        known.declare_gone((1, 0), 10 * n, 10 * n)
    assert known.declare_gone((1, 0), 5, 5) is Answer.FULL
    assert known.declare_gone((1, 0), 0, 20) is Answer.NEW
    boots = [known.declare_gone((3, boot), 0, 1) for boot in range(ledger.MOST_BOOTS + 1)]
    assert boots[-2:] == [Answer.NEW, Answer.FULL]


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
