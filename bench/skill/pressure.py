"""Tsunamis on ocean-bottom pressure: one real record, and stated synthetic pairs of stations.

A pair stands 100 to 900 km apart on a sea of 4 km. Each sea has a tide of two constituents with
chance phases, 2 mm of noise, and a quake whose seismic train (0.2 to 2 m, away after ten minutes)
is stronger than the wave. Half of the seas then have a wave of 5 to 30 cm, moving at sqrt(g h).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.skill.recordings import Result, result, scored
from models.engine import Engine
from models.evaluation.spans import Rules, Span, judge, runs
from models.ocean import distance_m
from records.levels import Level
from records.network import DetectorChoice, Device, Lab, Network, Series, Station
from records.readings import ReadingBatch, concatenate
from records.times import DAY, HOUR, MINUTE, SECOND, parse
from store.directory import Registry

ORIGIN = "2010-02-27T06:34:14Z"
LATEST_H = 3 + 16 / 60
SEAS, SEAS_QUICK = 40, 8
_G = 9.81
_DEPTH_M = 4000.0
_START = 14_000 * DAY
_QUAKE = _START + 30 * HOUR


def results(data: Path, *, quick: bool) -> list[Result]:
    return [*_recorded(data), *_pairs(SEAS_QUICK if quick else SEAS)]


def _recorded(data: Path) -> list[Result]:
    """The wave first exceeds 5 cm at +3 h 11 min; what is said before is said of the quake."""
    table = np.loadtxt(data / "tsunami_dart_chile2010" / "32412_notide.txt")
    origin = parse(ORIGIN)
    at = origin + np.rint(table[:, 0] * SECOND).astype(np.int64)
    height = pd.Series(table[:, 1], index=at)
    (found,) = scored("tsunami-pressure", {"dart:water_column_height:m": height}).values()
    last = int(at[-1])
    event = Span("dart", origin + 3 * HOUR + 11 * MINUTE, last)
    rules = Rules(ahead=20 * MINUTE, grace=5 * MINUTE, period=last - int(at[0]))
    plain = runs(at, np.abs(table[:, 1]) > 0.03, "dart", apart=30 * MINUTE)
    judged = {
        "": judge(found.warnings("dart"), [event], rules),
        "always_on": judge([Span("dart", int(at[0]), last)], [event], rules),
        "above_30_mm": judge(plain, [event], rules),
    }
    hours = {name: LATEST_H - 5 / 60 - one.lead_s[0] / 3600 for name, one in judged.items()}
    false = {name: len(one.false) for name, one in judged.items()}
    return [
        result("bottom pressure", "hours after the origin", hours.pop(""), "h", 1,
               bar=LATEST_H, **hours),
        result("bottom pressure", "warnings of the quake (seismic peak 0.35 m, wave 0.24 m)",
               false.pop(""), "warnings", 1, **false),
    ]  # fmt: skip


def _pairs(seas: int) -> list[Result]:
    said = [_sea(seed, wave=seed % 2 == 0) for seed in range(seas)]
    waves, quakes = said[::2], said[1::2]
    found = [one for one in waves if one is not None]
    return [
        result("bottom pressure", "synthetic pairs of stations, waves confirmed", len(found),
               f"of {len(waves)}", len(waves), always_on=len(waves)),
        result("bottom pressure", "synthetic pairs, minutes after the wave is at the second",
               float(np.median(found)) if found else None, "min, median", len(found)),
        result("bottom pressure", "synthetic pairs, confirmed without a wave",
               sum(one is not None for one in quakes), f"of {len(quakes)}", len(quakes),
               always_on=len(quakes)),
    ]  # fmt: skip


def _sea(seed: int, *, wave: bool) -> float | None:
    """Minutes from the wave's arrival at the second station to the first orange, None: never."""
    rng = np.random.default_rng(seed)
    lat = float(rng.uniform(1.0, 8.0))
    network = Network(
        lab=(Lab(id="sea"),),
        station=tuple(
            Station(id=n, lab="sea", lat=where, lon=-110.0) for n, where in (("a", 0), ("b", lat))
        ),
        device=tuple(Device(id=n, station=n) for n in "ab"),
        series=tuple(
            Series(id=n, station=n, device=n, quantity="water_column_height", unit="m")
            for n in "ab"
        ),
        detector=(DetectorChoice(name="tsunami-pressure"),),
    )
    registry = Registry.of(network)
    apart = distance_m(*network.station)
    first = _QUAKE + round(rng.uniform(0.7, 2.0) * HOUR)
    arrivals = first, first + round(apart / np.sqrt(_G * _DEPTH_M) * SECOND)
    height_m = float(rng.uniform(0.05, 0.3)) if wave else 0.0
    parts = [
        _rows(registry.series_number[name], arrival, height_m, rng)
        for name, arrival in zip("ab", arrivals, strict=True)
    ]
    rows = concatenate(parts)
    said = Engine(registry, started_at=_START - 1).advance(rows, int(rows.received_at.max()))
    orange = [w.decided_at for w in said if w.level >= Level.ORANGE]
    return (orange[0] - arrivals[1]) / MINUTE if orange else None


def _rows(series: int, arrival: int, wave_m: float, rng: np.random.Generator) -> ReadingBatch:
    parts = ((_START, _QUAKE, 15 * MINUTE), (_QUAKE, _QUAKE + 10 * MINUTE, 15 * SECOND),
             (_QUAKE + 10 * MINUTE, _QUAKE + 8 * HOUR, MINUTE))  # fmt: skip
    at = np.concatenate([np.arange(a, b, step, dtype=np.int64) for a, b, step in parts])
    count = len(at)
    return ReadingBatch(
        np.full(count, series, np.int32),
        at,
        at + SECOND,
        _height(at, arrival, wave_m, rng),
        np.ones(count, np.uint8),
        np.zeros(count, np.uint16),
        np.zeros(count, np.bool_),
    )


def _height(
    at: NDArray[np.int64], arrival: int, wave_m: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    hours = (at - _START) / HOUR
    phases = rng.uniform(0, 2 * np.pi, 2)
    height = _DEPTH_M + 0.6 * np.cos(2 * np.pi * hours / 12.42 + phases[0])
    height += 0.25 * np.cos(2 * np.pi * hours / 23.93 + phases[1])
    height += 0.002 * rng.standard_normal(len(at))
    shaking = np.maximum(at - _QUAKE, 0) / SECOND
    height += rng.uniform(0.2, 2.0) * np.exp(-shaking / 150) * np.sin(2 * np.pi * shaking / 27)
    since = np.maximum(at - arrival, 0) / MINUTE
    height += wave_m * np.sin(2 * np.pi * since / rng.uniform(10, 30)) * np.exp(-since / 120)
    return np.asarray(height, np.float64)
