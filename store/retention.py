"""What is let go: whole days of readings and packets that are older than somebody wants to keep.

What was found of their quality goes with them. Ledger, receipts, batches, and the roll-ups of hours
and days stay. A reading that arrives when its day is past keeping is stored and its receipt is
sent, as for any other; it is in no roll-up, and goes with the next turn that finds its partition
past keeping.
"""

from __future__ import annotations

from records.times import DAY, to_datetime
from store import quality, rollups
from store.connection import Database


def drop_before(db: Database, day: int) -> bool:
    """Drop days before `day` (since 1970); True when it must wait until they are summed."""
    if not rollups.have_summed(db, day):
        return True
    with db.transaction():
        db.run("UPDATE care SET dropped_before = greatest(dropped_before, %s)", (day,))
    db.flavour.drop_before(db, day)
    with db.transaction():
        db.run("DELETE FROM packed WHERE day < %s", (day,))
        past = (to_datetime(day * DAY),)
        db.run("DELETE FROM revision WHERE measured_at < %s", past)
        for packets in ("waveform", "waveform_revision"):
            db.run(f"DELETE FROM {packets} WHERE end_at < %s", past)
        rollups.drop_minutes_before(db, day)
        quality.forget_before(db, day * DAY)
    return False
