"""Earthquakes of the OpenEEW recordings: how long after the origin, and how often without one.

Noise is made of the same recordings: each station's whole record is moved by a chance time of its
own, around the end to the beginning. Shaking then passes through the stations in no wave's order.
"""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.skill.recordings import Result, result
from hoshyar.inprocess import Memory, in_stored_order
from ingest.arrivals import Arrival
from ingest.intake import Intake
from models.engine import Engine
from records.case import Case
from records.levels import Hazard, Level
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import HOUR, SECOND, parse
from store.directory import Registry
from tests.cases.openeew import write

NOISE_H, NOISE_QUICK_H = 24.0, 0.1
EVENTS_QUICK = 2
STRONGEST = 6.0  # magnitude of those that should turn red
# A plain rule: at four stations within 20 s the mean acceleration of 1 s is three times that of 10.
_RATIO, _STATIONS, _WITHIN = 3.0, 4, 20 * SECOND


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording as the store would have it, in order of arrival."""

    registry: Registry
    rows: ReadingBatch
    origin_at: int

    @property
    def span(self) -> int:
        return int(self.rows.received_at.max() - self.rows.received_at.min()) + SECOND


def results(data: Path, *, quick: bool) -> list[Result]:
    folder = data / "openeew"
    with (folder / "events_index.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    chosen = events[:EVENTS_QUICK] if quick else events
    heard = [_heard(folder, e["folder"], parse(e["origin_utc"].replace(" ", "T") + "Z"))
             for e in chosen]  # fmt: skip
    said = [_warned(one.registry, one.rows) for one in heard]
    declared = [_after_s(one, _declared(s)) for one, s in zip(heard, said, strict=True)]
    plain = [_after_s(one, _plain(one)) for one in heard]
    hours = NOISE_QUICK_H if quick else NOISE_H
    false, plain_false, made_h = _noise(heard, hours)
    good = [one for one in declared if one > 0]
    return [
        result("earthquake", "declared by three stations that fit a wave", len(good),
               f"of {len(heard)}", len(heard), bar=len(heard), always_on=0,
               four_stations_in_20_s=sum(one > 0 for one in plain)),
        result("earthquake", "after the origin, median", float(np.median(good)) if good else None,
               "s", len(good), bar=10.0, worst=max(good, default=np.nan),
               four_stations_in_20_s=float(np.nanmedian(plain))),
        result("earthquake", "declared before the origin", sum(one <= 0 for one in declared),
               "events", len(heard), bar=0, always_on=len(heard)),
        result("earthquake", "declared in noise of moved records", false, "times",
               f"{made_h:.1f} h", bar=0, four_stations_in_20_s=plain_false),
        *_sizes(chosen, heard, said),
    ]  # fmt: skip


def _sizes(
    events: list[dict[str, str]], heard: list[Heard], said: list[list[HazardWarning]]
) -> list[Result]:
    """Which quakes turned red, beside a warning that is always red; and when."""
    reds = [[w for w in one if w.level == Level.RED] for one in said]
    after = [_after_s(h, [w.decided_at for w in red]) for h, red in zip(heard, reds, strict=True)]
    strong = [float(e["mag"]) >= STRONGEST for e in events]
    told = [bool(red) for red in reds]
    over = [float(red[0].evidence["magnitude_at_least"]) > float(e["mag"])
            for e, red in zip(events, reds, strict=True) if red]  # fmt: skip
    return [
        result("earthquake", "red (magnitude at least 5), of those of 6 or more",
               sum(t for t, s in zip(told, strong, strict=True) if s), f"of {sum(strong)}",
               sum(strong), always_on=sum(strong),
               of_the_smaller_ones=f"{sum(t for t, s in zip(told, strong, strict=True) if not s)}"
               f" of {len(strong) - sum(strong)}", said_above_the_true_one=sum(over)),
        result("earthquake", "red after the origin", float(np.nanmedian(after)) if any(told)
               else None, "s", sum(told)),
    ]  # fmt: skip


def _heard(folder: Path, event: str, origin_at: int) -> Heard:
    with tempfile.TemporaryDirectory(prefix="hoshyar-bench-") as name:
        case = Case.load(write(folder, event, Path(name) / "case"))
        arrivals = [Arrival(m.topic, m.payload, m.received_at) for m in case.messages()]
    registry = Registry.of(in_stored_order(case.network))
    commit = Intake(registry, scenario=True).take(arrivals)
    return Heard(registry, Memory().news(commit.readings).by_arrival(), origin_at)


def _warned(registry: Registry, rows: ReadingBatch) -> list[HazardWarning]:
    """All that was said of earthquakes."""
    first, last = int(rows.received_at.min()), int(rows.received_at.max())
    said = Engine(registry, started_at=first - 1).advance(rows, last)
    return [warning for warning in said if warning.hazard == Hazard.EARTHQUAKE]


def _declared(said: list[HazardWarning]) -> list[int]:
    """When each earthquake was declared."""
    begun: set[str] = set()
    moments = []
    for warning in said:
        if warning.level >= Level.ORANGE and warning.source not in begun:
            moments.append(warning.decided_at)
            begun.add(warning.source)
        elif warning.level == Level.GREEN:
            begun.discard(warning.source)
    return moments


def _after_s(heard: Heard, moments: list[int]) -> float:
    """Seconds from the origin to the first declaration; NaN where there is none."""
    return (moments[0] - heard.origin_at) / SECOND if moments else float("nan")


def _noise(heard: list[Heard], hours: float) -> tuple[int, int, float]:
    rng = np.random.default_rng(0)
    false = plain = 0
    made_h = 0.0
    while made_h < hours:
        for one in heard:
            moved = Heard(one.registry, _moved(one, rng), one.origin_at)
            false += len(_declared(_warned(moved.registry, moved.rows)))
            plain += len(_plain(moved))
            made_h += one.span / HOUR
    return false, plain, made_h


def _moved(heard: Heard, rng: np.random.Generator) -> ReadingBatch:
    rows, first = heard.rows, int(heard.rows.received_at.min())
    stations = sorted({series.station for series in heard.registry.network.series})
    shift = dict(zip(stations, rng.integers(0, heard.span, len(stations)), strict=True))
    by_number = np.zeros(rows.series.max() + 1, np.int64)
    for series in heard.registry.network.series:
        by_number[heard.registry.series_number[series.id]] = shift[series.station]
    received_at = first + (rows.received_at - first + by_number[rows.series]) % heard.span
    return ReadingBatch(
        rows.series, rows.measured_at + received_at - rows.received_at, received_at, rows.value,
        rows.flag, rows.checks, rows.late,
    ).by_arrival()  # fmt: skip


def _plain(heard: Heard) -> list[int]:
    """When a plain rule would have declared, by receipt time; at most once in five minutes."""
    picks = []
    vertical = [s for s in heard.registry.network.series if s.point == "z"]
    station_of = {heard.registry.series_number[s.id]: s.station for s in vertical}
    for station in sorted(set(station_of.values())):
        (own,) = (number for number, name in station_of.items() if name == station)
        rows = heard.rows.take(heard.rows.series == own)
        second, place = np.unique(rows.received_at // SECOND, return_inverse=True)
        if len(second) < 12:
            continue
        change = np.abs(np.diff(rows.value, prepend=rows.value[0]))
        short = np.bincount(place, weights=change) / np.bincount(place)
        total = np.r_[0.0, np.cumsum(short)]
        long = (total[10:-1] - total[:-11]) / 10
        over = np.flatnonzero(short[10:] > _RATIO * np.maximum(long, 1e-9)) + 10
        picks += [(at, station) for at in (second[over] * SECOND).tolist()]
    picks.sort()
    declared: list[int] = []
    for count, (moment, _) in enumerate(picks, 1):
        near = {s for m, s in picks[:count] if m > moment - _WITHIN}
        quiet = not declared or moment - declared[-1] > 300 * SECOND
        if len(near) >= _STATIONS and quiet:
            declared.append(moment)
    return declared
