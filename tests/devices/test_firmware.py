"""The firmware's promises: nothing unreceipted is dropped, whatever receipts say."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from devices.buffer import Buffer, Key, Message
from devices.device import (
    ASKED_AGAIN_S,
    BURST,
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    RETRIED_AT_ONCE,
    Firmware,
    Receipt,
)
from devices.ranges import outside
from devices.senml import Value, encode
from records.errors import SettingsError
from records.times import SECOND

NOW_AT = 1_782_864_000_000_000
STAGE = [Value("stage", "main", "m", 1.25)]


@pytest.fixture
def buffer() -> Iterator[Buffer]:
    found = Buffer(":memory:")
    yield found
    found.close()


def firmware(buffer: Buffer, *, capacity: int = 10_000) -> Firmware:
    return Firmware("gauge-1", buffer, late_after_s=120.0, capacity=capacity, first_boot=7)


def record(device: Firmware, count: int, measured_at: int = NOW_AT) -> None:
    for _ in range(count):
        device.record(measured_at, STAGE)


def sent(device: Firmware, now_at: int = NOW_AT, tick_s: float = 0.0) -> list[tuple[str, int, int]]:
    return [(out.channel, *out.key) for out in device.outgoing(now_at, tick_s)]


def held(buffer: Buffer) -> list[Key]:
    return [message.key for message in buffer.after("gauge-1", Key(-1, -1), 100_000)]


def test_a_message_is_senml_with_boot_and_seq_in_the_first_record() -> None:
    payload = encode(
        "plant-bearing-1", 7, 3, NOW_AT + SECOND // 4,
        [Value("vibration", "b1", "[g]", 0.15), Value("case_temperature", "b1", "Cel", 48.2)],
    )  # fmt: skip
    assert msgspec.json.decode(payload) == [
        {
            "bn": "plant-bearing-1/", "bt": 1782864000.25, "boot": 7, "seq": 3,
            "n": "b1:vibration", "u": "[g]", "v": 0.15,
        },
        {"n": "b1:case_temperature", "u": "Cel", "v": 48.2},
    ]  # fmt: skip


def test_a_message_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a value"):
        encode("gauge-1", 1, 1, NOW_AT, [])


def test_nothing_goes_out_without_a_connection(buffer: Buffer) -> None:
    device = firmware(buffer)
    record(device, 3)
    assert sent(device) == []
    device.connected(NOW_AT)
    assert sent(device) == [("readings", 7, 0), ("readings", 7, 1), ("readings", 7, 2)]
    assert sent(device) == []


def test_sending_frees_nothing_and_a_receipt_frees_what_it_covers(buffer: Buffer) -> None:
    device = firmware(buffer)
    device.connected(NOW_AT)
    record(device, 5)
    sent(device)
    assert len(held(buffer)) == 5
    device.settle(Receipt(boot=7, through=3, missing=[(1, 2)]))
    assert held(buffer) == [(7, 1), (7, 2), (7, 4)]


def test_what_a_receipt_misses_is_sent_again_once_after_a_moment(buffer: Buffer) -> None:
    device = firmware(buffer)
    device.connected(NOW_AT)
    record(device, 5)
    sent(device)
    device.settle(Receipt(boot=7, through=4, missing=[(1, 2)]))
    assert sent(device, tick_s=ASKED_AGAIN_S - 0.1) == []
    assert sent(device, tick_s=ASKED_AGAIN_S) == [("readings", 7, 1), ("readings", 7, 2)]
    assert sent(device, tick_s=ASKED_AGAIN_S + 1) == []


@pytest.mark.promise("R8")
def test_a_slow_way_is_not_filled_with_repeats(buffer: Buffer) -> None:
    """One message in ten is lost, and the way carries ten a second: first in, first out."""
    device, count = firmware(buffer), 500
    device.settle(Receipt(boot=0, through=0, window=count))
    device.connected(NOW_AT)
    record(device, count)
    way: deque[int] = deque()
    settled: set[int] = set()
    given_out = 0
    for second in range(300):
        for _, _, seq in sent(device, tick_s=float(second)):
            given_out += 1
            if given_out % 10:
                way.append(seq)
        settled.update(way.popleft() for _ in range(min(10, len(way))))
        if settled:
            through = max(settled)
            missing = outside(0, through, [(seq, seq) for seq in sorted(settled)])
            device.settle(Receipt(7, through, missing, count))
        if len(settled) == count:
            break
    assert held(buffer) == []
    assert given_out < 2 * count


def test_without_any_receipt_the_oldest_are_tried_again_more_and_more_rarely(
    buffer: Buffer,
) -> None:
    device = firmware(buffer)
    device.connected(NOW_AT)
    record(device, 30)
    sent(device)
    first = sent(device, tick_s=FIRST_RETRY_S)
    assert [seq for _, _, seq in first] == list(range(RETRIED_AT_ONCE))
    assert sent(device, tick_s=FIRST_RETRY_S + 1) == []
    assert len(sent(device, tick_s=3 * FIRST_RETRY_S)) == RETRIED_AT_ONCE


def test_the_window_bounds_what_is_under_way(buffer: Buffer) -> None:
    device = firmware(buffer)
    device.connected(NOW_AT)
    device.settle(Receipt(boot=7, through=-1, window=4))
    record(device, 10)
    assert [seq for _, _, seq in sent(device)] == [0, 1, 2, 3]
    device.settle(Receipt(boot=7, through=1, window=4))
    assert [seq for _, _, seq in sent(device)] == [4, 5]


def test_after_a_reconnect_old_messages_take_the_backlog_lane_behind_the_live_ones(
    buffer: Buffer,
) -> None:
    device = firmware(buffer)
    record(device, 2, NOW_AT - 600 * SECOND)
    record(device, 2, NOW_AT - SECOND)
    device.connected(NOW_AT)
    assert sent(device) == [
        ("readings", 7, 2), ("readings", 7, 3), ("backlog", 7, 0), ("backlog", 7, 1),
    ]  # fmt: skip


def test_a_long_silence_is_no_reason_to_send_without_end(buffer: Buffer) -> None:
    device = firmware(buffer)
    record(device, 5 * RETRIED_AT_ONCE)
    device.connected(NOW_AT)
    sent(device)
    for tick in range(1, 20 * int(LONGEST_RETRY_S)):
        device.outgoing(NOW_AT, float(tick))
    later_s = 20 * LONGEST_RETRY_S
    again = [sent(device, tick_s=later_s + tick) for tick in range(3 * int(LONGEST_RETRY_S))]
    assert sorted(map(len, again))[-4:] == [0, *[RETRIED_AT_ONCE] * 3]
    # The oldest take turns.
    assert len({message for some in again for message in some}) == 3 * RETRIED_AT_ONCE


def test_a_lost_connection_makes_everything_unreceipted_go_out_again(buffer: Buffer) -> None:
    device = firmware(buffer)
    device.connected(NOW_AT)
    record(device, 3)
    sent(device)
    device.disconnected()
    device.settle(Receipt(boot=7, through=0))
    device.connected(NOW_AT)
    assert sent(device) == [("readings", 7, 1), ("readings", 7, 2)]


def test_a_restart_counts_the_boot_and_sends_what_the_last_one_left(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    before = Buffer(path)
    record(firmware(before), 2)
    before.close()
    after = Buffer(path)
    device = firmware(after)
    device.record(NOW_AT, STAGE)
    device.connected(NOW_AT)
    assert sent(device) == [("readings", 7, 0), ("readings", 7, 1), ("readings", 8, 0)]
    device.settle(Receipt(boot=7, through=1))
    assert held(after) == [(8, 0)]
    after.close()


def test_a_long_backlog_goes_out_in_bursts_and_completely(buffer: Buffer) -> None:
    device = firmware(buffer)
    record(device, 3 * BURST, NOW_AT - 600 * SECOND)
    device.connected(NOW_AT)
    device.settle(Receipt(boot=7, through=-1, window=500))
    bursts = [sent(device) for _ in range(4)]
    assert [len(burst) for burst in bursts] == [BURST, BURST, BURST, 0]
    assert [seq for burst in bursts for _, _, seq in burst] == list(range(3 * BURST))


def test_a_receipt_of_another_boot_or_of_numbers_never_sent_frees_nothing_new(
    buffer: Buffer,
) -> None:
    device = firmware(buffer)
    device.connected(NOW_AT)
    record(device, 2)
    device.settle(Receipt(boot=8, through=1000))
    assert len(held(buffer)) == 2
    device.settle(Receipt(boot=7, through=1000))
    record(device, 1)
    assert held(buffer) == [(7, 2)]


def test_a_full_buffer_declares_its_oldest_gone_until_the_server_knows(buffer: Buffer) -> None:
    device = firmware(buffer, capacity=20)
    record(device, 23)
    assert device.gone == [(7, (0, 3))]
    assert held(buffer)[0] == (7, 4)
    device.settle(Receipt(boot=7, through=5, missing=[(0, 3)]))
    assert device.gone == [(7, (0, 3))]
    device.settle(Receipt(boot=7, through=6, missing=[]))
    assert device.gone == []


def test_what_the_server_lost_after_its_receipt_is_declared_gone(buffer: Buffer) -> None:
    device = firmware(buffer)
    record(device, 5)
    device.settle(Receipt(boot=7, through=4))
    device.settle(Receipt(boot=7, through=4, missing=[(1, 2)]))
    assert device.gone == [(7, (1, 2))]


def test_gone_ranges_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    before = Buffer(path)
    record(firmware(before, capacity=10), 12)
    before.close()
    after = Buffer(path)
    assert firmware(after).gone == [(7, (0, 1))]
    after.close()


def test_two_simulations_cannot_share_a_buffer(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    first = Buffer(path)
    first.keep_note("run", "now")
    with pytest.raises(SettingsError, match="another simulation"):
        Buffer(path, patience_s=0.0)
    first.close()


def test_a_failed_transaction_keeps_nothing(buffer: Buffer) -> None:
    def fail() -> None:
        with buffer.transaction():
            buffer.append("gauge-1", Message(Key(1, 1), NOW_AT, b"x"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert held(buffer) == []
