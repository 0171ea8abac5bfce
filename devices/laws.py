"""Which law of the physics each series follows: series -> true value at seconds since 1970."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from devices.noise import Floats, drift, key
from devices.plant import Plant
from devices.river import River
from devices.sea import Air, tide
from devices.slope import Slope
from devices.tsunami import Path, Tsunami
from devices.weather import DAY_S, LOCAL_S, Weather

Law = Callable[[Floats], Floats]

# station: (path from the source, delay of the tide [deg of M2], how far east 0..1)
COAST: dict[str, tuple[Path, float, float]] = {
    "deep-1": (Path(12.0, 3000.0), -4.0, 0.45),
    "deep-2": (Path(84.0, 2800.0), -3.0, 0.5),
    "deep-3": (Path(96.0, 2600.0), -6.0, 0.3),
    "jiwani": (Path(95.0, 2400.0, 32.0), 0.0, 0.0),
    "gwadar": (Path(62.0, 2500.0, 27.0), 2.0, 0.25),
    "pasni": (Path(60.0, 2500.0, 30.0), 4.0, 0.6),
    "ormara": (Path(130.0, 2400.0, 24.0), 7.0, 1.0),
}


def _daily(seconds: Floats, mean: float, swing: float, top_h: float) -> Floats:
    """A daily wave with its top at this hour of local time."""
    phase = 2.0 * np.pi * (seconds + LOCAL_S - top_h * 3600.0) / DAY_S
    return mean + swing * np.cos(phase)


def valley_laws(seed: int, weather: Weather, river: River, slope: Slope) -> dict[str, Law]:
    """Lake, moraine, river gauges and weather stations."""

    def turbidity(seconds: Floats) -> Floats:
        # NTU grow as a power of discharge, as sediment rating curves do.
        return 60.0 * (river.discharge("stage-1", seconds) / 8.5) ** 1.3

    def soil_moisture(seconds: Floats) -> Floats:
        return 18.0 + 2.0 * weather.effective_rain(seconds, 3 * 3600.0)

    def wind(seconds: Floats) -> Floats:
        gusts = drift(key(seed, "valley/wind"), seconds, 1800.0)
        return np.maximum(_daily(seconds, 4.0, 2.0, 15.0) + 0.5 * gusts, 0.3)

    return {
        "lake-1-lake-level": river.lake_level,
        "lake-2-radar-lake-level": river.lake_level,
        "lake-1-water-temperature": partial(_daily, mean=4.0, swing=0.6, top_h=16.0),
        "lake-weather-rain": partial(weather.rain, interval_s=10.0, wetness=1.2),
        "lake-weather-air-temperature": partial(weather.air_temperature, mean=8.0, swing=6.0),
        "lake-weather-wind-speed": wind,
        "slope-tilt-x-tilt": partial(slope.tilt, axis="x"),
        "slope-tilt-y-tilt": partial(slope.tilt, axis="y"),
        "slope-toe-pore-pressure": slope.pore_pressure,
        "slope-toe-displacement": slope.displacement,
        "stage-1-stage": partial(river.stage, "stage-1"),
        "stage-1-turbidity": turbidity,
        "stage-2-stage": partial(river.stage, "stage-2"),
        "stage-3-stage": partial(river.stage, "stage-3"),
        "stage-3-water-temperature": partial(_daily, mean=6.5, swing=1.2, top_h=17.0),
        "middle-weather-rain": partial(weather.rain, interval_s=10.0, wetness=1.0),
        "middle-weather-soil-moisture": soil_moisture,
        "village-gauge-stage": partial(river.stage, "village"),
        "village-gauge-discharge": partial(river.discharge, "village"),
        "village-weather-rain": partial(weather.rain, interval_s=10.0, wetness=0.8),
        "village-weather-air-temperature": partial(weather.air_temperature, mean=12.0, swing=7.0),
        "plant-tailrace-stage": partial(river.stage, "plant"),
    }


def plant_laws(plant: Plant) -> dict[str, Law]:
    """Intake, penstock, generator and bearings."""
    laws: dict[str, Law] = {
        "plant-intake-headpond-level": plant.headpond_level,
        "plant-flow-discharge": plant.discharge,
        "plant-flow-gross-head": plant.gross_head,
        "plant-flow-net-head": plant.net_head,
        "plant-flow-pressure": plant.pressure,
        "plant-generator-active-power": plant.active_power,
        "plant-generator-voltage": plant.voltage,
        "plant-generator-electric-current": plant.electric_current,
        "plant-generator-rotation-speed": plant.rotation_speed,
    }
    for number in (1, 2):
        device = f"plant-bearing-{number}-b{number}"
        laws |= {
            f"{device}-case-temperature": partial(plant.case_temperature, bearing=number),
            f"{device}-vibration": partial(plant.vibration, bearing=number),
            f"{device}-vibration-velocity": partial(plant.vibration_velocity, bearing=number),
        }
    return laws


def coast_laws(seed: int, weather: Weather, air: Air, tsunami: Tsunami) -> dict[str, Law]:
    """Gauges, bottom pressure, buoys and weather stations of the coast."""

    def sea_level(seconds: Floats, place: str) -> Floats:
        path, phase, east = COAST[place]
        return tide(seconds, phase) + air.surge(seconds, east) + tsunami.wave(seconds, path)

    def water_column(seconds: Floats, place: str) -> Floats:
        # The air's weight and the surge under it cancel at the bottom (inverse barometer).
        path, phase, _ = COAST[place]
        moving = tsunami.wave(seconds, path) + tsunami.shaking(seconds, path)
        return path.deep_m + tide(seconds, phase) + moving

    def deep_temperature(seconds: Floats, place: str) -> Floats:
        return 1.8 + 0.01 * drift(key(seed, f"{place}/temperature"), seconds, 6 * 3600.0)

    laws: dict[str, Law] = {
        "met-gwadar-air-temperature": partial(weather.air_temperature, mean=27.0, swing=4.0)
    }
    for place in ("jiwani", "gwadar", "pasni", "ormara"):
        laws[f"gauge-{place}-sea-level"] = partial(sea_level, place=place)
    for place in ("gwadar", "pasni", "ormara"):
        east = COAST[place][2]
        laws[f"met-{place}-wind-speed"] = partial(air.wind, east=east)
        laws[f"met-{place}-air-pressure"] = partial(air.pressure, east=east)
    for place in ("deep-1", "deep-2", "deep-3"):
        laws[f"{place}-water-column-height"] = partial(water_column, place=place)
        laws[f"{place}-water-temperature"] = partial(deep_temperature, place=place)
    for place, east in (("buoy-1", 0.25), ("buoy-2", 0.6), ("buoy-3", 1.0)):
        laws[f"{place}-significant-wave-height"] = partial(air.wave_height, east=east)
        laws[f"{place}-wave-period"] = partial(air.wave_period, east=east)
    return laws
