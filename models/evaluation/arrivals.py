"""What would have been said at the time: rows in order of arrival through the live engine."""

from __future__ import annotations

from collections.abc import Iterable

from models.engine import Engine
from models.evaluation.spans import Span
from records.levels import Level
from records.readings import ReadingBatch
from records.statements import HazardWarning
from store.directory import Registry


def replayed(registry: Registry, rows: ReadingBatch) -> list[HazardWarning]:
    """Warnings of the registry's detectors, decided as the rows arrived; none sees later ones.

    A revised reading counts as it was then if `rows` were read as of then.
    """
    if not len(rows):
        return []
    engine = Engine(registry, started_at=int(rows.received_at.min()) - 1)
    return engine.advance(rows, int(rows.received_at.max()))


def stood(said: Iterable[HazardWarning], until_at: int, least: Level = Level.ORANGE) -> list[Span]:
    """Stretches in which a warning of at least this level stood, by station, as it was decided.

    A source that turns blind ends nothing: its warning stands until it is taken back.
    """
    begun: dict[tuple[str, str], int] = {}
    found = []
    for warning in said:
        if warning.level == Level.GREY:
            continue
        keys = [(warning.source, station) for station in warning.stations]
        if warning.level >= least:
            for key in keys:
                begun.setdefault(key, warning.decided_at)
            continue
        for key in [key for key in begun if key[0] == warning.source]:
            found.append(Span(key[1], begun.pop(key), warning.decided_at))
    found += [Span(station, since, until_at) for (_, station), since in begun.items()]
    return sorted(found)
