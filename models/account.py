"""Why it warned, and why it did not: how everything that looks at a station stood at a moment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from models.association import Statement
from models.bank import Standing
from models.detector import Detector
from models.engine import Engine
from models.sources import AssociatedSources, Sources
from records.language import phrase
from records.levels import Flag, Level
from records.network import Record, Series
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import text
from store.directory import Registry


class Inputs(Record, frozen=True):
    """What came of one series within the hour before the moment; times RFC 3339 or None.

    kept_out  readings that no detector saw: late ones, and those flagged fail or missing
    """

    series: str
    quantity: str
    unit: str
    readings: int
    late: int
    failed: int
    kept_out: int
    measured_at: str | None
    received_at: str | None
    value: float | None
    flag: str | None


class Stand(Record, frozen=True):
    """One detector, and one series where it looks at series one by one.

    level     of the series (a vote, where the detector associates); None: it has no own one
    score     of its last reading; `limit` is that of the next level, `distance` what is missing
    because   why it stands no higher
    """

    detector: str
    hazard: str
    series: str | None
    level: str | None
    score: float | None
    p_value: float | None
    limit: float | None
    next_level: str | None
    distance: float | None
    because: str


class Said(Record, frozen=True):
    """What a detector's source says of this place, with all that it rests on."""

    source: str
    level: str
    stations: tuple[str, ...]
    reason: str
    decided_at: str | None
    score: float | None
    evidence: dict[str, Any]


class Account(Record, frozen=True):
    """Everything that bears on one station at one moment."""

    station: str
    at: str
    inputs: tuple[Inputs, ...]
    stands: tuple[Stand, ...]
    says: tuple[Said, ...]


def account(registry: Registry, engine: Engine, rows: ReadingBatch, station: str) -> Account:
    """The account of a station where an engine stands that was told to `trace`.

    rows  everything that arrived within the hour before, of this station's series at least
    """
    own = sorted((s for s in registry.network.series if s.station == station), key=lambda s: s.id)
    stands: list[Stand] = []
    says: list[Said] = []
    watched = set()
    for detector, standings, source in engine.watching(station):
        stands += [_stand(detector, s, engine.silent(s.watched.id)) for s in standings]
        if not standings:
            stands.append(_together(detector))
        watched |= {s.watched.id for s in standings} if standings else {s.id for s in own}
        says += _says(source, station)
    for series in own:
        if series.id not in watched:
            stands.append(_unwatched(series))
    return Account(
        station=station,
        at=text(engine.through_at),
        inputs=tuple(_inputs(s, rows, registry.series_number[s.id]) for s in own),
        stands=tuple(stands),
        says=tuple(says),
    )


def _inputs(series: Series, rows: ReadingBatch, number: int) -> Inputs:
    mine = rows.take(rows.series == number).by_arrival()
    failed = np.isin(mine.flag, (int(Flag.FAIL), int(Flag.MISSING)))
    last = len(mine) - 1
    return Inputs(
        series=series.id,
        quantity=series.quantity,
        unit=series.unit,
        readings=len(mine),
        late=int(mine.late.sum()),
        failed=int(failed.sum()),
        kept_out=int((mine.late | failed).sum()),
        measured_at=text(int(mine.measured_at[last])) if len(mine) else None,
        received_at=text(int(mine.received_at[last])) if len(mine) else None,
        value=float(mine.value[last]) if len(mine) else None,
        flag=Flag(int(mine.flag[last])).name.lower() if len(mine) else None,
    )


def _stand(detector: Detector, standing: Standing, silent: bool) -> Stand:
    score, level = standing.score, standing.level
    reached = int(level) - int(Level.GREEN)
    above = [
        (limit, Level(int(Level.YELLOW) + i))
        for i, limit in enumerate(standing.up)
        if i >= reached and math.isfinite(limit)
    ]
    limit, following = above[0] if above else (None, None)
    distance = None if limit is None or score is None else limit - score
    return Stand(
        detector=detector.name,
        hazard=str(detector.hazard),
        series=standing.watched.id,
        level=Level.GREY.word if silent else level.word,
        score=score,
        p_value=standing.p_value,
        limit=limit,
        next_level=None if following is None else following.word,
        distance=distance,
        because=_because(detector, standing, silent, limit, following),
    )


def _because(
    detector: Detector,
    standing: Standing,
    silent: bool,
    limit: float | None,
    following: Level | None,
) -> str:
    if standing.measured_at is None:
        return "no reading has reached it"
    if silent:
        return f"silent: its last reading that counted was of {text(standing.measured_at)}"
    if not standing.ripe:
        return f"cold start: it needs {detector.cold_start_s:g} s of history"
    if standing.score is None:
        return "its score is not known yet"
    if limit is None or following is None:
        return "no level is above this one" if standing.level > Level.GREEN else "it has no limits"
    if standing.score >= limit:
        return f"the score is over the limit of {following.word}, but not for long enough"
    return f"the score is {limit - standing.score:.4g} below the limit of {following.word}"


def _together(detector: Detector) -> Stand:
    return Stand(
        detector=detector.name, hazard=str(detector.hazard), series=None, level=None, score=None,
        p_value=None, limit=None, next_level=None, distance=None,
        because="it scores several series together: see what it says",
    )  # fmt: skip


def _unwatched(series: Series) -> Stand:
    return Stand(
        detector="", hazard="", series=series.id, level=None, score=None, p_value=None, limit=None,
        next_level=None, distance=None, because="no detector looks at this series",
    )  # fmt: skip


def _says(source: Sources, station: str) -> list[Said]:
    """The standing statements of an association; else the last warnings that name the station."""
    if isinstance(source, AssociatedSources):
        return [_of_statement(source.detector, s) for s in source.stated()]
    return [said(w) for w in _about(source.current, station)]


def _about(current: Mapping[str, HazardWarning], station: str) -> Iterable[HazardWarning]:
    return (w for _, w in sorted(current.items()) if station in w.stations)


def _of_statement(detector: str, statement: Statement) -> Said:
    return Said(
        source=f"{detector}/{statement.key}",
        level=statement.level.word,
        stations=statement.stations,
        reason=phrase(statement.reason, "en"),
        decided_at=None,
        score=statement.score,
        evidence=statement.evidence,
    )


def said(warning: HazardWarning) -> Said:
    """A warning as it is told."""
    return Said(
        source=warning.source,
        level=warning.level.word,
        stations=warning.stations,
        reason=phrase(warning.reason, "en"),
        decided_at=text(warning.decided_at),
        score=warning.score,
        evidence=warning.evidence,
    )
