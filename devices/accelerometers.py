"""The simulated accelerometers: where they stand, how fast and how well they measure."""

from __future__ import annotations

from dataclasses import dataclass

QUANTITY = "acceleration"
UNIT = "Gal"
AXES = ("x", "y", "z")  # east, north, up


@dataclass(frozen=True)
class Accelerometer:
    """One device with three axes; it sends a packet an axis and second.

    noise       standard deviation of its own noise and of the town's, Gal
    resolution  step of its converter, Gal; a power of two, so that a float32 holds it exactly
    """

    device: str
    station: str
    noise: float
    rate_hz: float = 50.0
    resolution: float = 2.0**-9
    packet_s: float = 1.0

    def series(self, axis: str) -> str:
        return f"{self.device}-{axis}-{QUANTITY}"


ACCELEROMETERS: tuple[Accelerometer, ...] = (
    Accelerometer("quake-lake", "lake", 0.05),
    Accelerometer("quake-gorge", "stage-2", 0.06),
    Accelerometer("quake-terrace", "middle", 0.07),
    Accelerometer("quake-plant", "plant", 0.12),
    Accelerometer("quake-village", "village", 0.10),
)
