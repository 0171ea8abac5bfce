"""A sound store has no findings; each way in which one can be unsound is told in one line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import psycopg
import pytest

from records.errors import Reason
from records.times import DAY
from store import check, rollups
from store.accounts import Finding
from store.connection import Database
from store.ledger import Settled
from store.readings import Committed, Quarantined
from store.retention import drop_before
from store.waveforms import Waveform
from tests.databases import with_sessions

T0 = 1_700_000_000_000_000
Store = Callable[..., Committed]


def fill(db: Database, store: Store) -> None:
    """Revised, late, repeated, packed and failed rows of two workers; waveforms; roll-ups."""
    bad = Quarantined(1, "t", b"\x00", Reason.UNDECODABLE, "no JSON", T0)
    store([(1, 0, 1.5), (2, 0, -0.0), (1, -86400 * 500, 3.0)], settled=(Settled(1, 7, ((0, 4),)),))
    store([(1, 0, 2.5), (3, 86400, 1e300), (3, 86401, 0.1)], 5, quarantined=(bad,))
    while rollups.roll_up(db, T0):
        pass
    while db.flavour.compact_before(db, T0 // DAY):
        pass
    store([(1, -86400 * 500 + 1, 4.0), (1, 7, 1.0), (1, 7, 2.0), (1, 7, 2.0)], 9, worker=1)
    for value in (1.0, 2.0):
        samples = np.full(20, value, np.float32)
        packet = Waveform(3, T0, T0 + 1, 100.0, samples, 1, 0, 0, late=False)
        store([], 10 + value, waveforms=(packet,))
    while rollups.roll_up(db, T0):
        pass


@pytest.fixture(params=[True, False])
def full(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.promise("R2")
def test_a_sound_store_has_no_findings(enrolled: Database, store: Store, full: bool) -> None:
    assert check.examine(enrolled, full=full) == []
    fill(enrolled, store)
    assert check.examine(enrolled, full=full) == []
    # What is not summed up yet is no fault.
    store([(1, 8, 2.0), (1, 0, 9.0)], 20)
    assert check.examine(enrolled, full=full) == []


def test_what_retention_took_is_not_missed(enrolled: Database, store: Store, full: bool) -> None:
    fill(enrolled, store)
    assert not drop_before(enrolled, T0 // DAY - 100)
    assert check.examine(enrolled, full=full) == []


@pytest.mark.promise("R2")
def test_a_lost_row_is_found(enrolled: Database, store: Store, full: bool) -> None:
    fill(enrolled, store)
    enrolled.run("DELETE FROM reading WHERE value = 0.1")
    said = "worker 0, batch 2: 2 rows and 0 packets are stored, it says 3 and 0"
    assert Finding("rows", said) in check.examine(enrolled, full=full)


_FAULTS = {
    "DELETE FROM batch WHERE worker = 0 AND number = 2": (
        "batches",
        "worker 0: 3 batches from 1 to 4 are stored, its last one is 4",
    ),
    "UPDATE worker SET stored = stored + 1 WHERE number = 1": (
        "totals",
        "worker 1: its totals are (3,1,1,0,0), those of its batches (2,1,1,0,0)",
    ),
    "UPDATE settled SET gone = '{[2,4)}'": (
        "ledger",
        "device 1, boot 7: sequences {[2,4)} are settled and gone at once",
    ),
    "UPDATE progress SET positions = '{\"0\": 99}'": (
        "followers",
        "rollups has come to 99 of 0, which has 4",
    ),
    "INSERT INTO progress VALUES ('alerts', now(), '{\"warning\": 3}', '')": (
        "followers",
        "alerts has come to 3 of warning, which has 0",
    ),
    "INSERT INTO reading SELECT measured_at + interval '1 s', received_at, value, batch, series,"
    " flag, checks, worker, late FROM reading WHERE batch = 2 AND worker = 0 AND value = 0.1": (
        "rows",
        "worker 0, batch 2: 4 rows and 0 packets are stored, it says 3 and 0",
    ),
    "UPDATE reading SET batch = 77 WHERE worker = 0 AND value = 0.1": (
        "rows",
        "table reading has rows of worker 0, batch 77: no such batch",
    ),
    "DELETE FROM revision WHERE worker = 1": (
        "rows",
        "worker 1, batch 1: 2 rows and 0 packets are stored, it says 3 and 0",
    ),
    "DELETE FROM waveform_revision": (
        "rows",
        "worker 0, batch 3: 0 rows and 0 packets are stored, it says 0 and 1",
    ),
    "UPDATE waveform SET samples = substr(samples, 1, 9)": (
        "waveforms",
        "table waveform, series 3, 2023-11-14T22:13:20Z: the packet is damaged",
    ),
    "UPDATE waveform SET end_at = end_at + interval '1 s'": (
        "waveforms",
        "table waveform, series 3, 2023-11-14T22:13:20Z: the packet is damaged",
    ),
    "UPDATE rollup SET low = -1 WHERE step_s = 3600 AND series = 3": (
        "roll-ups",
        "series 3, 2023-11-15: its hours are not those of its rows",
    ),
    "UPDATE rollup SET total = total * 1.0001 WHERE step_s = 86400 AND series = 3": (
        "roll-ups",
        "series 3, 2023-11-15: its days are not those of its rows",
    ),
    "DELETE FROM rollup WHERE series = 3": (
        "roll-ups",
        "series 3, 2023-11-15: its hours are not those of its rows",
    ),
    "INSERT INTO rollup VALUES (to_timestamp(0), 1, 1, 1, 60, 2, 1, 1, false),"
    " (to_timestamp(0), 1, 1, 1, 86400, 9, 1, 1, false)": (
        "series",
        "series 9 has data and is not in the registry",
    ),
    "UPDATE quarantine SET device = 9": (
        "quarantine",
        "message 1 in quarantine: its device 9 is not in the registry",
    ),
    "ALTER SEQUENCE quarantine_number_seq RESTART": (
        "numbering",
        "table quarantine has number 1, past None",
    ),
}


@pytest.mark.parametrize("kind", ["embedded"])
@pytest.mark.parametrize("fault", _FAULTS)
def test_what_does_not_fit_is_found(enrolled: Database, store: Store, fault: str) -> None:
    fill(enrolled, store)
    enrolled.run(fault)
    for full in (True, False):
        assert Finding(*_FAULTS[fault]) in check.examine(enrolled, full=full)


_PLAIN_FAULTS = {
    "UPDATE packed SET body = set_byte(body, 40, get_byte(body, 40) # 1)": (
        "packed days",
        "series 1, day 19175: a packed day is damaged: restore it from a backup",
    ),
    "UPDATE packed SET count = count + 1": (
        "packed days",
        "series 1, day 19175: its rows are not those that it says",
    ),
    "UPDATE care SET packed_before = -1000000": (
        "packed days",
        "series 1, day 19175: packed, but writers take days from -1000000 on as rows",
    ),
    "CREATE TABLE reading_20200101_20200102 (LIKE reading)": (
        "partitions",
        "table reading_20200101_20200102 is no partition of readings: attach it, or drop it",
    ),
    "ALTER TABLE reading_20231115_20231116 RENAME TO reading_20231117_20231118": (
        "partitions",
        "reading_20231117_20231118 covers other days than its name says",
    ),
    "ALTER TABLE deployment ADD CONSTRAINT odd CHECK (series > 0) NOT VALID": (
        "constraints",
        "constraint odd of table deployment is not validated",
    ),
}


@pytest.mark.parametrize("kind", ["embedded"])
@pytest.mark.parametrize("fault", _PLAIN_FAULTS)
def test_what_does_not_fit_in_the_layout_is_found(
    enrolled: Database, store: Store, fault: str
) -> None:
    fill(enrolled, store)
    while enrolled.flavour.compact_before(enrolled, T0 // DAY - 100):
        pass
    enrolled.run(fault)
    for full in (True, False):
        assert Finding(*_PLAIN_FAULTS[fault]) in check.examine(enrolled, full=full)


@with_sessions
def test_an_index_that_was_never_finished_is_found(enrolled: Database, store: Store) -> None:
    fill(enrolled, store)
    with pytest.raises(psycopg.errors.UniqueViolation):
        enrolled.run("CREATE UNIQUE INDEX CONCURRENTLY odd ON batch (worker)")
    said = "index odd of table batch is not valid: run REINDEX INDEX odd"
    assert check.examine(enrolled, full=False) == [Finding("indexes", said)]
