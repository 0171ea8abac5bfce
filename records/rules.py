"""Quality rules as data: which limits each test has, by quantity, station and series.

A rule for a quantity holds for all its series; a station's replaces it test by test, a series' that
of its station. Rules of quantities and stations are in the quantity's own unit, those of a series
in the unit of the series. What each test means stands in docs/quality.md.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from records.errors import InputError
from records.network import Record, Series
from records.quantities import QUANTITIES, conversion

Span = tuple[float, float]
Positive = Annotated[float, Meta(gt=0)]
# How many rows of a series say everything that the live checks remember of it: half of them.
MOST_REPEATS = 120
TESTS = ("gross_range", "climatology", "spike", "rate_of_change", "flat_line", "attenuated_signal",
         "gap", "neighbour", "location")  # fmt: skip
TestName = Literal["gross_range", "climatology", "spike", "rate_of_change", "flat_line",
                   "attenuated_signal", "gap", "neighbour", "location"]  # fmt: skip


class GrossRange(Record, frozen=True):
    """Outside `fail` a value fails, outside `suspect` it is suspect; the ends are inside."""

    fail: Span
    suspect: Span | None = None


class Season(Record, frozen=True):
    """A span of values for a part of the year and of the day (UTC, both ends within).

    `month` 1 to 12, `dayofyear` 1 to 366, `hour` 0 to 23; all that are given must hold. A season
    over the turn of the year is written as two.
    """

    suspect: Span
    fail: Span | None = None
    month: tuple[int, int] | None = None
    dayofyear: tuple[int, int] | None = None
    hour: tuple[int, int] | None = None


class Limit(Record, frozen=True):
    """Above `suspect` it is suspect, above `fail` it fails."""

    suspect: Positive
    fail: Positive | None = None


class Spike(Record, frozen=True):
    """Distance from the mean of both neighbours, or the smaller of two opposite steps."""

    suspect: Positive
    fail: Positive | None = None
    method: Literal["average", "differential"] = "average"


class FlatLine(Record, frozen=True):
    """So many seconds within less than `tolerance`; live, that many equal values in a row."""

    suspect_s: Positive
    tolerance: Positive
    fail_s: Positive | None = None
    repeats: Annotated[int, Meta(ge=2, le=MOST_REPEATS)] | None = None


class Attenuated(Record, frozen=True):
    """Standard deviation or range over the last `period_s` that is below a limit."""

    suspect: Positive
    period_s: Annotated[int, Meta(ge=1)]
    fail: Positive | None = None
    min_obs: Annotated[int, Meta(ge=1)] = 2
    kind: Literal["std", "range"] = "std"


class Gap(Record, frozen=True):
    """More than `fail_s` since the reading before, or than so many sampling intervals."""

    fail_s: Positive | None = None
    intervals: Positive = 3.0


class Neighbour(Record, frozen=True):
    """Distance from the median of the other series' nearest readings within `within_s`."""

    series: Annotated[tuple[str, ...], Meta(min_length=1)]
    suspect: Positive
    within_s: Positive
    fail: Positive | None = None
    least: Annotated[int, Meta(ge=1)] = 1


class Location(Record, frozen=True):
    """The device says that it is farther from the series' station than so many metres."""

    suspect_m: Positive


class Tests(Record, frozen=True):
    """The limits of each test; None: the test does not apply, or is said further up."""

    gross_range: GrossRange | None = None
    climatology: tuple[Season, ...] | None = None
    spike: Spike | None = None
    rate_of_change: Limit | None = None
    flat_line: FlatLine | None = None
    attenuated_signal: Attenuated | None = None
    gap: Gap | None = None
    neighbour: Neighbour | None = None
    location: Location | None = None
    off: tuple[TestName, ...] = ()

    def over(self, wider: Tests) -> Tests:
        """These where they say something, else those of `wider`; `off` tests are left out."""
        own = {name: getattr(self, name) for name in TESTS if getattr(self, name) is not None}
        return replace(wider, **own, **dict.fromkeys(self.off), off=())


class Rules(Record, frozen=True):
    """One version of the rules. `station` is by station id and quantity."""

    version: Annotated[str, Meta(min_length=1, max_length=80)]
    every: Tests = Tests()
    quantity: dict[str, Tests] = {}
    station: dict[str, dict[str, Tests]] = {}
    series: dict[str, Tests] = {}

    def __post_init__(self) -> None:
        for name in {*self.quantity, *(q for by in self.station.values() for q in by)}:
            if name not in QUANTITIES:
                raise InputError(f"the rules name the quantity {name!r}, which there is not")

    def of(self, series: Series) -> Tests:
        """What applies to a series, in its unit."""
        quantity = QUANTITIES[series.quantity]
        found = Tests(gross_range=GrossRange(fail=(quantity.low, quantity.high)))
        wider = (
            self.every,
            self.quantity.get(series.quantity, Tests()),
            self.station.get(series.station, {}).get(series.quantity, Tests()),
        )
        for tests in wider:
            found = tests.over(found)
        factor, offset = conversion(quantity.unit, series.unit)
        return self.series.get(series.id, Tests()).over(_converted(found, factor, offset))


def _converted(tests: Tests, factor: float, offset: float) -> Tests:
    if (factor, offset) == (1.0, 0.0):
        return tests

    def span(given: Span | None) -> Span | None:
        if given is None:
            return None
        low, high = sorted(end * factor + offset for end in given)
        return low, high

    def spans(rule: GrossRange | Season) -> dict[str, Span | None]:
        return {"fail": span(rule.fail), "suspect": span(rule.suspect)}

    changed: dict[str, object] = {}
    if tests.gross_range:
        changed["gross_range"] = replace(tests.gross_range, **spans(tests.gross_range))
    if tests.climatology:
        changed["climatology"] = tuple(replace(one, **spans(one)) for one in tests.climatology)
    for name in ("spike", "rate_of_change", "attenuated_signal", "neighbour"):
        if rule := getattr(tests, name):
            fail = None if rule.fail is None else rule.fail * abs(factor)
            changed[name] = replace(rule, suspect=rule.suspect * abs(factor), fail=fail)
    if tests.flat_line:
        tolerance = tests.flat_line.tolerance * abs(factor)
        changed["flat_line"] = replace(tests.flat_line, tolerance=tolerance)
    return replace(tests, **changed)


def parse(text: str, where: str) -> Rules:
    """Rules as TOML, or JSON where `where` ends so. Raises InputError that names it and the key."""
    try:
        said = msgspec.json.decode(text) if where.endswith(".json") else tomllib.loads(text)
        return msgspec.convert(said, Rules)
    except (tomllib.TOMLDecodeError, msgspec.DecodeError) as error:
        raise InputError(f"{where}: {error}") from None


def read(path: Path) -> Rules:
    """Rules from a file. Raises InputError."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read: {error}") from None


@cache
def shipped() -> Rules:
    """The rules that come with this program."""
    text = files("records").joinpath("rules.toml").read_text(encoding="utf-8")
    return parse(text, "rules.toml")
