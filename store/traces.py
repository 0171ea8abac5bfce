"""A series' waveform packets as one evenly sampled xarray array (CF 1.11)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from records import times
from records.errors import InputError
from records.quantities import QUANTITIES
from store import registry, sampled
from store.connection import Database
from store.datasets import moment, variable_name
from store.sampled import Segment
from store.units import udunits


def open_waveform(db: Database, *, series: str, time: slice) -> xr.DataArray:
    """The samples of a series from `time.start` up to before `time.stop`, all in memory.

    One array of dimension `time`, NaN in gaps; coordinate `time` is the device's, in nanoseconds.
    Attributes: `sampling_rate` (Hz), `gaps` (places as first, end pairs), `clock_drift` (s), and
    the CF name and unit. `time` takes what `open_dataset` does; neither end may be open.

    Raises InputError for a series or moment that is none, for more samples than fit, and where the
    span holds no single time base: then it says where each begins. StoreUnavailable.
    """
    known = registry.load(db)
    number = known.series_number.get(series)
    if number is None:
        raise InputError(f"there is no series {series!r}")
    if time.start is None or time.stop is None:
        raise InputError("a waveform is asked for with a start and an end")
    span = moment(time.start, 0), moment(time.stop, 0)
    segments = sampled.read(db, number, *span)
    if len(segments) != 1:
        raise InputError(_not_one(series, segments))
    (found,) = segments
    about = known.series(number)
    quantity = QUANTITIES[about.quantity]
    steps = np.rint(np.arange(len(found.samples)) * (1e9 / found.rate_hz)).astype(np.int64)
    stamps = (found.start_at * 1000 + steps).view("datetime64[ns]")
    attributes = {
        "long_name": f"{about.quantity.replace('_', ' ')} at {about.point}",
        "units": udunits(about.unit),
        "ucum_unit": about.unit,
        "coverage_content_type": "physicalMeasurement",
        "series": series,
        "point": about.point,
        "simulated": int(known.simulated(number)),
        "sampling_rate": found.rate_hz,
        "gaps": np.array(found.gaps, np.int64).ravel(),
        "clock_drift": found.drift_s,
    }
    if quantity.standard:
        attributes["standard_name"] = quantity.standard
    axis = {"standard_name": "time", "long_name": "device time of the sample", "axis": "T"}
    return xr.DataArray(
        found.samples,
        coords={"time": ("time", stamps, axis), "station": about.station},
        dims="time",
        name=variable_name(about),
        attrs=attributes,
    )


def _not_one(series: str, segments: list[Segment]) -> str:
    if not segments:
        return f"series {series!r} has no waveform in that span"
    begins = ", ".join(f"{times.text(one.start_at)} ({one.rate_hz:g} Hz)" for one in segments)
    return f"series {series!r} has no single time base there, but those from {begins}"
