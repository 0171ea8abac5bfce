"""Who measures what and where, with the numbers that readings are stored under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from records.errors import InputError
from records.foreign import Feed
from records.network import Network, Series, Station
from records.rules import Rules, shipped

Feeds = dict[tuple[str, str, str], int]


@dataclass(frozen=True, eq=False)
class Registry:
    """A network and its numbers, as of one version. Look-ups are by dictionary.

    series_number, series_id  a series' number by id, and the other way round
    device_number             by device id, devices that were revoked left out
    feeds                     series number by (device id, point, quantity) as of now
    foreign                   which foreign topics are read, and how
    rules                     the quality rules that apply
    """

    network: Network
    version: int
    series_number: dict[str, int]
    series_id: dict[int, str]
    device_number: dict[str, int]
    feeds: Feeds
    rules: Rules
    _series: dict[int, Series]
    _stations: dict[str, Station]
    _labs: dict[str, str]
    _simulated: frozenset[int]
    foreign: tuple[Feed, ...] = ()

    @classmethod
    def of(cls, network: Network, foreign: tuple[Feed, ...] = ()) -> Registry:
        """Without a database: version 0, numbers from 1 in the order of the network.

        Raises InputError where one device's one channel would feed two series.
        """
        simulated = {device.id for device in network.device if device.simulated}
        series_number = {series.id: n for n, series in enumerate(network.series, 1)}
        return cls.build(
            network,
            0,
            series_number,
            {device.id: n for n, device in enumerate(network.device, 1)},
            (series_number[s.id] for s in network.series if s.device in simulated),
            foreign,
        )

    @classmethod
    def build(
        cls,
        network: Network,
        version: int,
        series_number: Mapping[str, int],
        device_number: Mapping[str, int],
        simulated: Iterable[int],
        foreign: tuple[Feed, ...] = (),
        rules: Rules | None = None,
    ) -> Registry:
        """From the numbers; `simulated` are those of series that a simulated device ever fed.

        `rules`: None for those that are shipped.
        """
        stations = {station.id: station for station in network.station}
        return cls(
            network=network,
            version=version,
            series_number=dict(series_number),
            series_id={number: id_ for id_, number in series_number.items()},
            device_number=dict(device_number),
            feeds=_feeds(network, series_number, device_number),
            rules=rules or shipped(),
            _series={series_number[series.id]: series for series in network.series},
            _stations=stations,
            _labs={device.id: stations[device.station].lab for device in network.device},
            _simulated=frozenset(simulated),
            foreign=foreign,
        )

    def series(self, number: int) -> Series:
        """The series of this number. Raises KeyError."""
        return self._series[number]

    def station(self, id_: str) -> Station:
        """Raises KeyError."""
        return self._stations[id_]

    def lab_of_device(self, id_: str) -> str:
        """Id of the lab that a device belongs to. Raises KeyError for an unknown device."""
        return self._labs[id_]

    def area_of_station(self, id_: str) -> str:
        """Where a station's alerts apply: its area, or its whole lab."""
        station = self._stations[id_]
        return station.area or station.lab

    def simulated(self, series_number: int) -> bool:
        """True where a simulated device feeds this series or has ever fed it."""
        return series_number in self._simulated


def _feeds(
    network: Network, series_number: Mapping[str, int], device_number: Mapping[str, int]
) -> Feeds:
    feeds: Feeds = {}
    for series in network.series:
        feed = (series.device, series.point, series.quantity)
        if feed in feeds:
            raise InputError(
                f"series {series.id!r} has the device, point and quantity of another series:"
                " give it a point of its own"
            )
        if series.device in device_number:
            feeds[feed] = series_number[series.id]
    return feeds
