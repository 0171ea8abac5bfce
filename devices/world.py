"""The simulated world: the true value of each series at any moment, and what a sensor makes of it.

Everything is a function of (seed, scenario, start of the scenario, time). Moments are int64
microseconds since 1970 UTC, as everywhere in Hoshyar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from devices.accelerometers import ACCELEROMETERS, AXES, Accelerometer
from devices.instruments import INSTRUMENTS, Instrument
from devices.laws import Law, coast_laws, plant_laws, valley_laws
from devices.noise import Floats, autoregressive, key, quantise, uniform
from devices.places import stations
from devices.plant import Plant
from devices.river import River
from devices.scenarios import Scenario
from devices.sea import Air
from devices.seismic import Earthquake
from devices.slope import Slope
from devices.tsunami import Tsunami
from devices.weather import Weather

Moments = NDArray[np.int64]

_NEVER_NEGATIVE = frozenset(
    {"rain", "wind_speed", "turbidity", "vibration", "vibration_velocity", "discharge"}
)


class World:
    """One world: a seed, a scenario and the moment at which the scenario began."""

    def __init__(self, seed: int, scenario: Scenario, start_at: int) -> None:
        self.scenario = scenario
        self.start_at = start_at
        start_s = start_at / 1e6
        bursts = scenario is Scenario.LAKE_OUTBURST
        weather = Weather(seed)
        self.river = River(weather, start_s, bursts=bursts)
        slope = Slope(weather, start_s, fails=bursts)
        plant = Plant(seed, self.river, start_s, fails=scenario is Scenario.BEARING_FAILURE)
        tsunami = Tsunami(seed, start_s, happens=scenario is Scenario.TSUNAMI)
        self._laws: dict[str, Law] = {
            **valley_laws(seed, weather, self.river, slope),
            **plant_laws(plant),
            **coast_laws(seed, weather, Air(seed), tsunami),
        }
        self.earthquake = Earthquake(seed, start_s, happens=scenario is Scenario.EARTHQUAKE)
        self._places = {station.id: station for station in stations()}
        axes = [row.series(axis) for row in ACCELEROMETERS for axis in AXES]
        measuring = [*(row.series for row in INSTRUMENTS), *axes]
        self._noise = {name: key(seed, f"sensor/{name}") for name in measuring}

    def truth(self, series: str, moments: Moments) -> Floats:
        """True values at these moments, in the unit of the series. Raises KeyError."""
        return self._laws[series](np.asarray(moments, np.int64) / 1e6)

    def measured(self, row: Instrument, moments: Moments) -> Floats:
        """What the instrument reads: truth, noise of the sensor, steps of the converter."""
        index = np.rint(moments / (row.interval_s * 1e6)).astype(np.int64)
        noise = row.noise * autoregressive(self._noise[row.series], index, row.phi)
        true = self.truth(row.series, moments)
        values = true * (1.0 + noise) if row.quantity == "rain" else true + noise
        if row.quantity in _NEVER_NEGATIVE:
            values = np.maximum(values, 0.0)
        return quantise(values, row.resolution)

    def samples(self, row: Accelerometer, axis: str, moments: Moments) -> Floats:
        """What an axis reads, Gal: ground, noise, and an offset, since it never stands level."""
        stream = self._noise[row.series(axis)]
        index = np.rint(moments * (row.rate_hz / 1e6)).astype(np.int64)
        (tilted,) = uniform(stream + 1, np.zeros(1, np.int64))
        ground = self.earthquake.ground(moments / 1e6, self._places[row.station], axis)
        read = ground + row.noise * autoregressive(stream, index, 0.3) + 4.0 * tilted - 2.0
        steps: Floats = np.round(read / row.resolution)
        return steps * row.resolution
