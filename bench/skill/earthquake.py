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
from models.shaking import TOLD_FROM
from records.case import Case
from records.levels import Hazard, Level
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import HOUR, SECOND, parse
from store.directory import Registry
from tests.cases.openeew import write

NOISE_H, NOISE_QUICK_H = 24.0, 0.1
EVENTS_QUICK = 2
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
    said = [_declared(one.registry, one.rows) for one in heard]
    declared = [
        _after_s(one, [w.decided_at for w in s]) for one, s in zip(heard, said, strict=True)
    ]
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
        *_sizes([(float(e["mag"]), s[0]) for e, s in zip(chosen, said, strict=True) if s]),
    ]  # fmt: skip


def _sizes(told: list[tuple[float, HazardWarning]]) -> list[Result]:
    """What the first warning says of the size, beside what the other quakes would say of it."""
    true = np.array([magnitude for magnitude, _ in told])
    least = np.array([w.evidence["magnitude_at_least"] or 0.0 for _, w in told])
    others = [np.delete(true, i) for i in range(len(true))]
    smallest = np.array([o.min() for o in others])
    mean = np.array([o.mean() for o in others])
    strong, said = true >= TOLD_FROM, least >= TOLD_FROM
    return [
        result("earthquake", "first 'magnitude at least', above the true magnitude",
               int((least > true).sum()), "events", len(told), bar=0,
               smallest_of_the_others=int((smallest > true).sum()),
               mean_of_the_others=int((mean > true).sum())),
        result("earthquake", "first 'magnitude at least', below the true magnitude by, median",
               float(np.median(true - least)), "magnitudes", len(told),
               smallest_of_the_others=round(float(np.median(true - smallest)), 2)),
        result("earthquake", "told as 5 or more at once, of those that were",
               int((strong & said).sum()), f"of {int(strong.sum())}", int(strong.sum()),
               of_the_smaller_ones=f"{int((~strong & said).sum())} of {int((~strong).sum())}",
               always_on=f"{int(strong.sum())} and {int((~strong).sum())}"),
    ]  # fmt: skip


def _heard(folder: Path, event: str, origin_at: int) -> Heard:
    with tempfile.TemporaryDirectory(prefix="hoshyar-bench-") as name:
        case = Case.load(write(folder, event, Path(name) / "case"))
        arrivals = [Arrival(m.topic, m.payload, m.received_at) for m in case.messages()]
    registry = Registry.of(in_stored_order(case.network))
    commit = Intake(registry, scenario=True).take(arrivals)
    return Heard(registry, Memory().news(commit.readings).by_arrival(), origin_at)


def _declared(registry: Registry, rows: ReadingBatch) -> list[HazardWarning]:
    """The warning that declared each earthquake."""
    first, last = int(rows.received_at.min()), int(rows.received_at.max())
    said = Engine(registry, started_at=first - 1).advance(rows, last)
    begun: set[str] = set()
    declared = []
    for warning in said:
        if warning.hazard != Hazard.EARTHQUAKE:
            continue
        if warning.level >= Level.ORANGE and warning.source not in begun:
            declared.append(warning)
            begun.add(warning.source)
        elif warning.level == Level.GREEN:
            begun.discard(warning.source)
    return declared


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
            false += len(_declared(moved.registry, moved.rows))
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
