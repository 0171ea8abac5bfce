"""No station and no event is torn between what is learned from and what is judged on."""

from __future__ import annotations

import numpy as np

from models.evaluation.spans import Span
from models.evaluation.splits import halves, leave_event_out, leave_station_out
from records.times import DAY, HOUR


def test_each_station_is_judged_by_what_was_learned_elsewhere() -> None:
    station = ["a", "b", "a", "c"]
    found = dict(leave_station_out(station))
    assert list(found) == ["a", "b", "c"]
    learned, judged = found["a"]
    assert learned.tolist() == [False, True, False, True]
    assert judged.tolist() == [True, False, True, False]


def test_each_event_is_judged_whole_and_its_surroundings_are_not_learned_from() -> None:
    at = np.arange(40 * 24) * HOUR
    events = [Span("a", n * DAY, n * DAY + 6 * HOUR) for n in (25, 5, 15)]
    found = list(leave_event_out(at, events, margin=DAY))
    assert [event.begins_at // DAY for event, _ in found] == [5, 15, 25]
    assert (np.sum([judged for _, (_, judged) in found], axis=0) == 1).all()
    for event, (learned, judged) in found:
        assert judged[(at >= event.begins_at) & (at <= event.ends_at)].all()
        assert not (learned & judged).any()
        distance = np.abs(at[learned][:, None] - at[judged][None, :]).min()
        assert distance > DAY


def test_one_event_leaves_nothing_to_learn_from() -> None:
    at = np.arange(48) * HOUR
    ((_, (learned, judged)),) = leave_event_out(at, [Span("a", DAY, DAY)], margin=0)
    assert judged.all()
    assert not learned.any()


def test_halves_by_turns_of_the_names() -> None:
    assert halves(["c", "a", "b"]) == (["a", "c"], ["b"])
