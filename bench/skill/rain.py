"""Landslide days by rain, beside the published line of the same place at equal false days.

The line (Chleborad et al. 2006, doi:10.3133/ofr20061064): rain of 3 days above 3.5 in less 0.67 of
that of the 15 days before. A null that reads no rain finds landslide days by chance alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.skill.recordings import Result, by_time, result, scored
from records.levels import Level
from records.times import DAY

INCH_MM = 25.4


def results(data: Path, *, quick: bool) -> list[Result]:
    folder = data / "landslide_usgs"
    table = pd.read_csv(folder / "rain_hourly_inches.csv.gz")
    days = (folder / "dates2011Muk.txt").read_text().split()
    slid = pd.to_datetime(days, format="%m/%d/%Y").to_numpy().astype("datetime64[D]").astype(int)
    gauges = list(table.columns[1:])
    chosen = gauges[:1] if quick else gauges
    return [line for gauge in chosen for line in _results(table, gauge, slid)]


def _results(table: pd.DataFrame, gauge: str, slid: NDArray[np.int64]) -> list[Result]:
    # A day is local, and an hour's rain is stamped at its end.
    rain = by_time(table["time_local"], table[gauge] * INCH_MM)
    (found,) = scored("rain-threshold", {f"{gauge.lower()}:rain:mm": rain}).values()
    day = (found.measured_at - 1) // DAY
    score = pd.Series(found.score).groupby(day).max()
    warned = pd.Series(found.level >= Level.ORANGE).groupby(day).max()
    line = _line(rain).groupby((rain.index.to_numpy() - 1) // DAY).max().reindex(score.index)
    slides = score.index.isin(slid)
    false = int((line[~slides] >= 0).sum())
    limit = score[~slides].sort_values(ascending=False).iloc[false]
    n = int(slides.sum())
    return [
        result("rain", f"{gauge}, landslide days at the false days of the published line",
               int((score[slides] > limit).sum()), f"of {n}", n, false_days=false,
               published_line=int((line[slides] >= 0).sum()), always_on=n,
               by_chance=n * false / len(score)),
        result("rain", f"{gauge}, landslide days by its own limit", int(warned[slides].sum()),
               f"of {n}", n, false_days=int(warned[~slides].sum()),
               days=len(score), always_on_false_days=int((~slides).sum())),
    ]  # fmt: skip


def _line(rain: pd.Series) -> pd.Series:
    """How far (mm) rain of 3 days is above the line."""
    timed = pd.Series(rain.to_numpy(), index=pd.to_datetime(rain.index.to_numpy() * 1000))
    last = timed.rolling("72h").sum()
    before = timed.rolling("432h").sum() - last
    above = last - 3.5 * INCH_MM + 0.67 * before
    return pd.Series(above.to_numpy(), index=rain.index)
