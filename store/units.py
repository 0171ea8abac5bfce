"""UCUM units as UDUNITS spells them, which is what the CF convention asks of `units`."""

from __future__ import annotations

_UDUNITS = {
    "Cel": "degree_Celsius", "K": "K", "[degF]": "degree_Fahrenheit",
    "m3/s": "m3 s-1", "L/s": "L s-1", "l/s": "L s-1", "L/min": "L min-1", "l/min": "L min-1",
    "m3/h": "m3 h-1", "[cft_i]/s": "ft3 s-1", "cfs": "ft3 s-1",
    "[ft_i]": "ft", "ft": "ft", "[in_i]": "in", "in": "in",
    "m/s": "m s-1", "cm/s": "cm s-1", "mm/s": "mm s-1", "km/h": "km h-1",
    "uS/cm": "uS cm-1", "mS/cm": "mS cm-1", "S/m": "S m-1", "uS/m": "uS m-1",
    "mg/L": "mg L-1", "mg/l": "mg L-1", "ug/L": "ug L-1", "g/m3": "g m-3",
    "[pH]": "1", "pH": "1", "{NTU}": "1", "NTU": "1", "[NTU]": "1",
    "[g]": "standard_free_fall", "mg": "millistandard_free_fall", "Gal": "cm s-2",
    "m/s2": "m s-2", "cm/s2": "cm s-2",
    "[psi]": "psi", "mbar": "mbar", "deg": "degree", "rad": "radian",
    "kW.h": "kW h", "W.h": "W h", "MW.h": "MW h", "kW.s": "kW s",
    "%": "percent", "/": "1", "/min": "min-1", "/s": "s-1", "{rpm}": "min-1", "rpm": "min-1",
}  # fmt: skip


def udunits(unit: str) -> str:
    """The UDUNITS text of a UCUM unit; where both spell it alike, the unit itself."""
    return _UDUNITS.get(unit, unit)
