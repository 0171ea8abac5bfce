"""Every simulated instrument: what it measures, how often, how well, and the limits set for it."""

from __future__ import annotations

from dataclasses import dataclass

from records.network import Thresholds
from records.quantities import QUANTITIES


@dataclass(frozen=True)
class Instrument:
    """One series of one device.

    noise       standard deviation of the sensor's own noise, in the unit of the quantity
    phi         how much of it is left one sample later (first-order autoregressive)
    resolution  step of its converter
    limits      (yellow, orange, red) or nothing
    """

    device: str
    station: str
    quantity: str
    interval_s: float
    noise: float
    resolution: float
    point: str = "main"
    phi: float = 0.3
    limits: tuple[float, float, float] | None = None

    @property
    def series(self) -> str:
        """A slug, unique in the system: device, point (unless it is the main one), quantity."""
        words = [self.device, *([] if self.point == "main" else [self.point]), self.quantity]
        return "-".join(words).replace("_", "-")

    @property
    def unit(self) -> str:
        return QUANTITIES[self.quantity].unit

    @property
    def thresholds(self) -> Thresholds:
        yellow, orange, red = self.limits or (None, None, None)
        return Thresholds(yellow=yellow, orange=orange, red=red)


def _lake() -> list[Instrument]:
    danger = (3249.5, 3250.0, 3250.5)
    return [
        Instrument("lake-1", "lake", "lake_level", 2, 0.004, 0.001, limits=danger),
        Instrument("lake-1", "lake", "water_temperature", 2, 0.01, 0.002),
        Instrument("lake-2", "lake", "lake_level", 2, 0.008, 0.001, "radar", limits=danger),
        Instrument("lake-weather", "lake", "rain", 10, 0.05, 0.0001),
        Instrument("lake-weather", "lake", "air_temperature", 10, 0.05, 0.01),
        Instrument("lake-weather", "lake", "wind_speed", 10, 0.5, 0.01, phi=0.7, limits=_WIND),
        Instrument("slope-tilt", "moraine", "tilt", 2, 0.0006, 0.0001, "x"),
        Instrument("slope-tilt", "moraine", "tilt", 2, 0.0006, 0.0001, "y"),
        Instrument("slope-toe", "moraine", "pore_pressure", 5, 0.05, 0.01),
        Instrument("slope-toe", "moraine", "displacement", 5, 0.2, 0.05),
    ]


def _river() -> list[Instrument]:
    return [
        Instrument("stage-1", "stage-1", "stage", 2, 0.006, 0.001, limits=(1.3, 2.0, 3.0)),
        Instrument("stage-1", "stage-1", "turbidity", 2, 3.0, 0.5, phi=0.6),
        Instrument("stage-2", "stage-2", "stage", 2, 0.006, 0.001, limits=(1.3, 2.0, 2.8)),
        Instrument("stage-3", "stage-3", "stage", 2, 0.006, 0.001, limits=(1.6, 2.2, 2.9)),
        Instrument("stage-3", "stage-3", "water_temperature", 2, 0.01, 0.002),
        Instrument("middle-weather", "middle", "rain", 10, 0.05, 0.0001),
        Instrument("middle-weather", "middle", "soil_moisture", 10, 0.05, 0.01),
        Instrument("village-gauge", "village", "stage", 2, 0.006, 0.001, limits=(1.8, 2.3, 2.9)),
        Instrument("village-gauge", "village", "discharge", 2, 0.4, 0.1, phi=0.6),
        Instrument("village-weather", "village", "rain", 10, 0.05, 0.0001),
        Instrument("village-weather", "village", "air_temperature", 10, 0.05, 0.01),
    ]


def _plant() -> list[Instrument]:
    generator, flow = "plant-generator", "plant-flow"
    pond = (3003.0, 3003.4, 3003.8)
    return [
        Instrument("plant-intake", "plant", "headpond_level", 2, 0.004, 0.001, limits=pond),
        Instrument(flow, "plant", "discharge", 2, 0.03, 0.005),
        Instrument(flow, "plant", "gross_head", 2, 0.01, 0.002),
        Instrument(flow, "plant", "net_head", 2, 0.01, 0.002),
        Instrument(flow, "plant", "pressure", 2, 0.003, 0.0005),
        Instrument(generator, "plant", "active_power", 2, 12.0, 1.0, phi=0.5),
        Instrument(generator, "plant", "voltage", 2, 6.0, 1.0, phi=0.5),
        Instrument(generator, "plant", "electric_current", 2, 1.5, 0.1, phi=0.5),
        Instrument(generator, "plant", "rotation_speed", 2, 0.03, 0.01),
        *_bearing("plant-bearing-1", "b1"),
        *_bearing("plant-bearing-2", "b2"),
        Instrument("plant-tailrace", "plant", "stage", 2, 0.006, 0.001, limits=(1.9, 2.5, 3.2)),
    ]


def _bearing(device: str, point: str) -> list[Instrument]:
    """Velocity limits as the zone borders B/C and C/D of machines on stiff ground, and one
    above."""
    hot, rough, harsh = (65.0, 75.0, 85.0), (2.8, 4.5, 7.1), (0.5, 1.0, 1.8)
    return [
        Instrument(device, "plant", "case_temperature", 2, 0.05, 0.01, point, limits=hot),
        Instrument(device, "plant", "vibration", 2, 0.006, 0.001, point, 0.5, limits=harsh),
        Instrument(device, "plant", "vibration_velocity", 2, 0.04, 0.005, point, 0.5, limits=rough),
    ]


def _coast() -> list[Instrument]:
    flood, waves = (2.4, 2.9, 3.4), (2.5, 4.0, 6.0)
    gauges = [
        Instrument(f"gauge-{place}", place, "sea_level", 2, 0.006, 0.001, phi=0.6, limits=flood)
        for place in ("jiwani", "gwadar", "pasni", "ormara")
    ]
    weather = [
        Instrument(f"met-{place}", place, quantity, 5, noise, resolution, phi=0.5, limits=limits)
        for place in ("gwadar", "pasni", "ormara")
        for quantity, noise, resolution, limits in (
            ("wind_speed", 0.15, 0.01, _WIND),
            ("air_pressure", 0.03, 0.01, None),
            ("air_temperature", 0.05, 0.01, None),
        )
        if place == "gwadar" or quantity != "air_temperature"
    ]
    deep = [
        Instrument(name, name, quantity, 2, noise, resolution)
        for name in ("deep-1", "deep-2", "deep-3")
        for quantity, noise, resolution in (
            ("water_column_height", 0.0008, 0.0001),
            ("water_temperature", 0.002, 0.0005),
        )
    ]
    buoys = [
        Instrument(name, name, quantity, 5, noise, 0.01, phi=0.9, limits=limits)
        for name in ("buoy-1", "buoy-2", "buoy-3")
        for quantity, noise, limits in (
            ("significant_wave_height", 0.04, waves),
            ("wave_period", 0.15, None),
        )
    ]
    return [*gauges, *weather, *deep, *buoys]


_WIND = (17.2, 20.8, 24.5)  # Beaufort 8, 9 and 10.
INSTRUMENTS: tuple[Instrument, ...] = (*_lake(), *_river(), *_plant(), *_coast())
DEVICES: tuple[str, ...] = tuple(dict.fromkeys(row.device for row in INSTRUMENTS))
