"""docs/quality.md says of every test what the code has: its bit, its parameters, when it judges."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from ingest import qartod
from ingest.qartod import Stretch, judge
from records.levels import Check
from records.rules import MOST_REPEATS, TESTS, Tests

PAGE = (Path(__file__).parent.parent / "docs" / "quality.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(\w+)` \((\d+)\) \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
ROWS = {found[1]: found.groups()[1:] for found in _ROW.finditer(PAGE)}
# What a value of a parameter is said to be, beside the parameters' names.
_VALUES = {"std", "range", "average", "differential", "interval_s"}


def _fields(name: str) -> set[str]:
    """The parameters of a test in the rules."""
    hint: Any = {field.name: field.type for field in msgspec.structs.fields(Tests)}[name]
    kinds = [one for one in get_args(hint) if one is not type(None)]
    record = next((inner for one in kinds for inner in get_args(one) if inner is not ...), kinds[0])
    return {field.name for field in msgspec.structs.fields(record)}


def test_the_page_has_every_test_with_its_bit_once() -> None:
    assert [(name, int(row[0])) for name, row in ROWS.items()] == sorted(
        ((check.name.lower(), int(check)) for check in Check), key=lambda one: one[1]
    )
    assert len(_ROW.findall(PAGE)) == len(Check)


@pytest.mark.parametrize("name", TESTS)
def test_the_page_has_the_parameters_of_each_rule(name: str) -> None:
    said = set(re.findall(r"`(\w+)`", ROWS[name][3])) - _VALUES
    assert said == _fields(name)


def test_tests_without_a_rule_have_no_parameters_on_the_page() -> None:
    without = {name for name, row in ROWS.items() if row[3] == "none"}
    assert without == set(ROWS) - set(TESTS)


def test_the_page_says_final_of_exactly_the_tests_that_judge_stored_series() -> None:
    none = np.empty(0, np.int64)
    judged = judge([Stretch(none, none, none.astype(np.float64), Tests())])
    said = {name for name, row in ROWS.items() if not row[2].startswith("the same: no")}
    assert said == {check.name.lower() for check in judged}


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    assert f"more than {qartod.AHEAD // 1_000_000} s after it arrived" in ROWS["clock"][1]
    assert f"`repeats` (2 to {MOST_REPEATS})" in ROWS["flat_line"][3]
