"""Which devices send without numbers: kept with the commit, and no more once all have numbers."""

from __future__ import annotations

import psycopg
import pytest

from records.readings import empty
from records.times import DAY, HOUR
from store import commits, numbering, registry
from store.connection import Database
from store.numbering import Unnumbered
from store.readings import Commit

T0 = 472_222 * HOUR


def heard(db: Database, *devices: Unnumbered) -> None:
    commits.commit(db, Commit(0, T0, "senml/1", "qc/1", empty(), unnumbered=devices))


def numbers(db: Database) -> list[tuple[str, int]]:
    known = registry.load(db).device_number
    return sorted(known.items(), key=lambda item: item[1])


def test_the_newest_hours_are_kept_in_whatever_order_they_come(enrolled: Database) -> None:
    (_, one), (_, two), *_ = numbers(enrolled)
    heard(enrolled, Unnumbered(two, T0, T0), Unnumbered(one, T0 + HOUR))
    heard(enrolled, Unnumbered(one, T0, T0 + HOUR))
    heard(enrolled, Unnumbered(two, T0 + HOUR), Unnumbered(one, T0))
    assert numbering.load(enrolled) == [
        Unnumbered(one, T0 + HOUR, T0 + HOUR),
        Unnumbered(two, T0 + HOUR, T0),
    ]


@pytest.mark.promise("R1")
def test_a_device_is_best_effort_until_a_day_of_numbers_alone(enrolled: Database) -> None:
    (first, one), (second, two), *_ = numbers(enrolled)
    assert numbering.best_effort(enrolled) == frozenset()
    heard(enrolled, Unnumbered(one, T0), Unnumbered(two, T0, T0 + DAY))
    assert numbering.best_effort(enrolled) == {first, second}
    heard(enrolled, Unnumbered(two, T0, T0 + DAY + HOUR))
    assert numbering.best_effort(enrolled) == {first}
    heard(enrolled, Unnumbered(two, T0 + DAY + HOUR))
    assert numbering.best_effort(enrolled) == {first, second}


def test_a_commit_that_fails_leaves_no_mark(enrolled: Database) -> None:
    known = Unnumbered(numbers(enrolled)[0][1], T0)
    nobody = Unnumbered(999, T0)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        heard(enrolled, known, nobody)
    assert numbering.load(enrolled) == []
