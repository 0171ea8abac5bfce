"""What forecasts of a target over a threshold share: parameters, limits, when they are fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models import exceedance
from models.detector import Crossing, Floats, Limits, Values, Watched, rounded
from models.joint import Joint, until
from records.times import DAY, SECOND

_FIRST_FIT = 60 * DAY
_KEPT = 0.7


def limits_at(chance: Floats, least: float) -> Limits:
    """Limits of all levels where orange is reached at these chances. They are kept as if it were
    reached at the least one: what stands does not fall because the limit rises."""
    up = np.stack([chance / 2, chance, (1 + chance) / 2], axis=1)
    keep = _KEPT * np.array([least / 2, least, (1 + least) / 2])
    return Limits(up, np.tile(keep, (len(chance), 1)))


class Forecast(Joint):
    """Chance that the target exceeds a threshold at some time in (t, t + horizon_s].

    fit_until   time up to which rows are training; "": the first 60 days
    target      id of the series that is forecast
    threshold   in the target's canonical unit; `detect` takes it in the unit of the file
    horizon_s   how far ahead it looks
    warn_at     chance at which orange is reached: of warnings at a chance of p, 1 - p are false as
                long as chances come true; yellow at half of it, red half way to certain. A level
                is kept down to 0.7 times its limit, so that it doesn't flicker
    """

    experimental = True
    training_s = np.inf

    def __init__(
        self,
        fit_until: str,
        target: str,
        threshold: float | None,
        horizon_s: float,
        warn_at: float,
    ) -> None:
        self.fit_until = fit_until
        self.target = target
        self.threshold = threshold
        self.horizon_s = horizon_s
        self.warn_at = warn_at
        until(fit_until)
        if horizon_s <= 0 or not 0 < warn_at < 1:
            raise ValueError("horizon_s must be above 0, and warn_at between 0 and 1")

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return limits_at(np.full(len(watched), self.warn_at), self.warn_at)

    @property
    def memory_s(self) -> float:  # type: ignore[override]
        return exceedance.looks_back_s(self.horizon_s)

    def fits(self, first_at: int) -> Iterator[int]:
        """First at `fit_until`, then whenever the past has doubled."""
        given = until(self.fit_until)
        at = first_at + _FIRST_FIT if given is None else given
        while True:
            yield at
            at += max(at - first_at, DAY)

    @property
    def horizon(self) -> int:
        """Microseconds."""
        return round(self.horizon_s * SECOND)

    def said(self, crossing: Crossing, threshold: float) -> Values:
        """What the words of a change of level name."""
        return {
            "target": self.target,
            "threshold": rounded(threshold),
            "unit": crossing.watched.unit,
            "hours": rounded(self.horizon_s / 3600),
            "percent": round(100 * crossing.score),
        }
