"""Stations on the map and series on the pages."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import naming
from lab_ui import geography, places
from lab_ui.app import ASSETS, CHARTS, charts
from records.network import Network, Series, Station
from store.registry import Registry


def test_a_degree_is_as_long_to_the_east_as_to_the_south_in_the_middle() -> None:
    x, y = geography.project(74.0, 36.0, 60.0)
    assert x == pytest.approx(37.0)
    assert y == -36.0


def test_far_apart_groups_have_a_frame_each_beside_the_whole(network: Network) -> None:
    frames = geography.frames(network.station)
    assert [frame.stations for frame in frames] == [
        ("lake", "bridge", "gauge"),
        ("lake", "bridge"),
        ("gauge",),
    ]
    assert all(geography.within_region(frame) for frame in frames)


def test_one_group_needs_no_close_up(network: Network) -> None:
    (frame,) = geography.frames(network.station[:2])
    assert frame.stations == ("lake", "bridge")


def test_without_stations_the_home_region_is_shown() -> None:
    assert [frame.bounds for frame in geography.frames(())] == [geography.HOME]


stations = st.lists(
    st.tuples(st.floats(-89, 89), st.floats(-179, 179)), min_size=1, max_size=12
).map(
    lambda spots: [
        Station(id=f"s{i}", lab="l", lat=lat, lon=lon) for i, (lat, lon) in enumerate(spots)
    ]
)


@given(stations)
def test_every_station_lies_within_each_of_its_frames(placed: list[Station]) -> None:
    known = {station.id: station for station in placed}
    frames = geography.frames(placed)
    for frame in frames:
        west, south, east, north = frame.bounds
        for name in frame.stations:
            assert west < known[name].lon < east
            assert south < known[name].lat < north
    closeups = [name for frame in frames[1:] for name in frame.stations]
    assert sorted(closeups) in ([], sorted(known))


def test_the_first_page_has_one_of_each_quantity_before_a_second_of_any() -> None:
    kinds = ("stage", "lake_level", "sea_level")
    many = [
        Series(id=f"{kind}-{i}", station="s", device="d", quantity=kind, unit="m", point=f"p{i}")
        for i in range(5)
        for kind in kinds
    ]
    chosen = places.telling(many)
    counts = [sum(s.quantity == kind for s in chosen) for kind in kinds]
    assert counts == [4, 4, 4]
    assert [s.id for s in chosen] == [s.id for s in many if s in chosen]


def test_a_small_network_is_one_page(network: Network) -> None:
    assert places.pages(Registry.of(network)) == [[1, 2, 3]]


def test_names_are_said_in_the_language_and_without_brackets_where_it_is_tight(
    network: Network,
) -> None:
    registry = Registry.of(network)
    english = places.series_view(registry, network.series[0], "en")
    urdu = places.series_view(registry, network.series[2], "ur")
    assert (english["place"], english["short"]) == ("Lake (simulated)", "Lake")
    assert (urdu["place"], urdu["quantity"]) == ("گیج", "سطح سمندر")
    assert naming.short("صنوبر (مصنوعی)") == "صنوبر"
    assert naming.short("湖（模拟）") == "湖"
    assert naming.short("(all of it)") == "(all of it)"


@pytest.mark.promise("R1")
def test_the_facts_of_a_station_name_its_devices_that_send_without_numbers(
    network: Network,
) -> None:
    registry, gauge = Registry.of(network), network.station[2]

    def said(best_effort: frozenset[str], language: str) -> list[tuple[str, str, bool]]:
        rows = places.facts(registry, gauge, best_effort, language)
        return [(row["name"], row["value"], row["plain"]) for row in rows]

    bare = said(frozenset({"d1"}), "en")
    marked = said(frozenset({"d3", "d1"}), "en")
    assert [row for row in marked if row not in bare] == [("Best effort", "d3", True)]
    assert ("尽力而为", "d3", True) in said(frozenset({"d3"}), "zh")


def test_a_chart_of_seldom_samples_reaches_further_back(network: Network) -> None:
    windows = [places.window(series) for series in network.series]
    assert windows == [600_000_000, 600_000_000, 120 * 3_600_000_000]


def test_the_base_map_has_land_agreed_and_disputed_boundaries() -> None:
    base = json.loads((ASSETS / "base_map.json").read_text())
    region = base["region"]
    assert tuple(region["bounds"]) == geography.REGION
    assert all(region[kind] for kind in ("land", "borders", "disputed"))
    assert base["world"]["land"]
    west, south, east, north = region["bounds"]
    for line in region["land"] + region["borders"] + region["disputed"]:
        assert len(line) % 2 == 0
        assert all(west <= lon <= east for lon in line[::2])
        assert all(south <= lat <= north for lat in line[1::2])


def test_kashmir_is_drawn_as_disputed_and_the_durand_line_is_not() -> None:
    region = json.loads((ASSETS / "base_map.json").read_text())["region"]

    def nearest(lines: list[list[float]], lon: float, lat: float) -> float:
        return min(
            math.hypot(x - lon, y - lat)
            for line in lines
            for x, y in zip(line[::2], line[1::2], strict=True)
        )

    assert nearest(region["disputed"], 74.3, 34.8) < 0.7
    assert nearest(region["borders"], 70.0, 33.5) < 0.7
    assert nearest(region["disputed"], 70.0, 33.5) > 2


def test_uplot_comes_from_its_own_package() -> None:
    assert all((charts() / name).is_file() for name in CHARTS)


def test_no_script_or_style_of_ours_names_another_host() -> None:
    for file in [*ASSETS.glob("*.js"), *ASSETS.glob("*.css")]:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", "").replace('"://"', ""), file.name
