"""A station as an xarray dataset: what it holds, and what it says about itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from records.errors import InputError
from records.quantities import QUANTITIES
from store.connection import Database
from store.datasets import open_dataset
from store.readings import Committed
from store.units import udunits

T0 = 1_700_000_000_000_000  # 2023-11-14T22:13:20Z
Store = Callable[..., Committed]


@pytest.fixture
def lake(enrolled: Database, store: Store) -> Database:
    """Lake: level at 0 and 60 s, vibration at 60 and 120 s, revised once; rain simulated."""
    store([(2, 0, 3400.5), (2, 60, 3400.75), (3, 60, 0.1)], 61)
    store([(3, 120, 0.2), (3, 60, 0.3), (4, 120, 1.5)], 122, worker=5)
    return enrolled


def test_each_series_is_a_variable_over_all_the_times_of_the_station(lake: Database) -> None:
    dataset = open_dataset(lake, station="lake")
    assert dataset.sizes == {"time": 3}
    assert dataset.time.values.astype("datetime64[us]").tolist() == [
        datetime(2023, 11, 14, 22, minute, 20) for minute in (13, 14, 15)
    ]
    nan = np.nan
    np.testing.assert_array_equal(dataset.lake_level, [3400.5, 3400.75, nan])
    np.testing.assert_array_equal(dataset.vibration_b_1, [nan, 0.3, 0.2])
    np.testing.assert_array_equal(dataset.vibration_b_1_qartod, [9, 1, 1])
    np.testing.assert_array_equal(dataset.vibration_b_1_batch, [-1, 1, 1])
    np.testing.assert_array_equal(dataset.vibration_b_1_worker, [-1, 5, 5])
    received = dataset.lake_level_received_at.values
    assert np.isnat(received).tolist() == [False, False, True]
    assert received[0] == np.datetime64("2023-11-14T22:14:21")


def test_variables_carry_cf_attributes(lake: Database) -> None:
    dataset = open_dataset(lake, station="lake", quantities=["lake_level", "vibration"])
    level = dataset.lake_level.attrs
    assert level["standard_name"] == "water_surface_height_above_reference_datum"
    assert level["units"] == "m"
    assert level["ancillary_variables"].split() == [
        f"lake_level_{name}"
        for name in ("qartod", "checks", "live_qartod", "late", "received_at", "worker", "batch")
    ]
    assert dataset.vibration_b_1.attrs["units"] == "standard_free_fall"
    assert dataset.vibration_b_1.attrs["ucum_unit"] == "[g]"
    flags = dataset.lake_level_qartod.attrs
    assert flags["flag_values"].tolist() == [1, 2, 3, 4, 9]
    assert flags["flag_meanings"] == "good not_evaluated suspect fail missing"
    assert flags["standard_name"] == "aggregate_quality_flag"
    assert "rain" not in dataset
    assert dataset.lat.attrs["units"] == "degrees_north"


def test_the_dataset_says_where_it_is_from(lake: Database) -> None:
    dataset = open_dataset(lake, station="lake", quantities=["lake_level"])
    assert {key: dataset.attrs[key] for key in ("Conventions", "title", "institution", "id")} == {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": "Readings at Lake",
        "institution": "Karakoram lab",
        "id": "karakoram.lake",
    }
    assert dataset.attrs["time_coverage_start"] == "2023-11-14T22:13:20Z"
    assert dataset.attrs["time_coverage_end"] == "2023-11-14T22:14:20Z"
    assert (dataset.attrs["source"], dataset.attrs["simulated"]) == ("devices in the field", 0)


def test_simulated_data_are_marked(lake: Database) -> None:
    dataset = open_dataset(lake, station="lake")
    assert (dataset.attrs["source"], dataset.attrs["simulated"]) == ("simulated devices", 1)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (slice("2023-11-14T22:14:20Z", None), [60]),
        (slice(None, "2023-11-14T22:13:20Z"), [0]),
        (slice("2023-11-14", "2023-11-15"), [0, 60]),
        (slice(datetime(2023, 11, 14, 22, 13, 20, 1, UTC), None), [60]),
        (slice(None, np.datetime64("2023-11-14T22:14")), [0]),
        (slice("2024-01-01", None), []),
    ],
)
def test_time_is_chosen_with_both_ends(lake: Database, time: slice, seconds: list[int]) -> None:
    dataset = open_dataset(lake, station="lake", quantities=["lake_level"], time=time)
    moments = dataset.time.values.astype("datetime64[us]").astype(np.int64)
    assert ((moments - T0) // 1_000_000).tolist() == seconds


def test_a_wrong_name_or_moment_gets_one_line(lake: Database) -> None:
    with pytest.raises(InputError, match="there is no station 'lak'"):
        open_dataset(lake, station="lak")
    with pytest.raises(InputError, match="has no 'stage', only lake_level, rain, vibration"):
        open_dataset(lake, station="lake", quantities=["stage"])
    with pytest.raises(InputError, match="'yesterday' is not a moment"):
        open_dataset(lake, station="lake", time=slice("yesterday", None))
    with pytest.raises(InputError, match="is not a moment: a moment needs its time zone"):
        open_dataset(lake, station="lake", time=slice(datetime(2023, 1, 1), None))


def test_netcdf_keeps_it_all_with_explicit_time_units(lake: Database, tmp_path: Path) -> None:
    dataset = open_dataset(lake, station="lake")
    dataset.to_netcdf(tmp_path / "lake.nc", engine="netcdf4")
    with xr.open_dataset(tmp_path / "lake.nc", engine="netcdf4", decode_times=False) as raw:
        assert raw.time.attrs["units"] == "microseconds since 1970-01-01"
        assert raw.time.values.tolist() == [T0, T0 + 60_000_000, T0 + 120_000_000]
    with xr.open_dataset(tmp_path / "lake.nc", engine="netcdf4", mask_and_scale=True) as back:
        xr.testing.assert_identical(back.load().drop_attrs(), dataset.drop_attrs())


def test_every_quantity_has_a_unit_that_udunits_reads() -> None:
    known = {
        "m", "m3 s-1", "s", "mm", "degree_Celsius", "uS cm-1", "1", "mg L-1", "standard_free_fall",
        "mm s-1", "cm s-2", "A", "V", "kW", "bar", "hPa", "m s-1", "L min-1", "degree", "kPa",
        "percent", "min-1", "kW h", "m3",
    }  # fmt: skip
    assert {udunits(quantity.unit) for quantity in QUANTITIES.values()} == known
