"""The firmware's promises as properties: whatever receipts say, in whatever order things happen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.buffer import Buffer, Key
from devices.device import Firmware, Receipt
from devices.ranges import covers, merged, outside
from tests.devices.test_firmware import NOW_AT, STAGE, firmware, held

Ranges = st.lists(
    st.tuples(st.integers(-5, 60), st.integers(0, 15)).map(lambda r: (r[0], r[0] + r[1])),
    max_size=4,
)
Receipts = st.builds(
    Receipt,
    boot=st.integers(6, 9),
    through=st.integers(-1, 70),
    missing=Ranges,
    window=st.integers(0, 40),
)
Steps = st.lists(
    st.one_of(
        Receipts,
        st.sampled_from(["record", "connect", "disconnect", "send", "restart"]),
        st.floats(0, 400),
    ),
    max_size=40,
)


def covered(receipt: Receipt, device: Firmware, keys: set[Key]) -> set[Key]:
    """Those that a receipt settles."""
    return {
        key for key in keys
        if key.boot == receipt.boot <= device.boot and key.seq <= receipt.through
        and not covers(receipt.missing, key.seq)
    }  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(Steps)
def test_whatever_receipts_say_only_what_they_cover_is_freed(steps: list[object]) -> None:
    """The rule itself: a message is in the buffer unless some receipt of its boot covered it."""
    buffer = Buffer(":memory:")
    device, tick_s = firmware(buffer), 0.0
    written: set[Key] = set()
    for step in steps:
        if isinstance(step, Receipt):
            device.settle(step)
            written -= covered(step, device, written)
        elif isinstance(step, float):
            tick_s += step
        elif step == "record":
            written |= {device.record(NOW_AT, STAGE) for _ in range(7)}
        elif step == "connect":
            device.connected(NOW_AT)
        elif step == "disconnect":
            device.disconnected()
        elif step == "restart":
            device = firmware(buffer)
        else:
            assert {out.key for out in device.outgoing(NOW_AT, tick_s)} <= written
        assert set(held(buffer)) == written
    device.connected(NOW_AT)
    device.settle(Receipt(boot=device.boot, through=-1, window=500))
    again = [out.key for _ in range(20) for out in device.outgoing(NOW_AT, tick_s)]
    assert sorted(again) == sorted(written)
    buffer.close()


@settings(max_examples=150, deadline=None)
@given(Steps, st.integers(5, 30))
def test_a_full_buffer_loses_only_what_it_declares_gone(steps: list[object], capacity: int) -> None:
    """A message is in the buffer, or a receipt covered it, or it is declared gone: through full
    buffers, receipts of all kinds and restarts."""
    buffer = Buffer(":memory:")
    device = firmware(buffer, capacity=capacity)
    unsettled: set[Key] = set()
    for step in steps:
        if isinstance(step, Receipt):
            device.settle(step)
            unsettled -= covered(step, device, unsettled)
        elif step == "record":
            unsettled |= {device.record(NOW_AT, STAGE) for _ in range(7)}
        elif step == "restart":
            device = firmware(buffer, capacity=capacity)
        elif step == "connect":
            device.connected(NOW_AT)
        kept = set(held(buffer))
        gone = {Key(boot, n) for boot, (first, last) in device.gone for n in range(first, last + 1)}
        assert kept <= unsettled
        assert unsettled - kept <= gone
        assert not kept & gone
        assert len(kept) <= capacity
    buffer.close()


@given(st.integers(-5, 40), st.integers(0, 40), Ranges)
def test_the_parts_outside_holes_are_the_numbers_that_no_hole_covers(
    first: int, length: int, holes: list[tuple[int, int]]
) -> None:
    last = first + length
    expected = [n for n in range(first, last + 1) if not covers(holes, n)]
    parts = outside(first, last, holes)
    assert [n for begin, end in parts for n in range(begin, end + 1)] == expected
    assert merged((n, n) for n in expected) == parts
