"""What the registry must know of the simulated world; the same for each scenario and seed."""

from __future__ import annotations

from devices.accelerometers import ACCELEROMETERS, AXES, QUANTITY, UNIT
from devices.instruments import INSTRUMENTS
from devices.places import AREAS, LABS, stations
from records.network import DetectorChoice, Device, Network, Series

LATE_AFTER_S = 60.0

# What is experimental must be chosen: the plant's vibration zones have no recordings behind them
# yet, and earthquakes are not yet told from noise quite well enough.
DETECTORS = (
    "stage-limit",
    "rate-of-rise",
    "lake-outburst",
    "bearing",
    "iso-zone",
    "tsunami-gauge",
    "tsunami-pressure",
    "earthquake",
)


def network() -> Network:
    """35 simulated devices with 75 series at 18 stations of two labs."""
    homes = dict.fromkeys((row.device, row.station) for row in INSTRUMENTS)
    homes |= dict.fromkeys((row.device, row.station) for row in ACCELEROMETERS)
    return Network(
        lab=LABS,
        area=AREAS,
        station=stations(),
        device=tuple(Device(id=name, station=place, simulated=True) for name, place in homes),
        series=tuple(
            Series(
                id=row.series,
                station=row.station,
                device=row.device,
                point=row.point,
                quantity=row.quantity,
                unit=row.unit,
                interval_s=row.interval_s,
                late_after_s=LATE_AFTER_S,
                thresholds=row.thresholds,
            )
            for row in INSTRUMENTS
        )
        + tuple(
            Series(
                id=row.series(axis),
                station=row.station,
                device=row.device,
                point=axis,
                quantity=QUANTITY,
                unit=UNIT,
                interval_s=1.0 / row.rate_hz,
                late_after_s=LATE_AFTER_S,
            )
            for row in ACCELEROMETERS
            for axis in AXES
        ),
        detector=tuple(DetectorChoice(name=name) for name in DETECTORS),
    )
