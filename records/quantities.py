"""What can be measured: one name, one unit and one plausible range a quantity.

Units are UCUM codes (https://ucum.org); SenML's spelling (RFC 8428, RFC 8798) is accepted where
it differs. Conversions are linear: canonical = value * factor + offset.
"""

from __future__ import annotations

from dataclasses import dataclass

from records.errors import BadMessage, Reason


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measurable quantity.

    name       lower-case with underscores, as in the CF convention
    unit       UCUM unit that values are stored in
    low, high  plausible range in that unit: outside it no sensor on Earth reads
    standard   CF standard name, or "" where the table has none
    """

    name: str
    unit: str
    low: float
    high: float
    standard: str = ""


_TABLE = (
    Quantity("stage", "m", -20, 6000, "water_surface_height_above_reference_datum"),
    Quantity("lake_level", "m", -500, 6000, "water_surface_height_above_reference_datum"),
    Quantity("headpond_level", "m", -500, 6000, "water_surface_height_above_reference_datum"),
    Quantity("gross_head", "m", 0, 2000),
    Quantity("net_head", "m", 0, 2000),
    Quantity("head_loss", "m", -10, 2000),
    Quantity("discharge", "m3/s", -1000, 400000, "water_volume_transport_in_river_channel"),
    Quantity("sea_level", "m", -90, 98, "water_surface_height_above_reference_datum"),
    Quantity("water_column_height", "m", -20, 12000),
    Quantity("significant_wave_height", "m", 0, 40, "sea_surface_wave_significant_height"),
    Quantity("wave_period", "s", 0, 60, "sea_surface_wave_mean_period"),
    Quantity("rain", "mm", 0, 500, "lwe_thickness_of_precipitation_amount"),
    Quantity("potential_evaporation", "mm", -10, 100),
    Quantity("air_temperature", "Cel", -90, 60, "air_temperature"),
    Quantity("water_temperature", "Cel", -5, 60, "water_temperature"),
    Quantity("case_temperature", "Cel", -60, 400),
    Quantity("conductivity", "uS/cm", 0, 100000),
    Quantity("ph", "[pH]", 0, 14),
    Quantity("dissolved_oxygen", "mg/L", 0, 60),
    Quantity("turbidity", "{NTU}", 0, 50000),
    Quantity("vibration", "[g]", 0, 500),
    Quantity("vibration_velocity", "mm/s", 0, 1000),
    Quantity("acceleration", "Gal", -4000, 4000),
    Quantity("electric_current", "A", -100000, 100000),
    Quantity("voltage", "V", -1000000, 1000000),
    Quantity("active_power", "kW", -1000, 30000000),
    Quantity("energy", "kW.h", -1e12, 1e12),
    Quantity("water_volume", "m3", -1e12, 1e12),
    Quantity("pressure", "bar", -1, 2000),
    Quantity("air_pressure", "hPa", 300, 1100, "air_pressure"),
    Quantity("wind_speed", "m/s", 0, 120, "wind_speed"),
    Quantity("volume_flow", "L/min", -1e9, 1e9),
    Quantity("tilt", "deg", -180, 180),
    Quantity("displacement", "mm", -1e6, 1e6),
    Quantity("pore_pressure", "kPa", -200, 5000),
    Quantity("soil_moisture", "%", 0, 100),
    Quantity("rotation_speed", "/min", 0, 100000),
)

QUANTITIES = {quantity.name: quantity for quantity in _TABLE}

# The integral over time of a quantity, and its unit for the quantity's own unit times seconds.
INTEGRALS = {"active_power": ("energy", "kW.s"), "discharge": ("water_volume", "m3")}

# unit -> (canonical unit, factor, offset)
_LINEAR: dict[str, tuple[str, float, float]] = {
    "um": ("m", 1e-6, 0), "mm": ("m", 1e-3, 0), "cm": ("m", 1e-2, 0), "dm": ("m", 0.1, 0),
    "km": ("m", 1e3, 0),
    "[ft_i]": ("m", 0.3048, 0), "ft": ("m", 0.3048, 0), "[in_i]": ("m", 0.0254, 0),
    "in": ("m", 0.0254, 0),
    "dm3/s": ("m3/s", 1e-3, 0), "m3/min": ("m3/s", 1 / 60, 0), "m3/d": ("m3/s", 1 / 86400, 0),
    "L/h": ("m3/s", 1e-3 / 3600, 0), "mL/min": ("m3/s", 1e-6 / 60, 0),
    "[gal_us]/min": ("m3/s", 3.785411784e-3 / 60, 0),
    "[ft_i]3/s": ("m3/s", 0.028316846592, 0),
    "L/s": ("m3/s", 1e-3, 0), "l/s": ("m3/s", 1e-3, 0), "L/min": ("m3/s", 1e-3 / 60, 0),
    "l/min": ("m3/s", 1e-3 / 60, 0), "m3/h": ("m3/s", 1 / 3600, 0),
    "[cft_i]/s": ("m3/s", 0.028316846592, 0), "cfs": ("m3/s", 0.028316846592, 0),
    "K": ("Cel", 1, -273.15), "[degF]": ("Cel", 5 / 9, -160 / 9),
    "mS/cm": ("uS/cm", 1e3, 0), "S/m": ("uS/cm", 1e4, 0),
    "mS/m": ("uS/cm", 10, 0), "S/cm": ("uS/cm", 1e6, 0), "uS/m": ("uS/cm", 1e-2, 0),
    "pH": ("[pH]", 1, 0), "g/m3": ("mg/L", 1, 0), "mg/l": ("mg/L", 1, 0), "ug/L": ("mg/L", 1e-3, 0),
    "NTU": ("{NTU}", 1, 0), "[NTU]": ("{NTU}", 1, 0),
    "cm/s": ("m/s", 1e-2, 0), "mm/s": ("m/s", 1e-3, 0), "km/h": ("m/s", 1 / 3.6, 0),
    "m/s2": ("Gal", 100, 0), "mm/s2": ("Gal", 0.1, 0), "mGal": ("Gal", 1e-3, 0),
    "m[g]": ("Gal", 0.980665, 0), "[g]": ("Gal", 980.665, 0), "cm/s2": ("Gal", 1, 0),
    "mg": ("Gal", 0.980665, 0),
    "mA": ("A", 1e-3, 0), "kA": ("A", 1e3, 0), "mV": ("V", 1e-3, 0), "kV": ("V", 1e3, 0),
    "W": ("kW", 1e-3, 0), "MW": ("kW", 1e3, 0),
    "kW.s": ("kW.h", 1 / 3600, 0), "kJ": ("kW.h", 1 / 3600, 0), "J": ("kW.h", 1 / 3.6e6, 0),
    "kWh": ("kW.h", 1, 0), "W.h": ("kW.h", 1e-3, 0), "MW.h": ("kW.h", 1e3, 0),
    "Pa": ("bar", 1e-5, 0), "hPa": ("bar", 1e-3, 0), "kPa": ("bar", 1e-2, 0),
    "MPa": ("bar", 10, 0), "mbar": ("bar", 1e-3, 0), "dbar": ("bar", 0.1, 0),
    "atm": ("bar", 1.01325, 0), "[psi]": ("bar", 0.0689475729316836, 0),
    "rad": ("deg", 57.29577951308232, 0), "min": ("s", 60, 0), "ms": ("s", 1e-3, 0),
    "/s": ("/min", 60, 0), "Hz": ("/min", 60, 0), "{rpm}": ("/min", 1, 0), "rpm": ("/min", 1, 0),
    "/": ("%", 100, 0), "1": ("%", 100, 0),
}  # fmt: skip


def _to_base(unit: str) -> tuple[str, float, float]:
    return _LINEAR.get(unit, (unit, 1.0, 0.0))


def conversion(unit: str, to: str) -> tuple[float, float]:
    """Factor and offset such that value[to] = value[unit] * factor + offset.

    Raises BadMessage (`wrong unit`) where the two do not measure the same dimension.
    """
    if unit == to:
        return 1.0, 0.0
    base, factor, offset = _to_base(unit)
    to_base, to_factor, to_offset = _to_base(to)
    if base != to_base:
        raise BadMessage(Reason.WRONG_UNIT, f"{unit!r} can't be converted to {to!r}")
    return factor / to_factor, (offset - to_offset) / to_factor


def quantity(name: str) -> Quantity:
    """The quantity of this name. Raises BadMessage (`unknown quantity`)."""
    try:
        return QUANTITIES[name]
    except KeyError:
        raise BadMessage(Reason.UNKNOWN_QUANTITY, repr(name)[:80]) from None
