"""A small network and its picture, shared by the tests of the screens."""

from __future__ import annotations

import pytest

from lab_ui.picture import Picture
from records.network import Area, Device, Lab, Network, Series, Station, Thresholds
from store.registry import Registry


@pytest.fixture
def network() -> Network:
    valley = [
        Station(id="lake", lab="hill", lat=36.47, lon=74.59, name="Lake (simulated)", area="top"),
        Station(id="bridge", lab="hill", lat=36.45, lon=74.61, downstream_of="lake", travel_s=300),
    ]
    coast = [Station(id="gauge", lab="sea", lat=25.1, lon=62.3, names={"ur": "گیج"})]
    return Network(
        lab=(Lab(id="hill", name="Hill lab"), Lab(id="sea")),
        area=(Area(id="top", lab="hill", names={"en": "Top", "zh": "上"}),),
        station=(*valley, *coast),
        device=(
            Device(id="d1", station="lake", simulated=True),
            Device(id="d2", station="bridge", simulated=True),
            Device(id="d3", station="gauge", simulated=True),
        ),
        series=(
            Series(
                id="lake-level", station="lake", device="d1", quantity="lake_level", unit="m",
                interval_s=2, late_after_s=60, thresholds=Thresholds(yellow=5, orange=6, red=7),
            ),
            Series(id="bridge-stage", station="bridge", device="d2", quantity="stage", unit="m"),
            Series(
                id="gauge-level", station="gauge", device="d3", quantity="sea_level", unit="m",
                interval_s=3600,
            ),
        ),
    )  # fmt: skip


@pytest.fixture
def picture(network: Network) -> Picture:
    return Picture(Registry.of(network))
