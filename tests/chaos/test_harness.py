"""The harness's own parts: schedules follow from their seed, packets are cut right, and the oracle
blames what it should and nothing else."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos import frames
from tests.chaos.frames import Cutter, Publish
from tests.chaos.generator import Made, Probe
from tests.chaos.oracle import Buffers, Verdict, judge
from tests.chaos.schedule import PLENTY, Mischief, Schedule, schedule
from tests.chaos.services import DatabaseServer
from tests.chaos.witness import Message, Witness

KINDS = (("mosquitto", "embedded"), ("embedded", "debian"))


def test_a_schedule_follows_from_its_seed_and_number_alone() -> None:
    assert schedule(7, 3, *KINDS) == schedule(7, 3, *KINDS)
    assert schedule(7, 3, *KINDS) != schedule(7, 4, *KINDS)


def test_both_kinds_of_broker_and_of_database_take_part() -> None:
    met = {(plan.broker, plan.database) for n in range(4) for plan in [schedule(7, n, *KINDS)]}
    assert len(met) == 4


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 65_535)), max_size=5),
    st.integers(1, 40),
)
def test_packets_are_cut_out_of_any_pieces(said: list[tuple[bytes, int]], piece: int) -> None:
    sent = [Publish("hoshyar/v1/a/b/readings", payload, mid, False) for payload, mid in said]
    data = b"".join(frames.publish(one, one.mid) for one in sent)
    cutter = Cutter()
    packets = [p for at in range(0, len(data), piece) for p in cutter.feed(data[at : at + piece])]
    assert [frames.publish_of(packet) for packet in packets] == sent


MADE: Made = {"g": [(10, (1.0,)), (20, (2.0,)), (30, (3.0,))]}
ROWS = [(("g-main", 10), 1.0), (("g-main", 20), 2.0), (("g-main", 30), 3.0)]
SAMPLES: dict[Message, int] = {("g", 1, 0): 0, ("g", 1, 1): 1, ("g", 1, 2): 2}


def plan(capacity: int = PLENTY) -> Schedule:
    probe = Probe("g", ("main",))
    return Schedule(0, 0, "", "", False, ((probe,),), 1.0, 1.0, capacity, Mischief(), ())


def counts(
    rows: list[tuple[tuple[str, int], float]] = ROWS,
    *,
    covered: set[int] = frozenset({0, 1, 2}),  # type: ignore[assignment]
    held: set[Message] | None = None,
    gone: set[int] | None = None,
    capacity: int = PLENTY,
    revisions: int = 0,
    taken: int = 3,
) -> dict[str, int]:
    """What the oracle finds wrong, without zeros."""
    witness = Witness(create_autospec(DatabaseServer), "")
    witness.covered["g", 1] = set(covered)
    witness.gone["g", 1] = gone or set()
    buffers = Buffers(SAMPLES, held or set(), set(), {"g": taken})
    found: Verdict = judge(plan(capacity), MADE, rows, revisions, buffers, witness)
    names = ("lost", "invented", "duplicates", "unsettled", "gone")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def test_where_all_is_stored_once_nothing_is_wrong() -> None:
    assert counts() == {}


def test_what_a_receipt_covered_and_is_not_stored_is_lost() -> None:
    # Once because it was promised, once because nobody has it.
    assert counts(ROWS[:2]) == {"lost": 2}


def test_what_nobody_has_is_lost_without_a_receipt_too() -> None:
    assert counts(ROWS[:2], covered={0, 1}) == {"lost": 1}


def test_what_is_still_in_a_buffer_is_unsettled_and_not_lost() -> None:
    assert counts(ROWS[:2], covered={0, 1}, held={("g", 1, 2)}) == {"unsettled": 2}
    assert counts(ROWS[:2], covered={0, 1}, taken=2) == {"unsettled": 1}


def test_only_a_device_that_can_be_full_may_declare_readings_gone() -> None:
    assert counts(ROWS[:2], covered={0, 1, 2}, gone={2}, capacity=5) == {"gone": 1}
    assert counts(ROWS[:2], covered={0, 1, 2}, gone={2}) == {"lost": 1}


@pytest.mark.parametrize("row", [(("g-main", 40), 4.0), (("other", 10), 1.0)])
def test_a_row_that_nobody_measured_is_invented(row: tuple[tuple[str, int], float]) -> None:
    assert counts([*ROWS, row]) == {"invented": 1}


def test_a_wrong_value_is_both_lost_and_invented() -> None:
    found = counts([*ROWS[:2], (("g-main", 30), 3.5)])
    assert found == {"lost": 2, "invented": 1}


def test_a_receipt_for_what_was_never_sent_is_invented() -> None:
    assert counts(covered={0, 1, 2, 3}) == {"invented": 1}


def test_a_second_row_and_a_revision_are_duplicates() -> None:
    assert counts([*ROWS, ROWS[0]]) == {"duplicates": 1}
    assert counts(revisions=2) == {"duplicates": 2}


def test_buffers_that_were_never_made_hold_nothing(tmp_path: Path) -> None:
    assert Buffers.read([tmp_path / "none.sqlite"]) == Buffers({}, set(), set(), {})
