from __future__ import annotations

import pytest

from records.errors import BadMessage, Reason
from records.quantities import QUANTITIES, conversion, quantity


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (4.82, "[ft_i]", "m", 1.469136),
        (150.0, "cm", "m", 1.5),
        (300.0, "K", "Cel", 26.85),
        (212.0, "[degF]", "Cel", 100.0),
        (100.0, "Cel", "[degF]", 212.0),
        (449.0, "[cft_i]/s", "m3/s", 12.714264119808),
        (60.0, "L/min", "m3/s", 0.001),
        (1.0, "[g]", "Gal", 980.665),
        (1.0, "m[g]", "Gal", 0.980665),
        (1.0, "mm/s2", "Gal", 0.1),
        (1.0, "[ft_i]3/s", "L/s", 28.316846592),
        (1.0, "m3/d", "L/h", 1000 / 24),
        (1.0, "[gal_us]/min", "mL/min", 3785.411784),
        (1.0, "mS/m", "uS/cm", 10.0),
        (1.0, "atm", "Pa", 101325.0),
        (1.0, "um", "mm", 1e-3),
        (0.1, "MPa", "bar", 1.0),
        (50.0, "Hz", "/min", 3000.0),
        (1.0, "m", "mm", 1000.0),
    ],
)
def test_units_of_one_dimension_are_converted(
    value: float, unit: str, to: str, expected: float
) -> None:
    factor, offset = conversion(unit, to)
    assert value * factor + offset == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("unit", "to"), [("m", "s"), ("Cel", "m"), ("furlong", "m"), ("", "m")])
def test_units_of_other_dimensions_are_refused(unit: str, to: str) -> None:
    with pytest.raises(BadMessage) as caught:
        conversion(unit, to)
    assert caught.value.reason is Reason.WRONG_UNIT


def test_an_unknown_quantity_is_refused() -> None:
    with pytest.raises(BadMessage) as caught:
        quantity("happiness")
    assert caught.value.reason is Reason.UNKNOWN_QUANTITY


def test_every_quantity_converts_to_itself_and_has_a_range() -> None:
    for each in QUANTITIES.values():
        assert conversion(each.unit, each.unit) == (1.0, 0.0)
        assert each.low < each.high
