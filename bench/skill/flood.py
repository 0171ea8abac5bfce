"""Floods within four hours: the forecast beside rules that were tuned on the same training part.

The threshold of a gauge is a quantile of the training part. Events are its exceedances, joined
where less than a day apart. A warning must come in the first three quarters of the four hours
before an event, alike for all. Below ten events nothing is judged: recordings are short, so the
simulated valley of `devices` is judged as well, and said to be simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.skill.recordings import Result, by_time, result, scored
from devices.river import River
from devices.weather import Weather
from models.evaluation import nulls
from models.evaluation.contingency import FEW_EVENTS, Skill, csi_difference, skill
from models.evaluation.probability import brier_skill
from models.evaluation.spans import Judged, Rules, Span, judge, runs, watched_s
from records.levels import Level
from records.times import DAY, HOUR, SECOND, text

HORIZON = 4 * HOUR
RULES = Rules(ahead=HORIZON, grace=-HOUR, period=HORIZON)
TRAINED = 0.5
CUBIC_FOOT_M3 = 0.028316846592
Floats = NDArray[np.float64]
Times = NDArray[np.int64]
# Times, values, threshold and the share that is tuned -> where it warns.
Rule = Callable[[Times, Floats, float, float], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """`columns` as `detect` takes them; the first is the target."""

    name: str
    columns: Mapping[str, pd.Series]


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A detector, the quantile of the training part that is its threshold, and plain rules."""

    kind: str
    detector: str
    quantile: float
    rules: Callable[[Times, Floats], Mapping[str, Rule]]


def results(data: Path, *, quick: bool) -> list[Result]:
    rivers = [_valley(years=0.7 if quick else 3.0)]
    if not quick:
        rivers = [_hourly(data), _quarter_hourly(data), *rivers]
    return [line for river in rivers for line in compared(FLOOD, river)]


def _hourly(data: Path) -> Recorded:
    frame = pd.read_csv(data / "river_usgs" / "usgs_01037000_hourly.csv.gz", low_memory=False)
    return Recorded(
        "01037000",
        {
            "q:discharge:m3/s": by_time(frame["datetime"], frame["cfs"] * CUBIC_FOOT_M3, 4),
            "rain:rain:mm": by_time(frame["datetime"], frame["precip"], 4),
        },
    )


def _quarter_hourly(data: Path) -> Recorded:
    frame = pd.read_csv(data / "river_usgs" / "usgs_01010070_15min.tsv", sep="\t", comment="#")
    cfs = pd.to_numeric(frame["cfs"], errors="coerce")
    times = frame["datetime"].where(cfs.notna()).dropna()
    return Recorded(
        "01010070", {"q:discharge:m3/s": by_time(times, cfs.dropna() * CUBIC_FOOT_M3, 4)}
    )


def _valley(years: float) -> Recorded:
    """Hourly stages and rain of the valley that `devices` simulates, with a centimetre of noise."""
    weather = Weather(seed=20)
    start_s = 1.6e9
    seconds = np.asarray(start_s + 3600.0 * np.arange(round(years * 8766)), np.float64)
    river = River(weather, start_s, bursts=False)
    rng = np.random.default_rng(20)
    at = (seconds * SECOND).astype(np.int64)

    def stage(station: str) -> pd.Series:
        noise = rng.normal(0, 0.01, len(at))
        return pd.Series(river.stage(station, seconds) + noise, index=at)

    return Recorded(
        "simulated valley",
        {
            "village:stage:m": stage("village"),
            "upper:stage:m": stage("stage-2"),
            "rain:rain:mm": pd.Series(weather.rain(seconds, 3600.0, 1.0), index=at),
        },
    )


def compared(forecaster: Forecaster, recorded: Recorded) -> list[Result]:
    """The detector beside rules and nulls on the second half of a record."""
    name, target = next(iter(recorded.columns.items()))
    at, value = target.index.to_numpy(np.int64), target.to_numpy(np.float64)
    fit_until = int(at[round(TRAINED * len(at))])
    known = at <= fit_until
    threshold = float(np.quantile(value[known], forecaster.quantile))
    spans = runs(at, value > threshold, "", DAY)
    past = [s for s in spans if s.begins_at <= fit_until]
    events = [s for s in spans if s.begins_at > fit_until]
    params = {"target": name.split(":")[0], "threshold": repr(threshold),
              "horizon_s": repr(HORIZON / SECOND), "fit_until": text(fit_until)}  # fmt: skip
    (found,) = scored(forecaster.detector, recorded.columns, params).values()
    judged_at = at[~known]
    watched = {"": watched_s(judged_at)}
    later = found.measured_at > fit_until
    warns = found.level[later] >= Level.ORANGE
    rules = {
        one: _rule(rule, at, value, known, threshold, past, events)
        for one, rule in forecaster.rules(at[known], value[known]).items()
    }
    systems = {
        "": judge(runs(found.measured_at[later], warns), events, RULES),
        **rules,
        **_nulls(past, events, judged_at),
    }
    skills = {one: skill(judged, RULES, watched) for one, judged in systems.items()}
    best = max(rules, key=lambda one: skills[one].csi.value)
    case = f"{forecaster.kind}: {recorded.name}"
    return _lines(case, best, skills, systems, watched, events) + _chances(
        case, found.measured_at[later], found.score[later], at, value, threshold, known,
        len(events),
    )  # fmt: skip


def _result(case: str, value: float, unit: str, n: int, **beside: Any) -> Result:
    kind, _, rest = case.partition(": ")
    return result(kind, rest, value, unit, n, **beside)


def _lines(
    name: str,
    best: str,
    skills: Mapping[str, Skill],
    systems: Mapping[str, Judged],
    watched: Mapping[str, float],
    events: Sequence[Span],
) -> list[Result]:
    beside = {one: found.csi.value for one, found in skills.items() if one}
    own = skills[""]
    less = csi_difference(systems[""], systems[best], RULES, watched)
    verdict = "judged" if len(events) >= FEW_EVENTS else "not judged: fewer than 10 events"
    return [
        _result(f"{name}, CSI at a lead of an hour or more", own.csi.value, "CSI",
               len(events), low=own.csi.low, high=own.csi.high, verdict=verdict, **beside),
        _result(f"{name}, CSI less that of the better rule ({best.replace('_', ' ')})",
               less.value, "CSI", len(events), low=less.low, high=less.high, verdict=verdict),
        _result(f"{name}, false alarms a year", own.false_a_year.value, "a year",
               len(events), **{o: s.false_a_year.value for o, s in skills.items() if o}),
        _result(f"{name}, median lead", own.lead_s[2] / 3600, "h", own.hits,
               **{one: found.lead_s[2] / 3600 for one, found in skills.items() if one}),
    ]  # fmt: skip


def _chances(
    name: str,
    scored_at: Times,
    score: Floats,
    at: Times,
    value: Floats,
    threshold: float,
    known: NDArray[np.bool_],
    events: int,
) -> list[Result]:
    """Brier skill of the chance; nulls are fitted on the training part."""
    over = value > threshold
    last = np.searchsorted(at, at + HORIZON, side="right")
    count = np.r_[0, np.cumsum(over)]
    happened = count[last] > count[np.arange(1, len(at) + 1)]
    complete = at + HORIZON <= at[-1]
    row = np.searchsorted(at, scored_at)
    fits = ~np.isnan(score) & complete[row]
    row, chance = row[fits], np.clip(score[fits], 0, 1)
    trained = known & (at + HORIZON <= at[known][-1])
    persists = nulls.persists(over[row], over[trained], happened[trained])
    climate = nulls.climatology(happened[trained], len(row))
    block = 10 * DAY
    skills = {
        one: brier_skill(chance, null, happened[row], at[row], block)
        for one, null in (("persistence", persists), ("climatology", climate))
    }
    return [
        _result(f"{name}, Brier skill against {one}", found.value, "skill", events,
               low=found.low, high=found.high, cases=len(row))
        for one, found in skills.items()
    ]  # fmt: skip


def _nulls(past: Sequence[Span], events: Sequence[Span], at: Times) -> dict[str, Judged]:
    # Nobody is false while nothing is watched: a gap of a day ends a stretch.
    parts = np.split(at, np.flatnonzero(np.diff(at) > DAY) + 1)
    stretches = [{"": (int(part[0]), int(part[-1]))} for part in parts]
    said = {
        "always_on": [w for one in stretches for w in nulls.always_on(one)],
        "time_of_day": [w for s in stretches for w in nulls.time_of_day(past, s, hours=1)],
        "persistence": nulls.persistence(events, HORIZON),
    }
    return {name: judge(spans, events, RULES) for name, spans in said.items()}


def _over(at: Times, value: Floats, threshold: float, share: float) -> NDArray[np.bool_]:  # noqa: ARG001
    """Above a share of the threshold."""
    return value > share * threshold


def _rising(at: Times, value: Floats, threshold: float, share: float) -> NDArray[np.bool_]:
    """Above the threshold in `share` horizons if it goes on rising as in the last two hours."""
    before = np.maximum(np.searchsorted(at, at - 2 * HOUR, side="right") - 1, 0)
    past = at - at[before]
    fits = (past > 0) & (past <= 3 * HOUR)
    slope = np.divide(value - value[before], past, where=fits, out=np.zeros(len(at)))
    over: NDArray[np.bool_] = value + share * HORIZON * slope > threshold
    return over


FLOOD = Forecaster(
    "flood", "flood-forecast", 0.95, lambda _at, _value: {"stage": _over, "rate_of_rise": _rising}
)


def _rule(
    rule: Rule,
    at: Times,
    value: Floats,
    known: NDArray[np.bool_],
    threshold: float,
    past: Sequence[Span],
    events: Sequence[Span],
) -> Judged:
    """The rule with the share that had the highest CSI in the training part."""
    watched = {"": watched_s(at[known])}

    def csi(share: float) -> float:
        warns = rule(at[known], value[known], threshold, share)
        found = skill(judge(runs(at[known], warns), past, RULES), RULES, watched)
        return -1.0 if np.isnan(found.csi.value) else found.csi.value

    best = max(np.linspace(0.1, 2.0, 39).tolist(), key=csi)
    later = rule(at, value, threshold, best)[~known]
    return judge(runs(at[~known], later), events, RULES)
