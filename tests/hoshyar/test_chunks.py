"""Cutting a case into steps: nothing is lost, and one arrival time is never torn."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from hoshyar import chunks as module
from hoshyar.chunks import Chunk, chunks
from records.case import Message


@dataclass
class Timetable:
    """What `chunks` asks of a case."""

    start_at: int
    end_at: int | None


def messages(arrivals: list[int]) -> list[Message]:
    return [Message("t", b"", at, "d", 1, n) for n, at in enumerate(sorted(arrivals))]


def cut(arrivals: list[int], end_at: int | None = None, span: int | None = None) -> list[Chunk]:
    case = Timetable(0, end_at)
    return list(chunks(case, messages(arrivals), span=span))  # type: ignore[arg-type]


def test_a_case_is_cut_by_the_number_of_messages() -> None:
    assert cut(list(range(2500))) == [(0, 1000, 999), (1000, 2000, 1999), (2000, 2500, 2499)]


def test_one_arrival_time_stays_together() -> None:
    assert cut([1] * 1500 + [2]) == [(0, 1500, 1), (1500, 1501, 2)]


def test_the_clock_goes_on_to_the_end_of_the_case() -> None:
    assert cut([5], end_at=90) == [(0, 1, 5), (1, 1, 90)]
    assert cut([5], end_at=5) == [(0, 1, 5)]


def test_a_paced_replay_moves_in_even_steps_through_a_gap() -> None:
    assert cut([1, 2, 35], span=10) == [
        (0, 2, 2),
        (2, 2, 12),
        (2, 2, 22),
        (2, 2, 32),
        (2, 3, 35),
    ]


@given(
    st.lists(st.integers(0, 300), max_size=200),
    st.integers(300, 400) | st.none(),
    st.integers(1, 50) | st.none(),
)
def test_every_message_is_in_one_chunk_whose_clock_has_reached_it(
    arrivals: list[int], end_at: int | None, span: int | None
) -> None:
    size, module.MESSAGES_A_CHUNK = module.MESSAGES_A_CHUNK, 7
    try:
        made = cut(arrivals, end_at, span)
    finally:
        module.MESSAGES_A_CHUNK = size
    arrivals = sorted(arrivals)
    assert [n for c in made for n in range(c.first, c.end)] == list(range(len(arrivals)))
    before = -1
    for chunk in made:
        assert all(before < at <= chunk.until_at for at in arrivals[chunk.first : chunk.end])
        before = chunk.until_at
