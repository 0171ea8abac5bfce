"""Fixed limits on a level or a flow: the thresholds of the series, or those given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.detector import (
    Crossing,
    Detector,
    Fixed,
    Floats,
    Limits,
    Rows,
    Said,
    Scores,
    Slot,
    State,
    Values,
    Watched,
    evidence_of,
    rounded,
)
from records.levels import Hazard
from records.statements import Phrase

OVER_LIMIT = "The {quantity} is {value} {unit}, over the limit of {limit} {unit}."
FALLING = "The {quantity} has fallen to {value} {unit} but is still over a lower limit."


class StageLimit(Detector):
    """Warns when `needed` of the last `of` readings are at or over a limit.

    yellow, orange, red  limits in the unit that the series is written in; all None: its thresholds
    hysteresis           how far (same unit) a reading falls below a limit before it is over;
                         None: a fifth of the distance to the neighbouring limit
    memory_s             older readings do not count among the last `of`
    hold_s               how long it must stay below
    """

    name = "stage-limit"
    hazard = Hazard.RIVER_FLOOD
    quantities = frozenset({"stage", "discharge"})
    card = (
        "Fixed (legal or local) limits on river stage or discharge, as flood warning services use "
        "them: those of the series, or yellow, orange and red in the unit that the series is "
        "written in. The score, in m or m3/s, is the value that the required number of the last "
        "readings reach, so one spike never warns. Null: none needed, the limit is the "
        "event. Not for series without limits; says nothing before the limit is reached."
    )

    def __init__(
        self,
        yellow: float | None = None,
        orange: float | None = None,
        red: float | None = None,
        hysteresis: float | None = None,
        needed: int = 2,
        of: int = 3,
        memory_s: float = 21600.0,
        hold_s: float = 1800.0,
    ) -> None:
        self.yellow = yellow
        self.orange = orange
        self.red = red
        self.hysteresis = hysteresis
        self.needed = needed
        self.of = of
        self.memory_s = memory_s
        self.hold_s = hold_s
        if not 1 <= needed <= of:
            raise ValueError("needed must be from 1 to of")
        given = [limit for limit in (yellow, orange, red) if limit is not None]
        if given != sorted(given):
            raise ValueError("yellow, orange and red must not fall")

    def takes(self, watched: Watched) -> bool:
        has = any(limit is not None for limit in self._thresholds(watched))
        return has and (not watched.quantity or super().takes(watched))

    @property
    def wants(self) -> str:
        return f"{super().wants}, with a limit: give yellow, orange or red"

    def slots(self) -> dict[str, Slot]:
        return {"last": Slot("float64", (self.of,), -np.inf)}

    def limits(self, watched: Sequence[Watched]) -> Limits:
        up = np.array([self._limits_of(w) for w in watched]).reshape(-1, 3)
        pairs = zip(up, watched, strict=True)
        bands = [self._bands(row, w.converts[0]) for row, w in pairs]
        return Limits(up, up - np.array(bands).reshape(-1, 3))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        last = np.empty((len(rows), self.of))
        last[:, :-1] = state["last"][rows.at, 1:]
        last[rows.gap_s > self.memory_s] = -np.inf
        last[:, -1] = rows.value
        state["last"][rows.at] = last
        last.sort(axis=1)
        reached = last[:, self.of - self.needed]
        reached[reached == -np.inf] = np.nan
        return Scores(reached)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        values: Values = {
            "quantity": crossing.watched.quantity.replace("_", " ") or "value",
            "value": rounded(crossing.value),
            "unit": crossing.watched.unit,
            "limit": rounded(crossing.limit),
        }
        text = OVER_LIMIT if crossing.level > crossing.before else FALLING
        return Said(Phrase(text=text, values=values), evidence_of(crossing))

    def _thresholds(self, watched: Watched) -> tuple[float | None, float | None, float | None]:
        given = (self.yellow, self.orange, self.red)
        if given == (None, None, None):
            own = watched.thresholds
            return own.yellow, own.orange, own.red
        factor, offset = watched.converts
        yellow, orange, red = (None if g is None else g * factor + offset for g in given)
        return yellow, orange, red

    def _limits_of(self, watched: Watched) -> list[float]:
        return [np.inf if limit is None else limit for limit in self._thresholds(watched)]

    def _bands(self, up: Floats, factor: float) -> list[float]:
        """How far below each limit the level is kept."""
        if self.hysteresis is not None:
            return [self.hysteresis * factor] * 3
        known = up[np.isfinite(up)]
        steps = np.diff(known)
        if not len(steps):
            return [0.0] * 3
        widths = dict(zip(known, [steps[0], *steps], strict=True))
        return [0.2 * float(widths.get(limit, 0.0)) for limit in up]
