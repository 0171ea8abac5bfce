"""The command line and whole-system start, and what a notebook needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import xarray as xr

__all__ = ["open_dataset", "open_waveform"]


def open_dataset(
    *,
    station: str,
    quantities: Sequence[str] | None = None,
    time: slice = slice(None),
    as_of: str | datetime | np.datetime64 | None = None,
    data: str | Path | None = None,
) -> xr.Dataset:
    """A station's readings with their flags, units and provenance (see `store.datasets`).

    quantities  names; None for all that the station has
    time        `slice(start, stop)`, both in the span; RFC 3339 text, datetime or datetime64
    as_of       a moment in the same forms: what was stored then; None for now
    data        data folder of a running `hoshyar up`; else HOSHYAR_HOME's, else HOSHYAR_DSN

    Raises SettingsError where nothing runs, InputError for an unknown station or quantity,
    StoreUnavailable where the database doesn't answer.
    """
    from hoshyar.access import opened
    from store import datasets

    with opened(Path(data) if data is not None else None) as db:
        return datasets.open_dataset(
            db, station=station, quantities=quantities, time=time, as_of=as_of
        )


def open_waveform(*, series: str, time: slice, data: str | Path | None = None) -> xr.DataArray:
    """The samples of an evenly sampled series, NaN in gaps (see `store.traces`).

    time  `slice(start, stop)`, neither open, in the forms of `open_dataset`
    data  as for `open_dataset`

    Raises SettingsError where nothing runs, InputError for an unknown series or where the span
    holds no single time base, StoreUnavailable where the database doesn't answer.
    """
    from hoshyar.access import opened
    from store import traces

    with opened(Path(data) if data is not None else None) as db:
        return traces.open_waveform(db, series=series, time=time)
