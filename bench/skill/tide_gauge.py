"""Tsunamis at a tide gauge, from the height alone: minutes after the residual first stands out.

The truth is the recording's own residual, which looks ahead and which no detector is given: the
first time that it exceeds both 5 cm and five times its standard deviation before the origin.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.skill.recordings import Result, by_time, result, scored
from models.evaluation.nulls import always_on
from models.evaluation.spans import Rules, Span, judge, runs
from records.times import DAY, MINUTE, parse

FILES = {
    "tonga2006": "2006-05-03T15:26:40Z",
    "samoa2009": "2009-09-29T17:48:11Z",
}
LATEST = 10 * MINUTE
_LEAST_M = 0.05
_SIGMAS = 5.0


def results(data: Path, *, quick: bool) -> list[Result]:  # noqa: ARG001
    return [
        line
        for name, origin in FILES.items()
        for line in _results(data / "tsunami_nukualofa" / f"{name}.csv.gz", parse(origin))
    ]


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
