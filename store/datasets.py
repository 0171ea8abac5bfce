"""A station's readings as an xarray dataset that says what it holds (CF 1.11, ACDD 1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records import times
from records.errors import InputError
from records.levels import Check, Flag
from records.network import Series, Station
from records.quantities import QUANTITIES
from records.readings import ReadingBatch
from store import asof, quality, queries, registry
from store.connection import Database
from store.directory import Registry
from store.units import udunits

Moment = str | datetime | np.datetime64 | None

_EPOCH_UNITS = "microseconds since 1970-01-01 00:00:00"
_NEVER = np.iinfo(np.int64).min
# The first and the last microsecond that a reading can have.
_FIRST_AT, _LAST_AT = times.parse("0001-01-02T00:00:00Z"), times.parse("9999-12-30T00:00:00Z")


def open_dataset(
    db: Database,
    *,
    station: str,
    quantities: Sequence[str] | None = None,
    time: slice = slice(None),
    as_of: Moment = None,
) -> xr.Dataset:
    """Readings of one station, all in memory.

    Each series is a variable of dimension `time`, named by its quantity, followed by its sensing
    point where that is not `main` (`vibration_b1`); times are the union of all, NaN where a series
    has none. Beside each: `_qartod` (the final flag up to its attribute `quality_watermark`, after
    that the live one), `_checks` (which tests set it), `_live_qartod` (the flag on arrival),
    `_late`, `_received_at` and, for the commit it came in, `_worker` and `_batch`.

    quantities  names; None for all that the station has
    time        from `start` up to and with `stop`: RFC 3339 text, a date (its first moment), an
                aware datetime or a datetime64 (UTC); None for open ends
    as_of       a moment in the same forms: readings, their flags and the registry as they were
                known then (see `store.asof` and `store.quality`); None for now

    Raises InputError for a station, quantity or moment that is none, and StoreUnavailable.
    """
    then = None if as_of is None else moment(as_of, _LAST_AT)
    known = registry.load(db) if then is None else registry.load_as_of(db, then)
    place = next((s for s in known.network.station if s.id == station), None)
    if place is None:
        raise InputError(f"there is no station {station!r}")
    chosen = _chosen(known, station, quantities)
    first, last = moment(time.start, _FIRST_AT), moment(time.stop, _LAST_AT)
    numbers = [known.series_number[series.id] for series in chosen]
    if then is None:
        readings, origin = queries.with_origin(db, numbers, first, last + 1)
    else:
        positions = asof.positions_at(db, then)
        readings, origin = asof.with_origin(db, numbers, first, last + 1, positions)
    final = quality.final(db, readings, origin, then)
    moments = np.unique(readings.measured_at)
    variables: dict[str, xr.Variable] = {}
    for series, number in zip(chosen, numbers, strict=True):
        rows = readings.series == number
        judged = (final.flag[rows], final.checks[rows])
        variables |= _variables(series, readings.take(rows), judged, origin[rows], moments)
        _say_watermark(variables[f"{variable_name(series)}_qartod"], final.watermark.get(number))
    dataset = xr.Dataset(variables, coords=_coordinates(place, moments))
    dataset.attrs = _attributes(known, place, chosen, moments)
    if then is not None:
        dataset.attrs["as_of"] = times.text(then)
    return dataset


def _chosen(known: Registry, station: str, quantities: Sequence[str] | None) -> list[Series]:
    there = [series for series in known.network.series if series.station == station]
    names = {series.quantity for series in there}
    for quantity in quantities or ():
        if quantity not in names:
            raise InputError(
                f"station {station!r} has no {quantity!r}, only {', '.join(sorted(names))}"
            )
    return [series for series in there if quantities is None or series.quantity in quantities]


def moment(given: Moment, open_end: int) -> int:
    """Microseconds since 1970 UTC. Raises InputError for what is no moment."""
    if given is None:
        return open_end
    try:
        if isinstance(given, datetime):
            return times.from_datetime(given)
        if isinstance(given, np.datetime64):
            return int(given.astype("datetime64[us]").astype(np.int64))
        return times.parse(given if len(given) > len("2011-03-11") else f"{given}T00:00:00Z")
    except (ValueError, TypeError) as error:
        raise InputError(f"{given!r} is not a moment: {error}") from None


def _say_watermark(flags: xr.Variable, through_at: int | None) -> None:
    if through_at is not None:
        flags.attrs["quality_watermark"] = times.text(through_at)


def _variables(
    series: Series,
    readings: ReadingBatch,
    judged: tuple[NDArray[np.uint8], NDArray[np.uint16]],
    origin: NDArray[Any],
    moments: NDArray[np.int64],
) -> dict[str, xr.Variable]:
    name = variable_name(series)
    at = np.searchsorted(moments, readings.measured_at)

    def column(values: NDArray[Any], fill: Any) -> NDArray[Any]:
        whole = np.full(len(moments), fill, values.dtype)
        whole[at] = values
        return whole

    quantity = QUANTITIES[series.quantity]
    beside = {
        f"{name}_qartod": (
            column(judged[0].astype(np.int8), Flag.MISSING),
            _flag_attributes(f"QARTOD flag of {series.id}"),
        ),
        f"{name}_checks": (column(judged[1].astype(np.int16), 0), _check_attributes(series)),
        f"{name}_live_qartod": (
            column(readings.flag.astype(np.int8), Flag.MISSING),
            _flag_attributes(f"live QARTOD flag of {series.id}, set on arrival"),
        ),
        f"{name}_late": (
            column(readings.late.astype(np.int8), 0),
            {
                "long_name": f"{series.id} arrived too late to warn",
                "flag_values": np.array([0, 1], np.int8),
                "flag_meanings": "in_time late",
            },
        ),
        f"{name}_received_at": (
            column(readings.received_at, _NEVER).view("datetime64[us]"),
            {"long_name": f"arrival of the message with {series.id}"},
        ),
        f"{name}_worker": (
            column(origin["worker"].astype(np.int16), -1),
            {"long_name": "ingest worker that stored it; -1 where there is no reading"},
        ),
        f"{name}_batch": (
            column(origin["batch"].astype(np.int64), -1),
            {"long_name": "number of its commit, by worker; -1 where there is no reading"},
        ),
    }
    about = {
        "long_name": f"{series.quantity.replace('_', ' ')} at {series.point}",
        "units": udunits(series.unit),
        "ucum_unit": series.unit,
        "valid_range": np.array([quantity.low, quantity.high]),
        "coverage_content_type": "physicalMeasurement",
        "ancillary_variables": " ".join(beside),
        "series": series.id,
        "point": series.point,
    }
    if quantity.standard:
        about["standard_name"] = quantity.standard
    if udunits(series.unit) != udunits(quantity.unit):
        del about["valid_range"]  # it is stated in another unit
    values = {name: (column(readings.value, np.nan), about), **beside}
    return {
        key: xr.Variable("time", data, attrs, _encoding(data))
        for key, (data, attrs) in values.items()
    }


def variable_name(series: Series) -> str:
    """The name of a series' variable in its station's dataset."""
    if series.point == "main":
        return series.quantity
    return f"{series.quantity}_{series.point.replace('-', '_')}"


def _flag_attributes(what: str) -> dict[str, Any]:
    return {
        "long_name": what,
        "standard_name": "aggregate_quality_flag",
        "flag_values": np.array([flag.value for flag in Flag], np.int8),
        "flag_meanings": "good not_evaluated suspect fail missing",
        "references": "IOC Manuals and Guides 54, volume 3 (QARTOD flags)",
    }


def _check_attributes(series: Series) -> dict[str, Any]:
    return {
        "long_name": f"tests that set the flag of {series.id}",
        "flag_masks": np.array([check.value for check in Check], np.int16),
        "flag_meanings": " ".join(check.name.lower() for check in Check),
    }


def _encoding(data: NDArray[Any]) -> dict[str, Any]:
    if data.dtype.kind == "M":
        return {"units": _EPOCH_UNITS, "calendar": "standard", "dtype": "int64",
                "_FillValue": _NEVER}  # fmt: skip
    return {"_FillValue": np.nan} if data.dtype.kind == "f" else {"_FillValue": None}


def _coordinates(place: Station, moments: NDArray[np.int64]) -> dict[str, xr.Variable]:
    about_time = {"standard_name": "time", "long_name": "device time of the reading", "axis": "T"}
    time_encoding = {"units": _EPOCH_UNITS, "calendar": "standard", "dtype": "int64"}
    coordinates = {
        "time": xr.Variable("time", moments.view("datetime64[us]"), about_time, time_encoding),
        "station": xr.Variable((), place.id, {"cf_role": "timeseries_id", "long_name": "station"}),
        "lat": xr.Variable((), place.lat, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": xr.Variable((), place.lon, {"standard_name": "longitude", "units": "degrees_east"}),
    }
    if place.elevation_m is not None:
        about = {"standard_name": "altitude", "units": "m", "positive": "up"}
        coordinates["alt"] = xr.Variable((), place.elevation_m, about)
    return coordinates


def _attributes(
    known: Registry, place: Station, chosen: Sequence[Series], moments: NDArray[np.int64]
) -> dict[str, Any]:
    lab = next(lab for lab in known.network.lab if lab.id == place.lab)
    simulated = any(known.simulated(known.series_number[series.id]) for series in chosen)
    quantities = sorted({series.quantity.replace("_", " ") for series in chosen})
    where = place.name or place.id
    about: dict[str, Any] = {
        "Conventions": "CF-1.11, ACDD-1.3",
        "featureType": "timeSeries",
        "title": f"Readings at {where}",
        "summary": f"{', '.join(quantities) or 'nothing'} as sent by the devices at {where},"
        " with quality flags and the commit that each value came in.",
        "keywords": ", ".join(quantities),
        "standard_name_vocabulary": "CF Standard Name Table",
        "id": f"{place.lab}.{place.id}",
        "institution": lab.name or lab.id,
        "source": "simulated devices" if simulated else "devices in the field",
        "simulated": int(simulated),
        "geospatial_lat_min": place.lat,
        "geospatial_lat_max": place.lat,
        "geospatial_lon_min": place.lon,
        "geospatial_lon_max": place.lon,
    }
    if len(moments):
        about["time_coverage_start"] = times.text(int(moments[0]))
        about["time_coverage_end"] = times.text(int(moments[-1]))
    return about
