"""The registry: the same network again changes nothing, and what follows the data can't be lost."""

from __future__ import annotations

import msgspec
import pytest

from records.clock import ScenarioClock
from records.errors import InputError
from records.network import Device, Network, Series
from store import registry
from store.connection import Database, connect
from store.registry import Registry

T0 = 1_700_000_000_000_000
LATER = ScenarioClock(T0 + 3_600_000_000)


def changed(network: Network, kind: str, id_: str, **fields: object) -> Network:
    """The network with some fields of one item replaced."""
    items = tuple(
        msgspec.structs.replace(item, **fields) if item.id == id_ else item
        for item in getattr(network, kind)
    )
    return msgspec.structs.replace(network, **{kind: items})


def test_a_network_comes_back_as_it_was_enrolled(enrolled: Database, network: Network) -> None:
    known = registry.load(enrolled)
    assert known.network == network
    assert known.version == registry.version(enrolled) == 1
    assert known.device_number == {"gauge": 1, "logger": 2, "twin": 3}
    assert known.feeds == {
        ("gauge", "main", "stage"): 1,
        ("logger", "main", "lake_level"): 2,
        ("logger", "b-1", "vibration"): 3,
        ("twin", "main", "rain"): 4,
    }
    assert known.series(3).id == "lake.b1"
    assert known.series_id[known.series_number["lake.air"]] == "lake.air"
    assert known.station("lake").name == "Lake"
    assert known.lab_of_device("gauge") == "karakoram"
    assert [known.area_of_station(s) for s in ("bridge", "lake")] == ["karakoram", "valley"]
    assert [known.simulated(number) for number in (1, 2, 3, 4)] == [False, False, False, True]


def test_the_registry_of_a_network_without_a_database_is_the_same(
    enrolled: Database, network: Network
) -> None:
    pure, stored = Registry.of(network), registry.load(enrolled)
    for name in ("network", "series_number", "series_id", "device_number", "feeds", "_simulated"):
        assert getattr(pure, name) == getattr(stored, name)


def test_the_same_network_again_changes_nothing(
    dsn: str, enrolled: Database, network: Network
) -> None:
    with connect(dsn, stage="listener") as listener:
        listener.listen("registry")
        registry.enrol(enrolled, network, LATER)
        assert registry.version(enrolled) == 1
        assert not listener.wait(0.01)
        registry.enrol(enrolled, changed(network, "station", "lake", name="Upper lake"), LATER)
        assert registry.version(enrolled) == 2
        assert listener.wait(5.0)


def test_what_a_network_does_not_name_stays(enrolled: Database, network: Network) -> None:
    fewer = msgspec.structs.replace(network, series=network.series[:1], detector=())
    registry.enrol(enrolled, fewer, LATER)
    known = registry.load(enrolled).network
    assert known.series == network.series
    assert known.detector == ()


def test_a_replaced_sensor_ends_one_deployment_and_begins_another(
    enrolled: Database, network: Network
) -> None:
    second = msgspec.structs.replace(
        network, device=(*network.device, Device(id="gauge-2", station="bridge"))
    )
    registry.enrol(enrolled, changed(second, "series", "bridge.stage", device="gauge-2"), LATER)
    assert registry.load(enrolled).feeds["gauge-2", "main", "stage"] == 1
    spans = enrolled.run(
        "SELECT v.id, extract(epoch FROM from_at)::int8, extract(epoch FROM until_at)::int8"
        " FROM deployment d JOIN device v ON v.number = d.device WHERE d.series = 1 ORDER BY 2"
    )
    at = T0 // 1_000_000
    assert spans == [("gauge", at, at + 3600), ("gauge-2", at + 3600, None)]


@pytest.mark.promise("R10")
def test_a_series_that_a_simulated_device_ever_fed_stays_simulated(
    enrolled: Database, network: Network
) -> None:
    real = msgspec.structs.replace(
        network, device=(*network.device, Device(id="rain-gauge", station="lake"))
    )
    registry.enrol(enrolled, changed(real, "series", "lake.air", device="rain-gauge"), LATER)
    assert registry.load(enrolled).simulated(4)


@pytest.mark.promise("R10")
def test_the_simulated_mark_and_the_unit_of_stored_series_cannot_be_changed(
    enrolled: Database, network: Network
) -> None:
    with pytest.raises(InputError, match=r"'twin' is enrolled as simulated, .* the real one"):
        registry.enrol(enrolled, changed(network, "device", "twin", simulated=False))
    with pytest.raises(InputError, match=r"'lake.level' is stored as lake lake_level m, not"):
        registry.enrol(enrolled, changed(network, "series", "lake.level", unit="cm"))
    assert registry.load(enrolled).network == network


def test_two_series_on_one_channel_are_refused(network: Network) -> None:
    twice = Series(id="again", station="bridge", device="gauge", quantity="stage", unit="m")
    with pytest.raises(InputError, match="'again' has the device, point and quantity of another"):
        Registry.of(msgspec.structs.replace(network, series=(*network.series, twice)))


def test_a_device_is_added_with_its_series_and_revoked(
    enrolled: Database, network: Network
) -> None:
    device = Device(id="buoy", station="lake")
    series = Series(
        id="buoy.t", station="lake", device="buoy", quantity="water_temperature", unit="Cel"
    )
    registry.add_device(enrolled, device, [series], LATER)
    known = registry.load(enrolled)
    assert known.network.detector == network.detector
    assert known.feeds["buoy", "main", "water_temperature"] == known.series_number["buoy.t"]
    registry.revoke_device(enrolled, "buoy", T0)
    after = registry.load(enrolled)
    assert "buoy" not in after.device_number
    assert ("buoy", "main", "water_temperature") not in after.feeds
    assert after.series_number["buoy.t"] == known.series_number["buoy.t"]
    assert after.version == known.version + 1
    with pytest.raises(InputError, match="there is no device 'boy'"):
        registry.revoke_device(enrolled, "boy", T0)
