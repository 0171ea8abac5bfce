"""The laws behind the simulated readings: volumes, speeds and balances."""

import math

import numpy as np
import pytest

from devices.outburst import Breach, drain, froehlich_peak, route
from devices.plant import BEST_FLOW_M3S, GENERATOR, efficiency, power, warmth
from devices.river import LAG_S, SECTIONS, River
from devices.scenarios import BEARING_S, OUTBURST_S, QUAKE_S, Scenario
from devices.slope import creep
from devices.tsunami import Path, train
from devices.weather import Weather
from devices.world import World
from records.times import SECOND

START_AT = 1_782_864_000_000_000
HALF_DAY_S = 12 * 3600


@pytest.fixture(scope="module")
def burst() -> World:
    return World(1, Scenario.LAKE_OUTBURST, START_AT)


def test_the_water_that_leaves_the_lake_is_the_water_that_passes_the_breach() -> None:
    breach = Breach()
    discharge, fall = drain(breach, HALF_DAY_S)
    assert discharge.sum() == pytest.approx(breach.area_m2 * fall[-1], rel=1e-12)
    assert fall[-1] <= breach.depth_m
    assert discharge.sum() == pytest.approx(breach.volume_m3, rel=0.01)


def test_the_breach_peaks_about_where_earthen_dams_do() -> None:
    breach = Breach()
    discharge, _ = drain(breach, HALF_DAY_S)
    assert discharge.max() == pytest.approx(
        froehlich_peak(breach.volume_m3, breach.depth_m), rel=0.25
    )


def test_the_lake_falls_by_metres_in_ten_minutes() -> None:
    _, fall = drain(Breach(), HALF_DAY_S)
    assert np.all(np.diff(fall) >= 0)
    assert 3.0 < fall[600] < 6.0


def test_routing_delays_and_flattens_the_wave_and_keeps_its_volume() -> None:
    wave, _ = drain(Breach(), HALF_DAY_S)
    routed = route(np.concatenate([wave, np.zeros(7200)]), 300.0, 200.0)
    assert routed[:300].tolist() == [0.0] * 300
    assert routed.max() < wave.max()
    assert routed.sum() == pytest.approx(wave.sum(), rel=1e-6)


def test_a_flood_runs_faster_than_its_water_by_five_thirds() -> None:
    for section in SECTIONS:
        depth = section.depth(np.array([300.0]))[0]
        assert section.celerity(300.0) == pytest.approx(5 / 3 * 300.0 / (section.width_m * depth))


def test_each_gauge_stays_calm_until_the_front_arrives_and_rises_then(burst: World) -> None:
    quiet = World(1, Scenario.QUIET, START_AT)
    for station, series in (
        ("stage-1", "stage-1-stage"),
        ("stage-2", "stage-2-stage"),
        ("stage-3", "stage-3-stage"),
        ("village", "village-gauge-stage"),
    ):
        front_s = OUTBURST_S + LAG_S[station]
        moments = START_AT + np.array([front_s - 1, front_s + 240]) * SECOND
        rise = burst.truth(series, moments.astype(np.int64)) - quiet.truth(
            series, moments.astype(np.int64)
        )
        assert rise[0] == 0.0
        assert rise[1] > 0.5


def test_the_village_has_fifteen_to_twenty_minutes() -> None:
    assert 15 * 60 < LAG_S["village"] < 20 * 60


def test_the_peak_gets_lower_on_the_way_down(burst: World) -> None:
    seconds = START_AT / 1e6 + np.arange(7200.0)
    peaks = [(burst.river.discharge(s.station, seconds) - s.base_m3s).max() for s in SECTIONS]
    assert peaks == sorted(peaks, reverse=True)


def test_runoff_is_the_share_of_the_rain_that_fell() -> None:
    weather = Weather(3)
    seconds = np.arange(0.0, 10 * 86400.0, 60.0) + 1e9
    rain = weather.rain(seconds, 60.0, 1.0).sum()
    flowing = weather.effective_rain(seconds, 3600.0).sum() / 60.0
    assert rain > 1.0
    assert flowing == pytest.approx(rain, rel=0.02)


def test_power_is_rho_g_q_h_eta() -> None:
    flow, head = np.array([BEST_FLOW_M3S]), np.array([60.0])
    assert power(flow, head)[0] == pytest.approx(9.81 * 10.0 * 60.0 * 0.91 * GENERATOR)
    assert np.all(efficiency(np.linspace(5, 12, 50)) <= 0.91)


def test_heads_power_and_current_of_the_plant_agree() -> None:
    world = World(1, Scenario.QUIET, START_AT)
    moments = START_AT + np.arange(0, 86400, 600) * SECOND

    def series(name: str) -> np.ndarray:
        return world.truth(f"plant-{name}", moments)

    flow = series("flow-discharge")
    loss = series("flow-gross-head") - series("flow-net-head")
    assert np.allclose(loss / flow**2, 0.021)
    expected = 9.81 * flow * series("flow-net-head") * efficiency(flow) * GENERATOR
    assert np.allclose(series("generator-active-power"), expected)
    apparent = (
        math.sqrt(3) * series("generator-voltage") * series("generator-electric-current") / 1000
    )
    assert np.allclose(apparent * 0.92, expected)


def test_a_bearing_warms_to_the_balance_of_its_heat() -> None:
    settled = warmth(np.full(5000, 9.0), 120.0)[-1]
    assert settled == pytest.approx(1.0 + 0.55 * 8.0)
    assert np.allclose(warmth(np.ones(100), 120.0), 1.0)


def test_a_failing_bearing_grows_worse_within_four_minutes_and_its_neighbour_hardly() -> None:
    world = World(1, Scenario.BEARING_FAILURE, START_AT)
    moments = (START_AT + np.array([0, BEARING_S, 240]) * SECOND).astype(np.int64)
    first = world.truth("plant-bearing-1-b1-vibration-velocity", moments)
    second = world.truth("plant-bearing-2-b2-vibration-velocity", moments)
    assert first.tolist() == pytest.approx([1.0, 1.0, 9.0])
    assert second[-1] < 2.0


def test_a_tsunami_runs_at_the_root_of_g_h() -> None:
    assert Path(100.0, 4000.0).travel_s() == pytest.approx(1e5 / math.sqrt(9.81 * 4000.0))
    shelf = Path(0.0, 3000.0, 30.0, 150.0, 10.0)
    depth = 150.0 - 140.0 * (np.arange(300_000) + 0.5) / 300_000
    assert shelf.travel_s() == pytest.approx(np.sum(0.1 / np.sqrt(9.81 * depth)), rel=1e-6)


def test_a_tsunami_grows_by_greens_law_on_the_shelf() -> None:
    deep, shore = Path(12.0, 3000.0), Path(12.0, 3000.0, 1e-9, 200.0, 6.0)
    assert shore.growth() / deep.growth() == pytest.approx((3000.0 / 6.0) ** 0.25)
    assert np.max(train(np.arange(3600.0))) == pytest.approx(0.35, rel=0.01)


def test_the_sea_bed_shakes_before_the_wave_comes_and_the_deep_feels_it_before_the_gauges() -> None:
    world = World(1, Scenario.TSUNAMI, START_AT)
    quiet = World(1, Scenario.QUIET, START_AT)

    def excess(series: str, from_s: float, to_s: float) -> float:
        moments = START_AT + np.arange(from_s, to_s).astype(np.int64) * SECOND
        return float(np.max(np.abs(world.truth(series, moments) - quiet.truth(series, moments))))

    assert excess("deep-1-water-column-height", 0, QUAKE_S) == 0.0
    assert excess("deep-1-water-column-height", QUAKE_S + 3, QUAKE_S + 30) > 0.1
    assert excess("deep-1-water-column-height", 250, 400) > 0.3
    assert excess("gauge-gwadar-sea-level", 0, 1490) == 0.0
    assert excess("gauge-gwadar-sea-level", 1500, 2400) > 0.5


def test_creep_speeds_up_until_the_dam_opens() -> None:
    moved = creep(np.arange(0.0, OUTBURST_S + 1))
    steps = np.diff(moved[20:])
    assert moved[20] == 0.0
    assert moved[-1] == pytest.approx(1.0)
    assert np.all(np.diff(steps) > 0)


def test_the_lake_level_follows_its_outflow() -> None:
    river = River(Weather(1), START_AT / 1e6, bursts=False)
    seconds = START_AT / 1e6 + np.arange(0.0, 86400.0, 60.0)
    surplus = river.discharge("lake", seconds) - 8.0
    assert np.allclose(river.lake_level(seconds) - 3248.0, surplus * 7200.0 / 80_000.0)
