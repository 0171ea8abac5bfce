"""Hydropower detectors on synthetic plants whose faults are known.

How each is made is said beside it; nothing in the detectors was chosen on these seeds.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from devices.plant import efficiency
from models.detect import detect
from models.detector import Floats
from records.errors import InputError
from records.times import MINUTE, SECOND, text

START = 1_580_000_000 * SECOND
WARNS = ("orange", "red")


def scored(
    folder: Path, detector: str, columns: Mapping[str, Floats], step: int, trained: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores and whether each row warns; `step` in microseconds, the first rows are training."""
    given, found = folder / "given.csv", folder / "found.csv"
    times = [text(START + row * step) for row in range(len(next(iter(columns.values()))))]
    values = np.column_stack(list(columns.values())).tolist()
    with given.open("w", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ["measured_at", *columns],
                *([at, *row] for at, row in zip(times, values, strict=True)),
            ]
        )
    detect(detector, given, found, {"fit_until": times[trained - 1]})
    with found.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["series"] for row in rows} == {"*"}
    score = np.array([float(row["score"] or "nan") for row in rows])
    return score, np.array([row["level"] in WARNS for row in rows])


def day_of_flow(random: np.random.Generator, count: int) -> Floats:
    phase = np.arange(count) * 2 * np.pi / 1440
    flow: Floats = 10 + 2 * np.sin(phase) + 0.2 * random.standard_normal(count)
    return flow


def growing(count: int, begins: int, over: int) -> Floats:
    """0, then a straight rise to 1 within `over` rows, and there it stays."""
    return np.clip((np.arange(count) - begins) / over, 0.0, 1.0)


@pytest.mark.parametrize("seed", [11, 12])
def test_a_rack_that_clogs_is_seen_before_its_loss_is_half_more(tmp_path: Path, seed: int) -> None:
    random, count = np.random.default_rng(seed), 6000
    flow, clogged = day_of_flow(random, count), growing(count, 4000, 1500)
    loss = 0.021 * flow**2 * (1 + 0.6 * clogged) + 0.05 * random.standard_normal(count)
    _, warns = scored(
        tmp_path, "head-loss", {"r:head_loss:m": loss, "q:discharge:m3/s": flow}, MINUTE, 2880
    )
    assert not warns[:4000].any()
    assert 0.6 * clogged[np.argmax(warns)] < 0.5
    assert warns[-1]


@pytest.mark.parametrize("seed", [11, 12])
def test_a_worn_unit_is_seen_at_a_few_percent(tmp_path: Path, seed: int) -> None:
    random, count = np.random.default_rng(seed), 6000
    flow, worn = day_of_flow(random, count), 0.08 * growing(count, 4000, 1500)
    head = 60 + 0.3 * random.standard_normal(count)
    power = 9.81 * flow * head * efficiency(flow) * 0.965 * (1 - worn)
    power = power * (1 + 0.005 * random.standard_normal(count))
    given = {"p:active_power:kW": power, "q:discharge:m3/s": flow, "h:net_head:m": head}
    _, warns = scored(tmp_path, "efficiency", given, MINUTE, 2880)
    assert not warns[:4000].any()
    assert worn[np.argmax(warns)] < 0.05
    assert warns[-1]


@pytest.mark.parametrize("leak", [1.0, -1.0])
def test_a_pond_that_loses_or_gains_what_no_meter_shows_is_seen_within_an_hour(
    tmp_path: Path, leak: float
) -> None:
    random, count = np.random.default_rng(13), 6000
    turbine = day_of_flow(random, count)
    inflow = 12 + np.sin(np.arange(count) * 2 * np.pi / 1440)
    inflow = inflow + 0.3 * random.standard_normal(count)
    lost = np.where(np.arange(count) >= 4000, leak, 0.0)
    level = 3000 + np.cumsum(inflow - turbine - 2.0 - lost) * 60 / 20_000
    level = level + 0.003 * random.standard_normal(count)
    given = {"h:headpond_level:m": level, "i:discharge:m3/s": inflow, "t:discharge:m3/s": turbine}
    _, warns = scored(tmp_path, "headpond-balance", given, MINUTE, 2880)
    assert not warns[:4000].any()
    assert warns[4000:4060].any()


def plant(random: np.random.Generator, faulty: str) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Eight sensors of a pump once a second; from the 600th to the 900th one valve closes, or the
    shaft is out of balance. Temperatures wander, the current follows the load."""
    count = 1150
    load = np.zeros(count)
    for row in range(1, count):
        load[row] = 0.95 * load[row - 1] + 0.05 * random.standard_normal()
    noise = random.standard_normal((8, count))
    wander = np.cumsum(0.004 * random.standard_normal(count))
    fault = np.clip((np.arange(count) - 600) / 60, 0, 1) * np.clip(
        (900 - np.arange(count)) / 30, 0, 1
    )
    valve, shaft = fault * (faulty == "valve"), fault * (faulty == "shaft")
    return {
        "a1:acceleration:Gal": 27 + 0.6 * noise[0] + 1.5 * shaft,
        "a2:acceleration:Gal": 40 + 0.8 * noise[1] + load + 1.5 * shaft + 2 * valve,
        "i:electric_current:A": 1.3 + 0.2 * noise[2] + 0.3 * load,
        "p:pressure:bar": 0.38 + 0.27 * random.integers(-1, 2, count),
        "c:case_temperature:Cel": 71 + 0.3 * wander + 0.05 * noise[4] + 0.6 * valve,
        "w:water_temperature:Cel": 24.6 - 0.2 * wander + 0.03 * noise[5],
        "u:voltage:V": 230 + 5 * noise[6],
        "f:volume_flow:L/min": 32 + 0.3 * noise[7] - 6 * valve,
    }, fault > 0


@pytest.mark.parametrize("faulty", ["valve", "shaft"])
def test_a_plant_that_leaves_its_usual_state_warns_while_it_is_out_of_it(
    tmp_path: Path, faulty: str
) -> None:
    given, fault = plant(np.random.default_rng(21), faulty)
    _, warns = scored(tmp_path, "plant-state", given, SECOND, 400)
    assert warns[:600].mean() < 0.02
    assert warns[fault].mean() > 0.7
    assert not warns[-60:].any()


def test_a_sound_plant_hardly_warns(tmp_path: Path) -> None:
    shares = []
    for seed in range(30, 36):
        given, _ = plant(np.random.default_rng(seed), "")
        shares.append(scored(tmp_path, "plant-state", given, SECOND, 400)[1].mean())
    assert np.mean(shares) < 0.05


def test_a_missing_sensor_is_no_fault(tmp_path: Path) -> None:
    given, _ = plant(np.random.default_rng(21), "")
    silent = {**given, "u:voltage:V": np.where(np.arange(1150) > 500, np.nan, given["u:voltage:V"])}
    score, warns = scored(tmp_path, "plant-state", silent, SECOND, 400)
    assert np.isfinite(score[400:]).all()
    assert warns.mean() < 0.05


def halves(columns: Mapping[str, Floats], random: np.random.Generator) -> dict[str, Floats]:
    """Flows and powers in two parts, everything else read by two meters that differ a little."""
    found = {}
    for name, values in columns.items():
        series, _, quantity = name.partition(":")
        share = 0.5 + 0.3 * np.sin(np.arange(len(values)) / 700)
        off = 0.01 * random.standard_normal(len(values))
        summed = quantity.startswith(("discharge", "active_power"))
        found[f"z-{series}:{quantity}"] = share * values if summed else values + off
        found[f"a-{series}:{quantity}"] = (1 - share) * values if summed else values - off
    return found


@pytest.mark.parametrize("detector", ["head-loss", "efficiency", "headpond-balance"])
def test_two_units_count_as_their_sum_and_two_meters_as_their_mean(
    tmp_path: Path, detector: str
) -> None:
    random, count = np.random.default_rng(5), 4000
    flow = day_of_flow(random, count)
    head = 60 + 0.3 * random.standard_normal(count)
    columns = {
        "head-loss": {"r:head_loss:m": 0.021 * flow**2 + 0.05 * random.standard_normal(count),
                      "q:discharge:m3/s": flow},
        "efficiency": {"p:active_power:kW": 9.81 * flow * head * efficiency(flow),
                       "q:discharge:m3/s": flow, "h:net_head:m": head},
        "headpond-balance": {"l:headpond_level:m": 400 - np.cumsum(flow - 10) * 60 / 50_000,
                             "q:discharge:m3/s": flow},
    }[detector]  # fmt: skip
    one, _ = scored(tmp_path, detector, columns, MINUTE, 2880)
    parts = halves(columns, random)
    if detector == "headpond-balance":
        # Its flows are weighed one by one.
        parts = {**{n: v for n, v in parts.items() if "level" in n}, "q:discharge:m3/s": flow}
    two, _ = scored(tmp_path, detector, parts, MINUTE, 2880)
    assert np.isfinite(one).sum() > 500
    assert two == pytest.approx(one, rel=1e-6, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("detector", ["head-loss", "efficiency", "headpond-balance"])
def test_a_series_that_begins_later_changes_nothing_before(tmp_path: Path, detector: str) -> None:
    random, count = np.random.default_rng(6), 1500
    flow = day_of_flow(random, count)
    head = 60 + 0.3 * random.standard_normal(count)
    columns = {
        "r:head_loss:m": 0.021 * flow**2 + 0.05 * random.standard_normal(count),
        "p:active_power:kW": 9.81 * flow * head * efficiency(flow),
        "h:net_head:m": head,
        "l:headpond_level:m": 400 - np.cumsum(flow - 10) * 60 / 50_000,
        "q:discharge:m3/s": flow,
    }
    later = {**columns, "a:discharge:m3/s": np.where(np.arange(count) < 1000, np.nan, 3.0)}
    one, _ = scored(tmp_path, detector, columns, MINUTE, 600)
    two, _ = scored(tmp_path, detector, later, MINUTE, 600)
    assert np.isfinite(one[600:1000]).sum() > 100
    assert np.array_equal(one[:1000], two[:1000], equal_nan=True)
    # What a meter says that training did not know may be a unit of its own.
    assert np.isnan(two[1001:]).all()


def test_a_meter_that_began_late_in_the_training_is_learned_from(tmp_path: Path) -> None:
    random, count = np.random.default_rng(7), 6000
    flow = day_of_flow(random, count)
    clogs = 1 + 0.6 * (np.arange(count) >= 4000)
    loss = 0.021 * flow**2 * clogs + 0.05 * random.standard_normal(count)
    flow[:1800] = np.nan
    given = {"r:head_loss:m": loss, "q:discharge:m3/s": flow}
    _, warns = scored(tmp_path, "head-loss", given, MINUTE, 2880)
    assert not warns[:4000].any()
    assert warns[4020:].all()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="head-loss needs a discharge, and a head_loss or"):
        scored(tmp_path, "head-loss", {"q:discharge:m3/s": np.ones(10)}, MINUTE, 5)
