"""Waveform packets as detectors see them: every sample a reading of its own time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from records.levels import Check, Flag
from records.readings import ReadingBatch
from store.directory import Registry
from store.waveforms import Waveform, samples


def rows(registry: Registry, packets: Sequence[Waveform]) -> ReadingBatch:
    """Every sample with the flag that ingest would have given it alone. Late packets are left out:
    they decide nothing, and a backlog has many.

    A packet fails as a whole where one sample is outside the gross range; only that one is kept
    from the detectors.
    """
    found = samples([packet for packet in packets if not packet.late])
    failed = found.flag == Flag.FAIL
    if not failed.any():
        return found
    flag, checks = found.flag.copy(), found.checks.copy()
    for number in np.unique(found.series[failed]).tolist():
        tests = registry.rules.of(registry.series(number))
        low, high = tests.gross_range.fail if tests.gross_range else (-np.inf, np.inf)
        mine = failed & (found.series == number) & (found.value >= low) & (found.value <= high)
        checks[mine] &= ~np.uint16(Check.GROSS_RANGE)
        flag[mine] = np.where(checks[mine], np.uint8(Flag.SUSPECT), np.uint8(Flag.GOOD))
    return replace(found, flag=flag, checks=checks)
