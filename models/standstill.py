"""A sensor that repeats one value while what it measures must have moved on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, Rows, Slot, State

_FEWEST = 3


def slots() -> dict[str, Slot]:
    """The value that is repeated, how often, its residual at first, and the verdict."""
    return {
        "still_value": Slot(fill=np.nan),
        "still_count": Slot(),
        "still_residual": Slot(fill=np.nan),
        "still_stuck": Slot("bool"),
    }


def stuck(rows: Rows, residual: Floats, most: Floats | float, state: State) -> NDArray[np.intp]:
    """Rows that repeat a value since whose first reading the residual has moved by over `most`.

    What moved is the expected value: the sensor says nothing, until it reads another one. A sensor
    of coarse steps repeats values too, but not for so long that its tide would have left them, and
    the crest of a wave may be read twice: it takes `_FEWEST` repeats.
    """
    span = rows.span
    same = rows.value == state["still_value"][span]
    begun = state["still_residual"][span]
    begun = np.where(same & np.isfinite(begun), begun, residual)
    count = np.where(same, state["still_count"][span] + 1.0, 0.0)
    moved = (count >= _FEWEST) & (np.abs(residual - begun) > most)
    found = moved | (same & state["still_stuck"][span])
    state["still_count"][span] = count
    state["still_value"][span], state["still_residual"][span] = rows.value, begun
    state["still_stuck"][span] = found
    rows_stuck: NDArray[np.intp] = found.nonzero()[0]
    return rows_stuck
