"""Quality rules: the ones that are shipped, whose word counts, and units."""

from __future__ import annotations

import msgspec
import pytest

from records.errors import InputError
from records.network import Series
from records.quantities import QUANTITIES
from records.rules import FlatLine, Gap, GrossRange, Limit, Season, Spike, Tests, parse, shipped


def series(unit: str = "m") -> Series:
    return Series(id="a.stage", station="a", device="d", quantity="stage", unit=unit)


def test_the_shipped_rules_fail_nothing_but_what_no_sensor_reads() -> None:
    for quantity in QUANTITIES.values():
        one = Series(id="x", station="a", device="d", quantity=quantity.name, unit=quantity.unit)
        tests = shipped().of(one)
        assert tests.gross_range == GrossRange(fail=(quantity.low, quantity.high))
        for rule in (tests.spike, tests.rate_of_change, tests.flat_line):
            assert getattr(rule, "fail", None) is None
            assert getattr(rule, "fail_s", None) is None


def test_a_series_says_more_than_its_station_and_that_more_than_the_quantity() -> None:
    rules = parse(
        """
        version = "1"
        [every]
        gap = { intervals = 4 }
        [quantity.stage]
        spike = { suspect = 8 }
        rate_of_change = { suspect = 2 }
        flat_line = { suspect_s = 60, tolerance = 0.1 }
        [station.a.stage]
        spike = { suspect = 4, method = "differential" }
        climatology = [{ month = [6, 8], hour = [0, 5], suspect = [0, 9] }]
        [series."a.stage"]
        rate_of_change = { suspect = 1, fail = 3 }
        off = ["flat_line"]
        """,
        "rules.toml",
    )
    assert rules.of(series()) == Tests(
        gross_range=GrossRange(fail=(-20, 6000)),
        climatology=(Season(month=(6, 8), hour=(0, 5), suspect=(0, 9)),),
        spike=Spike(suspect=4, method="differential"),
        rate_of_change=Limit(suspect=1, fail=3),
        gap=Gap(intervals=4),
    )
    as_json = msgspec.json.encode(rules).decode()
    assert parse(as_json, "rules.json") == rules


def test_rules_of_a_quantity_are_converted_and_those_of_a_series_are_not() -> None:
    rules = parse(
        """
        version = "1"
        [quantity.stage]
        gross_range = { fail = [-1, 2], suspect = [0, 1] }
        flat_line = { suspect_s = 60, tolerance = 0.5 }
        [series."a.stage"]
        spike = { suspect = 7 }
        """,
        "rules.toml",
    )
    tests = rules.of(series("cm"))
    assert tests.gross_range == GrossRange(fail=(-100, 200), suspect=(0, 100))
    assert tests.flat_line == FlatLine(suspect_s=60, tolerance=50)
    assert tests.spike == Spike(suspect=7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 1", "rules.toml: Expected `str`, got `int` - at `$.version`"),
        ('version = "1"\n[quantity.stge]\n', "the quantity 'stge', which there is not"),
        ('version = "1"\n[every]\nspike = { suspect = -1 }\n', "- at `$.every.spike.suspect`"),
        ("version", "rules.toml: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError) as found:
        parse(text, "rules.toml")
    assert said in str(found.value)
