"""The figures of `hoshyar status`, from running totals."""

from __future__ import annotations

from collections.abc import Callable

from records.errors import Reason
from store.connection import Database
from store.figures import Figures, figures
from store.readings import Committed, Quarantined

T0 = 1_700_000_000_000_000


def test_an_empty_store_has_no_reading_to_be_old(db: Database) -> None:
    assert figures(db, T0) == Figures(0, 0.0, None, 0, 0)


def test_totals_rate_and_age_go_by_the_clock_that_is_given(
    db: Database, store: Callable[..., Committed]
) -> None:
    store([(1, 0, 1.0)], 0)
    store([(1, second, 2.0) for second in range(20)], 20, worker=1)
    bad = Quarantined(None, "t", b"", Reason.EMPTY_PAYLOAD, "", T0)
    store([], 30, quarantined=(bad,))
    now_at = T0 + 25_000_000
    assert figures(db, now_at) == Figures(20, 1.9, 5.0, 1, 0)
    assert figures(db, now_at + 60_000_000) == Figures(20, 0.0, 65.0, 1, 0)
