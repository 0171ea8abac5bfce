"""Landslide days by rain, beside the published line of the same place at equal false days.

The line (Chleborad et al. 2006, doi:10.3133/ofr20061064): rain of 3 days above 3.5 in less 0.67 of
that of the 15 days before. A null that reads no rain finds landslide days by chance alone. The
weights of the detector's index were chosen on these days; with the weights that are best on all
other events each event is judged once more, and the differences have bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.skill.recordings import Result, by_time, result
from models.bank import Bank
from models.detector import Floats, State, Watched
from models.detectors.rain_threshold import RainThreshold
from models.evaluation.resampling import interval
from records.levels import Level
from records.times import DAY

INCH_MM = 25.4
BLOCK_DAYS = 10
# Landslide days nearer than this are one event.
EVENT_DAYS = 7
CANDIDATES = tuple(product((0.0, 0.5, 1.0, 2.0), (1.0,), (0.0, 0.1, 0.2, 0.4)))
LINE = "days more than the published line"


class _Weighed(RainThreshold):
    """Weights of its own for each series, shape (series, stores)."""

    weights: Floats

    def index(self, at: NDArray[np.intp], state: State) -> Floats:
        index: Floats = (state["stores_mm"][at] * self.weights[at]).sum(axis=1)
        return index


@dataclass(frozen=True, slots=True)
class Days:
    """Columns a day of one gauge: our highest score, whether it warned, how far the rain is above
    the published line (mm), and whether slopes slid; days since 1970, an hour's rain of its end."""

    day: NDArray[np.int64]
    score: Floats
    warned: NDArray[np.bool_]
    line: Floats
    slid: NDArray[np.bool_]

    @property
    def false(self) -> int:
        """False days of the line."""
        return int((self.line[~self.slid] >= 0).sum())

    def found(self) -> NDArray[np.bool_]:
        """Which landslide days score higher than what gives as many false days as the line has."""
        limit = np.sort(self.score[~self.slid])[::-1][self.false]
        found: NDArray[np.bool_] = self.score[self.slid] > limit
        return found

    def lined(self) -> int:
        """Landslide days that the line finds."""
        return int((self.line[self.slid] >= 0).sum())

    def without(self, days: NDArray[np.int64]) -> Days:
        kept = ~np.isin(self.day, days)
        return Days(
            self.day[kept], self.score[kept], self.warned[kept], self.line[kept], self.slid[kept]
        )

    def sums(self) -> Floats:
        """For each block of days: false and found days at each limit there can be, then the line's;
        the limits fall along the columns."""
        limits = np.r_[np.inf, np.sort(self.score[~self.slid])[::-1]]
        over = self.score[:, None] > limits
        lined = self.line >= 0
        columns = np.column_stack(
            [over & ~self.slid[:, None], over & self.slid[:, None], lined & ~self.slid,
             lined & self.slid]
        )  # fmt: skip
        block = self.day // BLOCK_DAYS
        return np.stack([columns[block == b].sum(axis=0) for b in np.unique(block)]).astype(float)


def results(data: Path, *, quick: bool) -> list[Result]:
    folder = data / "landslide_usgs"
    table = pd.read_csv(folder / "rain_hourly_inches.csv.gz")
    days = (folder / "dates2011Muk.txt").read_text().split()
    slid = pd.to_datetime(days, format="%m/%d/%Y").to_numpy().astype("datetime64[D]").astype(int)
    # A day is local.
    rain = {g: by_time(table["time_local"], table[g] * INCH_MM) for g in table.columns[1:]}
    rain = {g: r for i, (g, r) in enumerate(rain.items()) if i == 0 or not quick}
    gauges = judged(rain, slid)
    lines = [line for gauge, days_ in gauges.items() for line in _results(gauge, days_)]
    lines.append(_difference("all gauges, " + LINE, list(gauges.values())))
    if quick:
        return lines
    others = list(judged(_others(rain), slid).values())
    behind = sum(int(other.found().sum()) < other.lined() for other in others)
    return [
        *lines,
        *_left_out(rain, slid),
        _difference("gauges made of these, " + LINE, others, behind=behind),
    ]


def judged(
    rain: Mapping[str, pd.Series], slid: NDArray[np.int64], detector: RainThreshold | None = None
) -> dict[str, Days]:
    """Each gauge's days; rain in mm by microseconds since 1970."""
    watched = [Watched(gauge, quantity="rain", unit="mm") for gauge in rain]
    bank = Bank(detector or RainThreshold(), watched)
    place = np.repeat(np.arange(len(rain)), [len(r) for r in rain.values()])
    every = pd.concat(list(rain.values()))
    outcome = bank.advance(place, every.index.to_numpy(np.int64), every.to_numpy(np.float64))
    found = {}
    for number, (gauge, series) in enumerate(rain.items()):
        mine = place == number
        day = (series.index.to_numpy() - 1) // DAY
        rows = pd.DataFrame(
            {"score": outcome.score[mine], "warned": outcome.level[mine] >= Level.ORANGE,
             "line": _line(series).to_numpy()}
        )  # fmt: skip
        best = rows.groupby(day).max()
        at = best.index.to_numpy(np.int64)
        score, warned, line = (best[name].to_numpy() for name in rows)
        found[gauge] = Days(at, score, warned, line, np.isin(at, slid))
    return found


def _results(gauge: str, days: Days) -> list[Result]:
    n, false = int(days.slid.sum()), days.false
    return [
        result("rain", f"{gauge}, landslide days at the false days of the published line",
               int(days.found().sum()), f"of {n}", n, false_days=false,
               published_line=days.lined(), always_on=n, by_chance=n * false / len(days.day)),
        result("rain", f"{gauge}, landslide days by its own limit",
               int(days.warned[days.slid].sum()), f"of {n}", n,
               false_days=int(days.warned[~days.slid].sum()), days=len(days.day),
               always_on_false_days=int((~days.slid).sum())),
    ]  # fmt: skip


def _difference(case: str, gauges: Sequence[Days], **beside: int) -> Result:
    """Mean over the gauges, with its interval: the limit is found anew in each draw."""
    sums = [days.sums() for days in gauges]
    blocks = sorted({int(b) for days in gauges for b in days.day // BLOCK_DAYS})
    edges = np.cumsum([0, *(one.shape[1] for one in sums)])
    table = np.zeros((len(blocks), edges[-1]))
    for (first, end), one, days in zip(pairwise(edges), sums, gauges, strict=True):
        table[np.searchsorted(blocks, np.unique(days.day // BLOCK_DAYS)), first:end] = one

    def statistic(total: Floats) -> Floats:
        each = np.stack([_more(total[..., first:end]) for first, end in pairwise(edges)])
        mean: Floats = each.mean(axis=0)
        return mean

    found = interval(table, statistic)
    n = int(gauges[0].slid.sum())
    return result("rain", case, found.value, f"of {n}", n, low=found.low, high=found.high,
                  gauges=len(gauges), **beside)  # fmt: skip


def _more(total: Floats) -> Floats:
    """Landslide days found beyond the line's, at the lowest limit with no more false days."""
    limits = (total.shape[-1] - 2) // 2
    false, found = total[..., :limits], total[..., limits : 2 * limits]
    allowed = (false <= total[..., -2:-1]).sum(axis=-1) - 1
    ours = np.take_along_axis(found, allowed[..., None], axis=-1)[..., 0]
    more: Floats = ours - total[..., -1]
    return more


def _left_out(rain: Mapping[str, pd.Series], slid: NDArray[np.int64]) -> list[Result]:
    """Each event judged with the weights that are best, at all gauges, on the other events."""
    copies = {f"{g} {i}": rain[g] for i in range(len(CANDIDATES)) for g in rain}
    detector = _Weighed()
    detector.weights = np.repeat(np.array(CANDIDATES), len(rain), axis=0)
    every = judged(copies, slid, detector)
    tried = [{g: every[f"{g} {i}"] for g in rain} for i in range(len(CANDIDATES))]
    groups = np.split(np.sort(slid), np.flatnonzero(np.diff(np.sort(slid)) > EVENT_DAYS) + 1)
    found = dict.fromkeys(rain, 0)
    for event in groups:
        best = max(tried, key=lambda gauges: _worth([d.without(event) for d in gauges.values()]))
        for gauge, days in best.items():
            mine = np.isin(days.day[days.slid], event)
            found[gauge] += int(days.found()[mine].sum())
    n = len(slid)
    return [
        result("rain", f"{gauge}, landslide days with the weights from the other events", more,
               f"of {n}", n, published_line=days.lined(), events=len(groups), tried=len(tried))
        for (gauge, more), days in zip(found.items(), tried[0].values(), strict=True)
    ]  # fmt: skip


def _worth(gauges: Sequence[Days]) -> tuple[int, float]:
    """Days found, then how high the landslide days stand among the others."""
    ranks = [(d.score[d.slid][:, None] > d.score[~d.slid]).mean() for d in gauges]
    return sum(int(d.found().sum()) for d in gauges), float(np.mean(ranks))


def _others(rain: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """Gauges that these could have been: means of two, other totals, other intervals."""
    made = {
        f"{a}+{b}": pd.concat([rain[a], rain[b]], axis=1).sort_index().mean(axis=1)
        for a, b in combinations(rain, 2)
    }
    for gauge, one in rain.items():
        made |= {f"{gauge} x {f}": one * f for f in (0.6, 0.8, 1.25, 1.6)}
        made |= {f"{gauge} {h} h": _sums(one, h) for h in (3, 24)}
    return made


def _sums(rain: pd.Series, hours: int) -> pd.Series:
    interval_us = hours * DAY // 24
    return rain.groupby(-(-rain.index.to_numpy() // interval_us) * interval_us).sum()


def _line(rain: pd.Series) -> pd.Series:
    """How far (mm) rain of 3 days is above the line."""
    timed = pd.Series(rain.to_numpy(), index=pd.to_datetime(rain.index.to_numpy() * 1000))
    last = timed.rolling("72h").sum()
    before = timed.rolling("432h").sum() - last
    above = last - 3.5 * INCH_MM + 0.67 * before
    return pd.Series(above.to_numpy(), index=rain.index)
