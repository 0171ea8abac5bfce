"""Clocks of real accelerometers: messages as OpenEEW's devices sent them, with their receipts."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ingest.clocks import Clocks
from store.clocks import NO_BOOT
from tests import needs

LATE_AFTER_S = 60.0


class Said(msgspec.Struct):
    device_id: str
    device_t: float
    cloud_t: float


def messages(event: str) -> list[Said]:
    folder: Path = needs.beside("HOSHYAR_DATA", "data") / "openeew" / event
    decoder = msgspec.json.Decoder(Said)
    files = [gzip.decompress(path.read_bytes()) for path in sorted(folder.rglob("*.gz"))]
    said = [decoder.decode(line) for file in files for line in file.splitlines()]
    return sorted(said, key=lambda one: one.cloud_t)


# Messages that are late: the first of slow clocks, and of 2018_8_12 a backlog on the live topic.
@pytest.mark.parametrize(
    ("event", "slow", "longest_s"),
    [
        ("2017_12_15", [], 0),
        ("2017_12_25", ["018"], 15),
        ("2018_1_29", ["015"], 25),
        ("2018_1_8", ["018"], 40),
        ("2018_2_16", ["012", "015"], 25),
    ],
)
def test_slow_clocks_are_live_a_hundredth_of_their_error_after_the_first_message(
    event: str, slow: list[str], longest_s: float
) -> None:
    said = messages(event)
    received, age = judged(said)
    first = {one.device_id: at for one, at in zip(said[::-1], received[::-1], strict=True)}
    late = {
        (one.device_id, at - first[one.device_id] <= longest_s)
        for one, at, old in zip(said, received, age, strict=True)
        if old > LATE_AFTER_S
    }
    assert late == {(device, True) for device in slow}


def test_a_real_backlog_on_the_live_topic_is_not_taken_for_a_slow_clock() -> None:
    said = messages("2018_8_12")
    _, age = judged(said)
    raw = [one.cloud_t - one.device_t for one in said]
    assert age == pytest.approx(raw, abs=1.5)


def judged(said: list[Said]) -> tuple[list[float], list[float]]:
    """Receipt and corrected age (s) of each message."""
    number = {device: n for n, device in enumerate(sorted({one.device_id for one in said}))}
    received_at = np.array([round(one.cloud_t * 1e6) for one in said], np.int64)
    newest = np.array([round(one.device_t * 1e6) for one in said], np.int64)
    keys = [(number[one.device_id], NO_BOOT) for one in said]
    offset = Clocks().take(keys, np.ones(len(said), np.bool_), newest, received_at)
    return (received_at / 1e6).tolist(), ((received_at - newest - offset) / 1e6).tolist()
