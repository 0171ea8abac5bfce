"""The words of the screens, in English: each is a message id of the catalogues."""

from __future__ import annotations

from records.language import say
from records.levels import Flag, Hazard, Level, Status

LEVELS = {
    Level.GREY: "No data",
    Level.GREEN: "Normal",
    Level.YELLOW: "Yellow",
    Level.ORANGE: "Orange",
    Level.RED: "Red",
}
MEANINGS = {
    Level.GREY: "Nobody can say",
    Level.GREEN: "Nothing unusual",
    Level.YELLOW: "Be aware",
    Level.ORANGE: "Be prepared",
    Level.RED: "Take action",
}
HAZARDS = {
    Hazard.RIVER_FLOOD: "River flood",
    Hazard.FLASH_FLOOD: "Flash flood",
    Hazard.LAKE_OUTBURST: "Lake outburst",
    Hazard.LANDSLIDE: "Landslide",
    Hazard.EARTHQUAKE: "Earthquake",
    Hazard.TSUNAMI: "Tsunami",
    Hazard.STORM_SURGE: "Storm surge",
    Hazard.HIGH_WAVES: "High waves",
    Hazard.PLANT_FAULT: "Plant fault",
    Hazard.SENSOR_HEALTH: "Sensor health",
    Hazard.UNWATCHED: "Unwatched",
}
FLAGS = {
    Flag.GOOD: "good",
    Flag.NOT_EVALUATED: "not evaluated",
    Flag.SUSPECT: "suspect",
    Flag.FAIL: "fail",
    Flag.MISSING: "missing",
}
STATUSES = {Status.ACTUAL: "Actual", Status.EXERCISE: "Exercise", Status.TEST: "Test"}
QUANTITIES = {
    "stage": "River stage",
    "lake_level": "Lake level",
    "headpond_level": "Headpond level",
    "gross_head": "Gross head",
    "net_head": "Net head",
    "head_loss": "Head loss",
    "discharge": "Discharge",
    "sea_level": "Sea level",
    "water_column_height": "Water column",
    "significant_wave_height": "Wave height",
    "wave_period": "Wave period",
    "rain": "Rain",
    "potential_evaporation": "Evaporation",
    "air_temperature": "Air temperature",
    "water_temperature": "Water temperature",
    "case_temperature": "Case temperature",
    "conductivity": "Conductivity",
    "ph": "Acidity",
    "dissolved_oxygen": "Dissolved oxygen",
    "turbidity": "Turbidity",
    "vibration": "Vibration",
    "vibration_velocity": "Vibration velocity",
    "acceleration": "Acceleration",
    "electric_current": "Current",
    "voltage": "Voltage",
    "active_power": "Active power",
    "pressure": "Pressure",
    "air_pressure": "Air pressure",
    "wind_speed": "Wind speed",
    "volume_flow": "Volume flow",
    "water_volume": "Water volume",
    "energy": "Energy",
    "tilt": "Tilt",
    "displacement": "Displacement",
    "pore_pressure": "Pore pressure",
    "soil_moisture": "Soil moisture",
    "rotation_speed": "Rotation speed",
}
STAGES = {
    "ingest": "Ingest",
    "models": "Models",
    "alerts": "Alerts",
    "lab_ui": "Screens",
    "devices": "Devices",
}
# Names of the life cycle's changes and of what people do, as sentences of a history.
CHANGES = {
    "raised": "Raised",
    "escalated": "Escalated",
    "eased": "Eased",
    "cleared": "Cleared",
    "all-clear-due": "Over by the sensors",
    "returned": "Returned",
    "blind": "Turned blind",
    "sighted": "Sighted again",
    "renewed": "Still in force",
    "acknowledged": "Acknowledged",
    "noted": "Note",
    "all-clear-proposed": "All-clear proposed",
}
# UCUM codes as people write them; any other code is shown as it is.
UNITS = {
    "m3/s": "m³/s",
    "Cel": "°C",
    "uS/cm": "µS/cm",
    "[pH]": "pH",
    "{NTU}": "NTU",
    "[g]": "g",
    "deg": "°",
    "/min": "min⁻¹",
}

# Digits after the point, by quantity; the others have as many as their size asks for.
DIGITS = {
    "stage": 2,
    "lake_level": 2,
    "headpond_level": 2,
    "gross_head": 2,
    "net_head": 2,
    "head_loss": 2,
    "sea_level": 3,
    "water_column_height": 3,
    "significant_wave_height": 2,
    "wave_period": 1,
    "rain": 1,
    "air_temperature": 1,
    "water_temperature": 1,
    "case_temperature": 1,
    "vibration": 3,
    "tilt": 3,
    "active_power": 0,
    "discharge": 1,
    "ph": 2,
}


def digits(name: str) -> int | None:
    return DIGITS.get(name)


def quantity(name: str, language: str) -> str:
    return say(QUANTITIES.get(name, name), language)


def unit(code: str) -> str:
    """A UCUM code as it is written on a screen (the same in every language)."""
    return UNITS.get(code, code)


def named(names: dict[str, str], name: str, identity: str, language: str) -> str:
    """A place's name: in this language, else the plain one, else its id made readable."""
    return names.get(language) or name or names.get("en") or identity.replace("-", " ").capitalize()


def change(name: str, language: str) -> str:
    known = CHANGES.get(name)
    return say(known, language) if known else name
