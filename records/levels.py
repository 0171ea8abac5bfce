"""The closed lists of the field: levels, hazards and QARTOD flags."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Level(IntEnum):
    """How bad it is. Grey is blind (nobody can say), never green; it is below every other."""

    GREY = 0
    GREEN = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Level:
        """The level with this lower-case name. Raises KeyError for another word."""
        return cls[word.upper()]


class Hazard(StrEnum):
    RIVER_FLOOD = "river-flood"
    FLASH_FLOOD = "flash-flood"
    LAKE_OUTBURST = "lake-outburst"
    LANDSLIDE = "landslide"
    EARTHQUAKE = "earthquake"
    TSUNAMI = "tsunami"
    STORM_SURGE = "storm-surge"
    HIGH_WAVES = "high-waves"
    PLANT_FAULT = "plant-fault"
    SENSOR_HEALTH = "sensor-health"
    UNWATCHED = "unwatched"


class Flag(IntEnum):
    """QARTOD's primary flags (IOC Manuals and Guides 54, volume 3)."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Check(IntEnum):
    """Bits of the `checks` column: which tests set a flag above `good`."""

    GROSS_RANGE = 1
    SPIKE = 2
    RATE_OF_CHANGE = 4
    FLAT_LINE = 8
    CLOCK = 16
    CLIMATOLOGY = 32
    ATTENUATED_SIGNAL = 64
    NEIGHBOUR = 128
    GAP = 256
    SYNTAX = 512
    LOCATION = 1024


class Status(StrEnum):
    """CAP 1.2 status. Simulated data make Exercise and replays make Test, never Actual."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


LANGUAGES = ("en", "ur", "zh")
