"""The lead of a replay publishes so that no message of a device overtakes another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hoshyar import lockstep
from hoshyar.chunks import Chunk
from hoshyar.lockstep import Lead
from records.case import BOOT, Message
from store import readings

# In turns, so that a chunk holds both.
MESSAGES = [Message("", b"", n, "ab"[n % 2], BOOT, n // 2) for n in range(10)]
NUMBERS = {"a": 1, "b": 2}


class Wire:
    """Stands for player, broker and ingest. What is said of a device that is not listened to yet is
    lost, and by the next request somebody listens."""

    def __init__(self, deaf: set[str]) -> None:
        self.deaf = deaf
        self.asked: list[tuple[int, int]] = []
        self.arrived: list[int] = []

    def ask(self, first: int, end: int) -> None:
        self.asked.append((first, end))
        for n in range(first, end):
            if MESSAGES[n].device not in self.deaf:
                self.arrived.append(n)
            self.deaf.discard(MESSAGES[n].device)

    def answered(self) -> bool:
        return True

    def ledger(self) -> dict[tuple[int, int], tuple[tuple[int, int], ...]]:
        found: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        for device, number in NUMBERS.items():
            seen = {MESSAGES[n].seq for n in self.arrived if MESSAGES[n].device == device}
            through = next(seq for seq in range(len(MESSAGES)) if seq not in seen) - 1
            if through >= 0:
                found[number, BOOT] = ((0, through),)
        return found


@pytest.mark.parametrize("deaf", ["", "a", "b", "ab"])
def test_nothing_overtakes_what_was_lost(monkeypatch: pytest.MonkeyPatch, deaf: str) -> None:
    monkeypatch.setattr(lockstep, "ASK_AGAIN_S", 0.0)
    wire = Wire(set(deaf))
    registry: Any = SimpleNamespace(device_number=NUMBERS)
    player: Any = wire
    lead = Lead("", registry, MESSAGES, player, lambda: None)
    monkeypatch.setattr(
        lead, "_ask", lambda question: wire.ledger() if question is readings.ledger else None
    )
    lead._settle(Chunk(0, 10, 0))
    for device in NUMBERS:
        own = [n for n in wire.arrived if MESSAGES[n].device == device]
        assert own == sorted(own), wire.asked
    assert {*wire.arrived} == {*range(10)}
