"""The engine says the same for any chunks of the arrivals, order of series and of late rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.engine import Engine
from records.levels import Flag, Level
from records.readings import ReadingBatch, concatenate
from records.statements import HazardWarning
from records.times import SECOND
from store.directory import Registry
from tests.models.stages import START, at, network, rows

CASE = network("a", "b", "c")
REGISTRY = Registry.of(CASE)


def stream(seed: int) -> ReadingBatch:
    """Three series with floods, gaps, repeats, disorder, late and failed rows, by arrival."""
    random = np.random.default_rng(seed)
    parts = []
    for name in ("a", "b", "c"):
        values = 1.5 + 1.5 * np.sin(np.arange(80) / random.uniform(3, 12))
        part = rows(REGISTRY, f"{name}-stage", (values + random.normal(0, 0.1, 80)).tolist())
        kept = random.random(80) > 0.1
        kept[random.integers(0, 60) :][:12] = False
        parts.append(part.take(kept))
    whole = concatenate(parts)
    again = whole.take(random.integers(0, len(whole), 30))
    whole = concatenate([whole, again])
    delay = random.choice([0, 0, 0, 30, 90, 400], len(whole)) * SECOND
    late = delay > 120 * SECOND
    flag = np.where(random.random(len(whole)) < 0.05, Flag.FAIL, Flag.GOOD).astype(np.uint8)
    return ReadingBatch(
        whole.series,
        whole.measured_at,
        whole.received_at + delay,
        whole.value,
        flag,
        whole.checks,
        late,
    ).by_arrival()


END = at(80 * 60 + 3600)
# A busy machine is no fault of the engine.
MANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def whole_run(seed: int) -> tuple[list[HazardWarning], bytes]:
    running = Engine(REGISTRY, started_at=START)
    said = running.advance(stream(seed), END)
    return said, running.save()


@pytest.mark.promise("R4")
@MANY
@given(seed=st.integers(0, 50), cuts=st.lists(st.floats(0, 8400), max_size=12))
def test_any_chunks_of_the_same_arrivals_give_the_same(seed: int, cuts: list[float]) -> None:
    arrivals, running = stream(seed), Engine(REGISTRY, started_at=START)
    said: list[HazardWarning] = []
    before = START
    for now_at in [*sorted(at(cut) for cut in cuts), END]:
        due = (arrivals.received_at > before) & (arrivals.received_at <= now_at)
        chunk = arrivals.take(due)
        shuffled = chunk.take(np.random.default_rng(seed).permutation(len(chunk)))
        said += running.advance(shuffled, now_at)
        # A kill between any two chunks changes nothing either.
        resumed = Engine(REGISTRY, started_at=END)
        assert resumed.load(running.save()) == []
        assert resumed.save() == running.save()
        running, before = resumed, now_at
    assert (said, running.save()) == whole_run(seed)


@MANY
@given(seed=st.integers(0, 50), order=st.permutations(["a", "b", "c"]))
def test_the_order_of_series_in_the_registry_does_not_matter(seed: int, order: list[str]) -> None:
    other = Registry.of(network(*order))
    arrivals = stream(seed)
    numbers = np.array([0, *(other.series_number[REGISTRY.series_id[n]] for n in (1, 2, 3))])
    renumbered = replace(arrivals, series=numbers[arrivals.series].astype(np.int32))
    running = Engine(other, started_at=START)
    assert running.advance(renumbered, END) == whole_run(seed)[0]


@pytest.mark.promise("R4")
@MANY
@given(seed=st.integers(0, 50), shuffle=st.integers(0, 1000))
def test_any_order_of_late_rows_gives_the_same(seed: int, shuffle: int) -> None:
    arrivals = stream(seed)
    late = np.flatnonzero(arrivals.late)
    received_at = arrivals.received_at.copy()
    received_at[late] = np.random.default_rng(shuffle).permutation(received_at[late])
    other = replace(arrivals, received_at=received_at)
    running = Engine(REGISTRY, started_at=START)
    assert running.advance(other, END) == whole_run(seed)[0]


def test_the_stream_of_the_properties_has_warnings_and_silences() -> None:
    levels = {w.level for seed in range(5) for w in whole_run(seed)[0]}
    assert levels == set(Level)
