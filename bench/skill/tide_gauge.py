"""Tsunamis at a tide gauge, from the height alone: minutes after the residual first stands out.

The truth is the recording's own residual, which looks ahead and which no detector is given: the
first time that it exceeds both 5 cm and five times its standard deviation before the origin.

How often nothing is taken for a tsunami is counted on simulated seas: three tides with chance
phases, 5 mm of noise, and a seiche of 1 cm and 20 minutes that noise keeps going.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.skill.recordings import Result, by_time, result, scored
from models.evaluation.nulls import always_on
from models.evaluation.spans import Rules, Span, judge, runs
from records.times import DAY, HOUR, MINUTE, parse

FILES = {
    "tonga2006": "2006-05-03T15:26:40Z",
    "samoa2009": "2009-09-29T17:48:11Z",
}
LATEST = 10 * MINUTE
GAUGES, GAUGES_QUICK = 60, 10
_EVERY_MIN = (1, 3, 6)
_DAYS = 20
_START = 14_000 * DAY
_LEAST_M = 0.05
_SIGMAS = 5.0


def results(data: Path, *, quick: bool) -> list[Result]:
    recorded = [
        line
        for name, origin in FILES.items()
        for line in _results(data / "tsunami_nukualofa" / f"{name}.csv.gz", parse(origin))
    ]
    return [*recorded, *_simulated(GAUGES_QUICK if quick else GAUGES)]


def _simulated(gauges: int) -> list[Result]:
    seas = _seas(gauges)
    years = gauges * _DAYS / 365.25
    lines = []
    for every in _EVERY_MIN:
        given = {f"{i}:sea_level:m": sea.iloc[::every] for i, sea in enumerate(seas)}
        found = scored("tsunami-gauge", given)
        said = sum(len(one.warnings()) for one in found.values())
        plain = sum(len(_above_the_highest(sea)) for sea in given.values())
        lines.append(
            result("tide gauge", f"simulated seas, every {every} min, false alarms a gauge-year",
                   said / years, "alarms", f"{years:.1f} years", budget=1,
                   above_the_highest_of_3_days=plain / years)
        )  # fmt: skip
    return lines


def _seas(gauges: int) -> list[pd.Series]:
    random = np.random.default_rng(11)
    at = _START + MINUTE * np.arange(_DAYS * DAY // MINUTE, dtype=np.int64)
    swing, push = np.zeros((gauges, len(at))), random.standard_normal((gauges, len(at)))
    for i in range(2, len(at)):
        swing[:, i] = 1.98 * np.cos(np.pi / 10) * swing[:, i - 1] - 0.9801 * swing[:, i - 2]
        swing[:, i] += push[:, i]
    height = 0.01 * swing / swing.std(axis=1, keepdims=True)
    height += random.normal(0, 0.005, height.shape)
    for tide_m, period_h in ((0.9, 12.42), (0.3, 12.0), (0.15, 23.93)):
        phase = random.uniform(0, 2 * np.pi, (gauges, 1))
        height += tide_m * np.cos(2 * np.pi * at / (period_h * HOUR) + phase)
    return [pd.Series(np.round(one, 3), index=at) for one in height]


def _results(path: Path, origin: int) -> list[Result]:
    frame = pd.read_csv(path)
    height = by_time(frame["time"], frame["height"])
    residual = by_time(frame["time"], frame["resid"]).abs()
    sigma = float(by_time(frame["time"], frame["resid"]).loc[: origin - 1].std())
    over = residual.loc[origin:]
    crossing = int(over.index[over > max(_LEAST_M, _SIGMAS * sigma)][0])
    (found,) = scored("tsunami-gauge", {"gauge:sea_level:m": height}).values()
    event = Span("gauge", crossing, int(height.index[-1]))
    # A warning between origin and crossing is early, not false.
    rules = Rules(ahead=crossing - origin, grace=LATEST, period=DAY)
    judged = judge(found.warnings("gauge"), [event], rules)
    watched = {"gauge": (int(height.index[0]), int(height.index[-1]))}
    always = judge(always_on(watched), [event], rules)
    plain = judge(_above_the_highest(height), [event], rules)
    year = path.name.split(".")[0]
    lead = judged.lead_s[0]
    quiet = round((crossing - int(height.index[0])) / DAY)
    return [
        result("tide gauge", f"{year}, minutes after the residual", -lead / 60, "min", 1,
               bar=LATEST / MINUTE, always_on=-always.lead_s[0] / 60,
               above_the_highest_of_3_days=-plain.lead_s[0] / 60),
        result("tide gauge", f"{year}, false alarms on quiet days", len(judged.false), "alarms",
               f"{quiet} days", always_on=len(always.false),
               above_the_highest_of_3_days=len(plain.false)),
    ]  # fmt: skip


def _above_the_highest(height: pd.Series) -> list[Span]:
    """A rule that knows no tide: higher than ever in the three days before."""
    at = height.index.to_numpy(np.int64)
    past = pd.Series(height.to_numpy(), index=pd.to_datetime(at * 1000))
    highest = past.rolling("3D", closed="left").max().to_numpy()
    known = at - at[0] >= 3 * DAY
    return runs(at, known & (height.to_numpy() > highest), "gauge", apart=DAY)
