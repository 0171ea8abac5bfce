"""POD, FAR, CSI, false alarms a station-year and leads of judged warnings, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scores.categorical import BasicContingencyManager

from models.detector import Floats
from models.evaluation.resampling import Interval, interval
from models.evaluation.spans import Judged, Rules
from records.times import SECOND

YEAR_S = 365.25 * 86400
HITS, MISSES, FALSE, WATCHED_S = range(4)
# Below so many events a rate says little; the figures are printed with this word.
FEW_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Skill:
    """Figures of one system on one set of events.

    events         how many there were; all rates rest on them
    pod, far, csi  share of events warned of; of alarms that were false; hits of all of both
    false_a_year   false alarms a station-year watched
    lead_s         seconds of warning: shares 0, 0.25, 0.5, 0.75, 1 of the events found; NaN: none
    """

    events: int
    hits: int
    false: int
    station_years: float
    pod: Interval
    far: Interval
    csi: Interval
    false_a_year: Interval
    lead_s: tuple[float, ...]

    @property
    def is_judged(self) -> bool:
        """False where the events are too few to tell one system from another."""
        return self.events >= FEW_EVENTS


def skill(judged: Judged, rules: Rules, watched_s: Mapping[str, float]) -> Skill:
    """All figures; `watched_s` says for each station how many seconds it was watched."""
    sums = blocks([judged], rules, watched_s)
    total = sums.sum(axis=0)
    found = judged.lead_s[~np.isnan(judged.lead_s)]
    shares = np.quantile(found, [0, 0.25, 0.5, 0.75, 1]) if len(found) else np.full(5, np.nan)
    return Skill(
        events=len(judged.events),
        hits=int(total[HITS]),
        false=int(total[FALSE]),
        station_years=float(total[WATCHED_S] / YEAR_S),
        pod=interval(sums, pod),
        far=interval(sums, far),
        csi=interval(sums, csi),
        false_a_year=interval(sums, false_a_year),
        lead_s=tuple(shares.tolist()),
    )


def blocks(systems: Sequence[Judged], rules: Rules, watched_s: Mapping[str, float]) -> Floats:
    """Shape (blocks, 4 a system): hits, misses, false alarms and seconds watched of each block.

    A block is `rules.block` of a station's time; an event lies whole in that of its beginning.
    """
    at = [
        (station, moment // rules.block, system * 4 + column)
        for system, judged in enumerate(systems)
        for station, moment, column in _counted(judged)
    ]
    eventful = sorted({(station, number) for station, number, _ in at})
    row_of = {key: row for row, key in enumerate(eventful)}
    sums = np.zeros((len(eventful), 4 * len(systems)))
    for station, number, column in at:
        sums[row_of[station, number], column] += 1
    parts = [sums]
    for station, seconds in sorted(watched_s.items()):
        own = [row for (name, _), row in row_of.items() if name == station]
        count = max(round(seconds * SECOND / rules.block), len(own), 1)
        sums[own, WATCHED_S::4] = seconds / count
        quiet = np.zeros((count - len(own), sums.shape[1]))
        quiet[:, WATCHED_S::4] = seconds / count
        parts.append(quiet)
    return np.concatenate(parts)


def _counted(judged: Judged) -> Iterator[tuple[str, int, int]]:
    for event, lead_s in zip(judged.events, judged.lead_s, strict=True):
        yield event.station, event.begins_at, MISSES if np.isnan(lead_s) else HITS
    for station, at in judged.false:
        yield station, at, FALSE


def _manager(sums: Floats) -> BasicContingencyManager:
    def column(number: int) -> xr.DataArray:
        return xr.DataArray(sums[..., number])

    # Nobody counts the times at which rightly nothing was said.
    return BasicContingencyManager(
        {
            "tp_count": column(HITS),
            "fn_count": column(MISSES),
            "fp_count": column(FALSE),
            "tn_count": xr.zeros_like(column(HITS)),
            "total_count": column(HITS) + column(MISSES) + column(FALSE),
        }
    )


def pod(sums: Floats) -> Floats:
    """Probability of detection: hits of events."""
    return np.asarray(_manager(sums).probability_of_detection(), np.float64)


def far(sums: Floats) -> Floats:
    """False alarm ratio: false of all alarms."""
    return np.asarray(_manager(sums).false_alarm_ratio(), np.float64)


def csi(sums: Floats) -> Floats:
    """Critical success index: hits of all events and false alarms together."""
    return np.asarray(_manager(sums).critical_success_index(), np.float64)


def false_a_year(sums: Floats) -> Floats:
    """False alarms a station-year watched."""
    years = sums[..., WATCHED_S] / YEAR_S
    return np.asarray(np.divide(sums[..., FALSE], years, where=years > 0,
                     out=np.full(np.shape(years), np.nan)))  # fmt: skip


def csi_difference(
    one: Judged, other: Judged, rules: Rules, watched_s: Mapping[str, float]
) -> Interval:
    """CSI of one system less that of another on the same events, blocks drawn together."""
    both = blocks([one, other], rules, watched_s)
    return interval(both, lambda sums: csi(sums[..., :4]) - csi(sums[..., 4:]))
