"""Whether onsets of shaking at several stations are one wave from one source, or chance.

Every place on a grid around the shaking stations is tried as a source. A place is the better the
nearer the onsets are to its travel times, the more alike their amplitudes are once distance is
taken out, and the fewer stations stayed quiet which the wave has reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats
from models.hypocentres import Hypocentres, around
from records.distance import great_circle_m
from records.network import Record

P_KM_PER_S = 6.5  # mean speed of the first wave within the crust
DECAY = 2.0  # amplitude of the first second falls with distance to this power
TIME_SD_S = 0.5  # of an onset about its travel time, near the source
TIME_SD_PART = 0.04  # and more with the difference of travel times
MOST_SDS = 2.5  # an onset further off is no part of the wave
AMPLITUDE_SD = 0.25  # decades
CHANCE_S = 10.0  # a station takes part by chance if it fires within about so long
QUIET_COST = 2.0  # decades: a station that must have felt the wave and did not
QUIET_AFTER_S = 0.2  # how late a strong wave may begin to be felt
FELT_NOISES = 6.0  # times its noise: amplitude that half of the stations notice
FELT_SD = 0.15  # decades from there to nearly all of them
FAR_COST = 3.0  # decades of score for each decade of distance beyond NEAR_KM
NEAR_KM = 30.0
BUSY_S = 25.0  # a station that shook so long before can't be asked
CONCERNED_M = 400_000.0


class Onset(Record, frozen=True):
    """One station began to shake.

    at         seconds on the clock of arrivals, since 1970
    amplitude  largest acceleration of one axis within about a second of it, Gal
    noise      root mean square of the acceleration before it, Gal
    rate       how often this station shakes like that by itself, 1/s
    """

    station: str
    at: float
    amplitude: float
    noise: float
    rate: float


@dataclass(frozen=True, slots=True)
class Place:
    """A station: degrees, and until when it was heard (seconds on the clock of arrivals).

    `shaking`: it has begun to shake, but not for long enough to count as an onset.
    """

    id: str
    lat: float
    lon: float
    heard_at: float
    shaking: bool


@dataclass(frozen=True, slots=True)
class Wave:
    """The best source that was found.

    score     decades by which one wave explains the onsets better than chance
    origin_at seconds on the clock of arrivals
    size      log10 of the amplitude in Gal, brought to a distance of 1 km
    members   onsets that belong to it; `late_s` and `louder` (decades) are what is left of them
    quiet     how far (0 to 1) each station speaks against it by having stayed quiet
    """

    score: float
    lat: float
    lon: float
    depth_km: float
    origin_at: float
    size: float
    members: tuple[Onset, ...]
    late_s: tuple[float, ...]
    louder: tuple[float, ...]
    quiet: dict[str, float]

    @property
    def stations(self) -> tuple[str, ...]:
        return tuple(sorted(o.station for o in self.members))

    def evidence(self) -> dict[str, Any]:
        """All of it as plain JSON: one record a member, and who stayed quiet."""
        columns = zip(self.members, self.late_s, self.louder, strict=True)
        return {
            "lat": round(self.lat, 2),
            "lon": round(self.lon, 2),
            "depth_km": self.depth_km,
            "origin_at": round(self.origin_at, 2),
            "size": round(self.size, 2),
            "members": [
                {
                    "station": o.station,
                    "late_s": round(late, 2),
                    "amplitude": round(o.amplitude, 3),
                    "louder": round(louder, 2),
                    "per_hour": round(o.rate * 3600, 2),
                }
                for o, late, louder in columns
            ],
            "quiet": {k: round(v, 2) for k, v in self.quiet.items() if v >= 0.05},
        }


def best(
    onsets: Sequence[Onset],
    newest: int,
    places: Sequence[Place],
    *,
    needed: int,
    chance_rate: float,
) -> Wave | None:
    """The best source of onset `newest` and at least `needed` stations in all; None if none fits.

    onsets       those of the last minute in order of time, `newest` a place among them
    chance_rate  what each station whose onset stays unexplained adds to every station's rate, 1/s
    """
    near = _concerned(places, onsets[newest].station)
    seat = {place.id: i for i, place in enumerate(near)}
    last = onsets[newest]
    onsets = [onset for onset in onsets if onset.station in seat]
    if len({onset.station for onset in onsets}) < needed:
        return None
    station = np.array([seat[onset.station] for onset in onsets])
    sources = around(tuple((p.lat, p.lon) for p in near), frozenset(station.tolist()))
    trial = _Trial(onsets, onsets.index(last), station, near, sources)
    enough = np.flatnonzero(trial.used.sum(axis=1) >= needed)
    if not len(enough):
        return None
    return _Trial(onsets, trial.newest, station, near, sources.at(enough)).best(chance_rate)


def _concerned(places: Sequence[Place], station: str) -> list[Place]:
    here = next(place for place in places if place.id == station)
    lat, lon = [p.lat for p in places], [p.lon for p in places]
    apart_m = great_circle_m(lat, lon, here.lat, here.lon).tolist()
    return [p for p, apart in zip(places, apart_m, strict=True) if apart <= CONCERNED_M]


class _Trial:
    """Sources against onsets: arrays have a row a source and a column an onset or a station."""

    def __init__(
        self,
        onsets: Sequence[Onset],
        newest: int,
        station: NDArray[np.intp],
        places: Sequence[Place],
        sources: Hypocentres,
    ) -> None:
        self.onsets, self.newest, self.station = onsets, newest, station
        self.places, self.sources = places, sources
        self.at = np.array([onset.at for onset in onsets])
        self.travel_s = sources.distance_km / P_KM_PER_S
        mine = self.travel_s[:, station]
        apart_s = mine - mine[:, [newest]]
        self.late_s = self.at - self.at[newest] - apart_s
        self.sd_s = TIME_SD_S + TIME_SD_PART * np.abs(apart_s)
        self.used = self._used()
        self.count = np.maximum(self.used.sum(axis=1), 1)
        self.shift_s = (self.late_s * self.used).sum(axis=1) / self.count
        self.late_s -= self.shift_s[:, None]

    def _used(self) -> NDArray[np.bool_]:
        """Which onsets belong to which source: the first that fits of each station."""
        used: NDArray[np.bool_] = np.abs(self.late_s) <= MOST_SDS * self.sd_s
        used[:, self.station == self.station[self.newest]] = False
        used[:, self.newest] = True
        for i, where in enumerate(self.station):
            earlier = np.flatnonzero(self.station[:i] == where)
            used[:, i] &= ~used[:, earlier].any(axis=1)
        return used

    def best(self, chance_rate: float) -> Wave:
        amplitude = np.log10([onset.amplitude for onset in self.onsets])
        reduced = amplitude + DECAY * np.log10(self.sources.distance_km[:, self.station])
        size = (reduced * self.used).sum(axis=1) / self.count
        louder = reduced - size[:, None]
        misfit = (self.late_s / self.sd_s) ** 2 + (louder / AMPLITUDE_SD) ** 2
        member = np.zeros(self.travel_s.shape, np.bool_)
        for i, where in enumerate(self.station):
            member[:, where] |= self.used[:, i]
        strange = (~member[:, np.unique(self.station)]).sum(axis=1)
        rate = np.array([onset.rate for onset in self.onsets]) + strange[:, None] * chance_rate
        gain = -np.log10(np.minimum(rate * CHANCE_S, 1.0))
        quiet = self._quiet(member, size)
        first_km = np.where(member, self.sources.distance_km, np.inf).min(axis=1)
        score = ((gain - misfit / 2 / np.log(10)) * self.used).sum(axis=1)
        score -= QUIET_COST * quiet.sum(axis=1)
        score -= FAR_COST * np.log10(np.maximum(first_km / NEAR_KM, 1.0))
        return self._wave(int(np.argmax(score)), score, size, louder, quiet)

    @property
    def origin_at(self) -> Floats:
        own = self.travel_s[:, self.station[self.newest]]
        origin_at: Floats = self.at[self.newest] - own + self.shift_s
        return origin_at

    def _quiet(self, member: NDArray[np.bool_], size: Floats) -> Floats:
        """From 0 to 1: would this station have felt the wave by what was heard of it?"""
        least = FELT_NOISES * np.median([onset.noise for onset in self.onsets])
        felt = size[:, None] - DECAY * np.log10(self.sources.distance_km) - np.log10(least)
        expected = self.origin_at[:, None] + self.travel_s
        heard_at = np.array([place.heard_at for place in self.places])
        due = expected + QUIET_AFTER_S + TIME_SD_PART * self.travel_s < heard_at
        due &= ~member & ~np.array([place.shaking for place in self.places])
        for at, where in zip(self.at.tolist(), self.station.tolist(), strict=True):
            since_s = expected[:, where] - at
            due[:, where] &= (since_s < 1.0) | (since_s > BUSY_S)
        quiet: Floats = due / (1.0 + np.exp(-np.clip(felt / FELT_SD, -30.0, 30.0)))
        return quiet

    def _wave(self, k: int, score: Floats, size: Floats, louder: Floats, quiet: Floats) -> Wave:
        mine = np.flatnonzero(self.used[k]).tolist()
        return Wave(
            score=float(score[k]),
            lat=float(self.sources.lat[k]),
            lon=float(self.sources.lon[k]),
            depth_km=float(self.sources.depth_km[k]),
            origin_at=float(self.origin_at[k]),
            size=float(size[k]),
            members=tuple(self.onsets[i] for i in mine),
            late_s=tuple(self.late_s[k, mine].tolist()),
            louder=tuple(louder[k, mine].tolist()),
            quiet={p.id: q for p, q in zip(self.places, quiet[k].tolist(), strict=True)},
        )
