"""A case's messages cut into steps of the clock: what a replay does between two stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from records.case import Case, Message

MESSAGES_A_CHUNK = 1000


class Chunk(NamedTuple):
    """The messages with places first to end-1; then the clock stands at `until_at`."""

    first: int
    end: int
    until_at: int


def chunks(case: Case, messages: Sequence[Message], *, span: int | None = None) -> Iterator[Chunk]:
    """Cut so that messages of one arrival time stay together, MESSAGES_A_CHUNK as far as possible.

    With `span` (microseconds) no chunk takes longer than that on the case's clock, so that a
    paced replay moves evenly. The last one ends at the case's end, or at its last arrival.
    """
    clock_at, first = case.start_at, 0
    while first < len(messages):
        end = min(first + MESSAGES_A_CHUNK, len(messages))
        if span is not None:
            end = _until(messages, first, end, clock_at + span)
        end = _whole(messages, first, end)
        clock_at = messages[end - 1].received_at if end > first else clock_at + (span or 0)
        yield Chunk(first, end, clock_at)
        first = end
    if case.end_at is not None and case.end_at > clock_at:
        yield Chunk(first, first, case.end_at)


def _until(messages: Sequence[Message], first: int, end: int, last_at: int) -> int:
    while end > first and messages[end - 1].received_at > last_at:
        end -= 1
    return end


def _whole(messages: Sequence[Message], first: int, end: int) -> int:
    while first < end < len(messages) and (
        messages[end].received_at == messages[end - 1].received_at
    ):
        end += 1
    return end
