"""The simulated world as a whole: determinism, the network, quiet, truth."""

import json

import msgspec
import numpy as np
import pytest

from devices.__main__ import main
from devices.accelerometers import ACCELEROMETERS
from devices.instruments import DEVICES, INSTRUMENTS
from devices.network import network
from devices.scenarios import Scenario
from devices.truth import truth
from devices.world import World
from records.network import Network
from records.quantities import QUANTITIES
from records.times import DAY, SECOND

START_AT = 1_782_864_000_000_000


def test_the_network_has_thirty_gauges_and_five_accelerometers_all_simulated() -> None:
    found = network()
    assert len(DEVICES) == 30
    assert len(ACCELEROMETERS) == 5
    assert len(found.device) == 35
    assert len(found.series) == 60 + 5 * 3
    assert all(device.simulated for device in found.device)
    assert {lab.id for lab in found.lab} == {"gilgit", "gwadar"}


def test_the_network_survives_its_own_text() -> None:
    found = network()
    assert msgspec.json.decode(msgspec.json.encode(found), type=Network) == found


def test_each_area_and_station_has_a_name_in_each_language() -> None:
    found = network()
    for names in [*(a.names for a in found.area), *(s.names for s in found.station)]:
        assert sorted(names) == ["en", "ur", "zh"]
        assert all(names.values())
    assert all(len(area.polygon) >= 3 for area in found.area)


def test_each_station_on_land_lies_in_its_area() -> None:
    areas = {area.id: np.array(area.polygon) for area in network().area}
    placed = [s for s in network().station if s.area in areas and (s.elevation_m or 0.0) >= 0.0]
    assert {station.lab for station in placed} == {"gilgit", "gwadar"}
    for station in placed:
        corners = areas[station.area]
        assert corners[:, 0].min() <= station.lat <= corners[:, 0].max(), station.id
        assert corners[:, 1].min() <= station.lon <= corners[:, 1].max(), station.id


def test_the_river_is_one_chain_from_the_lake_to_the_village() -> None:
    stations = {station.id: station for station in network().station}
    chain = ["village"]
    while (above := stations[chain[-1]].downstream_of) is not None:
        chain.append(above)
    assert chain == ["village", "plant", "stage-3", "stage-2", "stage-1", "lake"]
    assert sum(stations[name].travel_s or 0.0 for name in chain) == 1087.0


def test_a_device_samples_all_its_series_together() -> None:
    for device in DEVICES:
        assert len({row.interval_s for row in INSTRUMENTS if row.device == device}) == 1


@pytest.mark.parametrize("scenario", Scenario)
def test_a_value_depends_on_seed_scenario_start_and_time_alone(scenario: Scenario) -> None:
    moments = START_AT + np.arange(0, 1200, 7) * SECOND
    one, two = World(7, scenario, START_AT), World(7, scenario, START_AT)
    for row in INSTRUMENTS:
        together = one.measured(row, moments)
        alone = [float(two.measured(row, moments[i : i + 1])[0]) for i in (100, 3, 50)]
        assert alone == together[[100, 3, 50]].tolist(), row.series


def test_another_seed_makes_another_world() -> None:
    moments = START_AT + np.arange(0, 600, 2) * SECOND
    one, two = World(1, Scenario.QUIET, START_AT), World(2, Scenario.QUIET, START_AT)
    same = [r.series for r in INSTRUMENTS
            if np.array_equal(one.measured(r, moments), two.measured(r, moments))]  # fmt: skip
    assert [name for name in same if not name.endswith("-rain")] == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_seven_quiet_days_stay_far_below_each_limit_and_within_the_plausible(seed: int) -> None:
    world = World(seed, Scenario.QUIET, START_AT)
    moments = START_AT + np.arange(0, 7 * DAY, 97 * SECOND)
    for row in INSTRUMENTS:
        values = world.measured(row, moments)
        quantity = QUANTITIES[row.quantity]
        assert quantity.low <= values.min(), row.series
        assert values.max() <= quantity.high, row.series
        if row.limits is not None:
            assert values.max() < row.limits[0] - 10 * row.noise, row.series


def test_events_stay_within_the_plausible() -> None:
    moments = START_AT + np.arange(0, 7200, 2) * SECOND
    for scenario in Scenario:
        world = World(1, scenario, START_AT)
        for row in INSTRUMENTS:
            values = world.measured(row, moments)
            assert QUANTITIES[row.quantity].low <= values.min(), row.series
            assert values.max() <= QUANTITIES[row.quantity].high, row.series


def test_no_sensor_looks_stuck_in_quiet() -> None:
    world = World(1, Scenario.QUIET, START_AT)
    for row in INSTRUMENTS:
        if row.quantity != "rain":
            step = round(row.interval_s * SECOND)
            values = world.measured(row, START_AT + np.arange(2000) * step)
            changes = np.flatnonzero(np.diff(values) != 0)
            longest = int(np.max(np.diff([-1, *changes, len(values) - 1])))
            assert longest <= 12, f"{row.series} stands still for {longest} samples"


def test_the_outburst_crosses_red_first_above_and_last_at_the_village() -> None:
    found = truth(1, Scenario.LAKE_OUTBURST, START_AT)
    red = {c.station: c.crossed_s["red"] for c in found.courses if c.unit == "m" and c.crossed_s}
    assert [e.hazard for e in found.events] == ["lake-outburst"]
    order = ["stage-1", "stage-2", "stage-3", "village"]
    assert sorted(order, key=lambda station: red[station]) == order
    assert red["stage-1"] < 240 < 1080 < red["village"]


def test_quiet_has_no_event_and_crosses_nothing() -> None:
    found = truth(1, Scenario.QUIET, START_AT)
    assert found.events == ()
    assert all(not c.crossed_s and c.arrival_s is None for c in found.courses)


def test_the_command_prints_the_network_and_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network", "--json"], {}) == 0
    assert len(json.loads(capsys.readouterr().out)["series"]) == 75
    assert main(["truth", "--scenario", "tsunami", "--seed", "3", "--json"], {}) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["events"] == [{"hazard": "tsunami", "area": "makran-coast", "begin_s": 60.0}]


@pytest.mark.parametrize(
    "arguments",
    [["truth", "--scenario", "flood"], ["truth", "--scenario", "quiet", "--start", "today"]],
)
def test_a_wrong_word_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, {}) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("devices: ")
