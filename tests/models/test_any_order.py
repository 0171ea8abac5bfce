"""R4 over all detectors at once: any split of a stream into batches, any order of late rows."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.catalogue import catalogue
from models.engine import Engine
from models.joint import Joint
from models.joint_checks import parameters
from models.samples import size_of
from records.levels import Flag, Level
from records.network import DetectorChoice, Device, Lab, Network, Series, Station, Thresholds
from records.quantities import QUANTITIES
from records.readings import ReadingBatch, concatenate
from records.statements import HazardWarning
from records.times import MINUTE, SECOND, text
from store.directory import Registry

START = 1_700_000_000 * SECOND
ROWS = 400
QUANTITIES_USED = ("stage", "stage", "lake_level", "rain", "sea_level", "vibration", "acceleration")
IDS = tuple(f"{n}-{quantity}" for n, quantity in enumerate(QUANTITIES_USED))
MANY = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def choices() -> tuple[DetectorChoice, ...]:
    """Every detector that takes one of the series, as far as it may speak within the stream."""
    found = []
    for name, kind in catalogue().items():
        params: dict[str, Any] = {}
        if issubclass(kind, Joint):
            params = parameters(kind, text(START + ROWS * 3 // 4 * MINUTE), "0-stage")
            params |= {"horizon_s": 1200.0} if "horizon_s" in params else {}
        elif "cold_start_s" in kind.parameters():
            params = {"cold_start_s": 1200.0}
        takes = {q for q in QUANTITIES_USED if not kind.quantities or q in kind.quantities}
        series = tuple(i for i, q in zip(IDS, QUANTITIES_USED, strict=True) if q in takes)
        if name == "stage-limit":
            series = series[:2]
        if series and (not issubclass(kind, Joint) or "0-stage" in series):
            found.append(DetectorChoice(name=name, series=series, params=params))
    return tuple(found)


def _series(id_: str, quantity: str) -> Series:
    usual, large = size_of(quantity)
    limits = [usual + share * large for share in (0.5, 1.0, 1.5)]
    return Series(
        id=id_,
        station=id_.replace("_", "-"),
        device=id_.replace("_", "-"),
        quantity=quantity,
        unit=QUANTITIES[quantity].unit,
        interval_s=60.0,
        late_after_s=120.0,
        thresholds=Thresholds(yellow=limits[0], orange=limits[1], red=limits[2]),
    )


NETWORK = Network(
    lab=(Lab(id="lab"),),
    station=tuple(Station(id=i.replace("_", "-"), lab="lab", lat=36, lon=74) for i in IDS),
    device=tuple(Device(id=i.replace("_", "-"), station=i.replace("_", "-")) for i in IDS),
    series=tuple(_series(i, q) for i, q in zip(IDS, QUANTITIES_USED, strict=True)),
    detector=choices(),
)
REGISTRY = Registry.of(NETWORK)


@cache
def stream(seed: int) -> ReadingBatch:
    """Floods, gaps, repeats, revisions, disorder, ties of arrival, late and failed rows."""
    random = np.random.default_rng(seed)
    parts = [_readings(series, random) for series in NETWORK.series]
    whole = concatenate(parts)
    again = whole.take(random.integers(0, len(whole), 60))
    revised = replace(again, value=again.value * random.choice([1.0, 1.01], len(again)))
    whole = concatenate([whole, revised])
    delay = random.choice([0, 0, 0, 0, 1, 30, 90, 400], len(whole)) * SECOND
    flag = np.where(random.random(len(whole)) < 0.05, Flag.FAIL, Flag.GOOD).astype(np.uint8)
    return replace(
        whole, received_at=whole.received_at + delay, flag=flag, late=delay > 120 * SECOND
    ).by_arrival()


def _readings(series: Series, random: np.random.Generator) -> ReadingBatch:
    usual, large = size_of(series.quantity)
    wave = np.sin(np.arange(ROWS) / random.uniform(8, 40)) ** 8 * random.uniform(0.5, 2.5)
    noise = 0.02 * random.standard_normal(ROWS)
    kept = random.random(ROWS) > 0.05
    kept[random.integers(0, ROWS - 40) :][:20] = False
    count = int(kept.sum())
    measured_at = START + MINUTE * (1 + np.flatnonzero(kept).astype(np.int64))
    return ReadingBatch(
        np.full(count, REGISTRY.series_number[series.id], np.int32),
        measured_at,
        # Some devices' messages arrive at the very same moment.
        measured_at + SECOND * random.integers(1, 3, count),
        (usual + large * (wave + noise))[kept],
        np.full(count, Flag.GOOD, np.uint8),
        np.zeros(count, np.uint16),
        np.zeros(count, np.bool_),
    )


END = START + ROWS * MINUTE + 3600 * SECOND


@cache
def whole_run(seed: int) -> tuple[list[HazardWarning], dict[str, Level], bytes]:
    engine = Engine(REGISTRY, started_at=START)
    said = engine.advance(stream(seed), END)
    return said, engine.levels(), engine.save()


def mixed(rows: ReadingBatch, random: np.random.Generator) -> ReadingBatch:
    """In any order, but of two values of one series, time and arrival the first stays first."""
    order = random.permutation(len(rows))
    keys = np.stack([rows.received_at, rows.series.astype(np.int64), rows.measured_at])
    key = np.unique(keys, axis=1, return_inverse=True)[1]
    place = np.empty(len(rows), np.intp)
    # The places that rows of one key fell on, taken by them in their old order.
    fell = np.argsort(order)
    by_key = np.lexsort((fell, key))
    place[np.lexsort((np.arange(len(rows)), key))] = fell[by_key]
    return rows.take(np.argsort(place))


@pytest.mark.promise("R4")
@MANY
@given(
    seed=st.integers(0, 2),
    cuts=st.lists(st.integers(0, ROWS * 60 + 3600), max_size=5),
    shuffle=st.integers(0, 1000),
)
def test_any_split_into_batches_gives_the_same_warnings(
    seed: int, cuts: list[int], shuffle: int
) -> None:
    arrivals, engine = stream(seed), Engine(REGISTRY, started_at=START)
    random = np.random.default_rng(shuffle)
    said: list[HazardWarning] = []
    before = START
    for now_at in [*sorted(START + cut * SECOND for cut in cuts), END]:
        due = (arrivals.received_at > before) & (arrivals.received_at <= now_at)
        said += engine.advance(mixed(arrivals.take(due), random), now_at)
        resumed = Engine(REGISTRY, started_at=END)
        assert resumed.load(engine.save()) == []
        assert resumed.save() == engine.save()
        engine, before = resumed, now_at
    assert (said, engine.levels(), engine.save()) == whole_run(seed)


@pytest.mark.promise("R4")
@MANY
@given(seed=st.integers(0, 2), shuffle=st.integers(0, 1000), kept=st.floats(0, 1))
def test_any_order_of_late_rows_gives_the_same_warnings(
    seed: int, shuffle: int, kept: float
) -> None:
    arrivals, random = stream(seed), np.random.default_rng(shuffle)
    late = np.flatnonzero(arrivals.late)
    received_at = arrivals.received_at.copy()
    received_at[late] = random.permutation(received_at[late])
    chosen = ~arrivals.late | (random.random(len(arrivals)) < kept)
    other = mixed(replace(arrivals, received_at=received_at).take(chosen), random)
    engine = Engine(REGISTRY, started_at=START)
    said = engine.advance(other, END)
    assert (said, engine.levels(), engine.save()) == whole_run(seed)


def test_the_stream_makes_most_detectors_speak() -> None:
    spoken = {w.detector for seed in range(3) for w in whole_run(seed)[0] if w.level > Level.GREEN}
    chosen = {choice.name for choice in NETWORK.detector}
    assert {"stage-limit", "lake-outburst"} <= spoken
    assert len(spoken) >= len(chosen) / 2, chosen - spoken


def test_mixing_keeps_the_order_of_equals() -> None:
    rows = stream(0)
    again = mixed(rows, np.random.default_rng(1)).by_arrival()
    assert again.value.tobytes() == rows.value.tobytes()
    assert (mixed(rows, np.random.default_rng(1)).series != rows.series).any()
