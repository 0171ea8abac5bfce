"""Long work on models that a person started: each run says in its row how far it has come."""

from __future__ import annotations

from datetime import datetime

from records.network import Record
from records.times import MINUTE, from_datetime, to_datetime
from store.connection import Database
from store.text import storable

# A run that has said nothing for so long (us) has ended without a word.
LOST_AFTER = 5 * MINUTE


class Job(Record, frozen=True):
    """One run; `share` of it is done (0 to 1), `detail` says what it does, or why it failed."""

    number: int
    task: str
    model: str
    person: str
    began_at: int
    beat_at: int
    state: str
    share: float
    detail: str


def begin(db: Database, task: str, model: str, person: str, now_at: int) -> int:
    """Returns the job's number."""
    ((number,),) = db.run(
        "INSERT INTO model_job (task, model, person, began_at, beat_at, state, share, detail)"
        " VALUES (%s, %s, %s, %s, %s, 'running', 0, '') RETURNING number",
        (task, model, person, to_datetime(now_at), to_datetime(now_at)),
    )
    return int(number)


def say(
    db: Database, number: int, share: float, detail: str, now_at: int, state: str = "running"
) -> None:
    db.run(
        "UPDATE model_job SET beat_at = %s, share = %s, detail = %s, state = %s WHERE number = %s",
        (to_datetime(now_at), share, storable(detail), state, number),
    )


def newest(db: Database, now_at: int, limit: int = 20) -> list[Job]:
    """The newest first; a running one that has been still for `LOST_AFTER` is `lost`."""
    rows = db.run(
        "SELECT number, task, model, person, began_at, beat_at, state, share, detail"
        " FROM model_job ORDER BY number DESC LIMIT %s",
        (limit,),
    )
    return [
        Job(
            number=number,
            task=task,
            model=model,
            person=person,
            began_at=from_datetime(began_at),
            beat_at=from_datetime(beat_at),
            state="lost" if state == "running" and _still(beat_at, now_at) else state,
            share=share,
            detail=detail,
        )
        for number, task, model, person, began_at, beat_at, state, share, detail in rows
    ]


def _still(beat_at: datetime, now_at: int) -> bool:
    return now_at - from_datetime(beat_at) > LOST_AFTER
