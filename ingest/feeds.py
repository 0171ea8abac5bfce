"""From the names and units that devices use to series, factors and offsets.

Each pair of name and unit that a device uses gets a *slot* once; after that a reading costs one
look-up in a dictionary, and numbers are converted for a whole batch by indexing arrays with slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.senml import SUM, Columns
from records.errors import BadMessage, Reason
from records.quantities import INTEGRALS, QUANTITIES, conversion, quantity
from records.times import SECOND
from store.registry import Registry

Slots = dict[tuple[str, str | None], int]
_MOST_BASES = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class SlotTable:
    """Columns by slot: value in the series' unit = sent * factor + offset; late_after in µs."""

    series: NDArray[np.int32]
    factor: NDArray[np.float64]
    offset: NDArray[np.float64]
    late_after: NDArray[np.int64]


class Feeds:
    """The registry's feeds as the devices spell them. Made anew when the registry changes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._slots: dict[tuple[str, str, str | None], Slots] = {}
        # Each series and unit once, in the order of their slots.
        self._rows: dict[tuple[int, float, float, int], int] = {}
        self._table: SlotTable | None = None

    def slots(self, device: str, columns: Columns) -> list[int]:
        """A slot for each value. Raises BadMessage (`unknown quantity`, `wrong unit`)."""
        name, unit = columns.base
        slots = self._slots.get((device, name, unit))
        if slots is None:
            slots = {}
        try:
            return [slots[key] for key in columns.keys]
        except KeyError:
            return self._learn(device, columns, slots)

    def _learn(self, device: str, columns: Columns, slots: Slots) -> list[int]:
        name, unit = columns.base
        for key in columns.keys:
            if key not in slots:
                own = key[1] if key[1] is not None else unit
                row = self.resolve(device, name + key[0], own)
                slots[key] = self._rows.setdefault(row, len(self._rows))
        if len(self._slots) >= _MOST_BASES:
            self._slots.clear()
        self._slots[device, name, unit] = slots
        return [slots[key] for key in columns.keys]

    def resolve(self, device: str, name: str, unit: str | None) -> tuple[int, float, float, int]:
        """A row of the table. Raises as `slots`."""
        single = name.removesuffix(SUM)
        point, word = _parts(device, single)
        measured = quantity(word).name
        if single == name:
            series = self._registry.series(self._number(device, point, measured, name))
            factor, offset = (1.0, 0.0) if unit is None else conversion(unit, series.unit)
        else:
            whole, of_seconds = INTEGRALS.get(measured, ("", ""))
            series = self._registry.series(self._number(device, point, whole, name))
            factor, offset = conversion(of_seconds, series.unit)
            if unit is not None:
                factor *= conversion(unit, QUANTITIES[measured].unit)[0]
        number = self._registry.series_number[series.id]
        return number, factor, offset, round(series.late_after_s * SECOND)

    def _number(self, device: str, point: str, measured: str, name: str) -> int:
        feed = (device, point, measured)
        number = self._registry.feeds.get(feed)
        if number is None:
            raise BadMessage(Reason.UNKNOWN_QUANTITY, f"{_shown(name)} is not measured there")
        return number

    def table(self) -> SlotTable:
        """The slots so far."""
        if self._table is None or len(self._table.series) < len(self._rows):
            columns = zip(*self._rows, strict=True) if self._rows else ((),) * 4
            series, factor, offset, late = columns
            self._table = SlotTable(
                np.array(series, np.int32),
                np.array(factor, np.float64),
                np.array(offset, np.float64),
                np.array(late, np.int64),
            )
        return self._table


def _parts(device: str, name: str) -> tuple[str, str]:
    """Point and quantity of `[{device}/][{point}:]{quantity}`."""
    whose, slash, rest = name.rpartition("/")
    if slash and whose != device:
        raise BadMessage(Reason.UNKNOWN_QUANTITY, f"{_shown(name)} names another device")
    point, colon, word = rest.rpartition(":")
    return (point if colon else "main"), word


def _shown(name: str) -> str:
    return ascii(name)[:120]
