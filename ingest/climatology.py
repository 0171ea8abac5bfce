"""Which values a season and an hour allow: live and final, since it looks at no other row.

As ioos_qc's `ClimatologyConfig`: seasons are applied in their order, and the last one that holds
decides; where none holds nothing can be said. Ours may name a part of the year and of the day at
once. https://ioos.github.io/ioos_qc/
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from records.levels import Flag
from records.rules import Season

_HOUR = 3_600_000_000


def judge(
    at: NDArray[np.int64], value: NDArray[np.float64], seasons: Sequence[Season]
) -> NDArray[np.uint8]:
    """A QARTOD flag for each of n values; `at` in microseconds since 1970 UTC."""
    flag = np.full(len(at), Flag.NOT_EVALUATED, np.uint8)
    moments = at.view("datetime64[us]")
    months = moments.astype("datetime64[M]")
    parts = {
        "month": months.astype(np.int64) % 12 + 1,
        "dayofyear": (moments.astype("datetime64[D]") - moments.astype("datetime64[Y]"))
        .astype("timedelta64[D]")
        .astype(np.int64)
        + 1,
        "hour": at // _HOUR % 24,
    }
    for season in seasons:
        there = np.ones(len(at), np.bool_)
        for name, part in parts.items():
            if (span := getattr(season, name)) is not None:
                there &= (part >= span[0]) & (part <= span[1])
        doubted = _outside(value, season.suspect)
        failed = np.zeros(len(at), np.bool_) if not season.fail else _outside(value, season.fail)
        flag[there] = Flag.GOOD
        flag[there & doubted] = Flag.SUSPECT
        flag[there & failed] = Flag.FAIL
    return flag


def _outside(value: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.bool_]:
    low, high = sorted(span)
    found: NDArray[np.bool_] = (value < low) | (value > high)
    return found
