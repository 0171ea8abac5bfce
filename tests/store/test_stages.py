"""Signs of life, progress of the followers, and the scenario's clock."""

from __future__ import annotations

import pytest

from store import clock, connection, stages
from store.connection import Database

T0 = 1_700_000_000_000_000


def test_the_last_beat_of_each_stage_is_kept(db: Database) -> None:
    stages.beat(db, "models", 11, "starting", "", T0)
    stages.beat(db, "ingest", 12, "running", "3 devices", T0 + 1)
    stages.beat(db, "models", 13, "running", "a\0b", T0 + 2)
    assert stages.all(db) == [
        stages.Stage("ingest", 12, "running", "3 devices", T0 + 1),
        stages.Stage("models", 13, "running", "a\ufffdb", T0 + 2),
    ]


def test_progress_comes_back_as_it_was_saved_last(db: Database) -> None:
    assert stages.progress(db, "models") is None
    stages.save_progress(db, "models", T0, {"0": 3}, b"first")
    stages.save_progress(db, "models", T0 + 1, {"0": 4, "7": 1}, b"\0second")
    assert stages.progress(db, "models") == stages.Progress(T0 + 1, {"0": 4, "7": 1}, b"\0second")


def test_progress_of_a_transaction_that_fails_is_not_saved(db: Database) -> None:
    stages.save_progress(db, "models", T0, {}, b"")

    def fail() -> None:
        with db.transaction():
            stages.save_progress(db, "models", T0 + 1, {}, b"")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stages.progress(db, "models") == stages.Progress(T0, {}, b"")


def test_the_scenario_clock_is_null_until_a_replay_sets_it(db: Database) -> None:
    assert clock.scenario(db) is None
    clock.set_scenario(db, T0 + 7)
    assert clock.scenario(db) == T0 + 7


def test_what_is_said_while_the_listener_asks_something_else_is_not_missed(
    dsn: str, db: Database
) -> None:
    with connection.connect(dsn, stage="listener") as listener:
        listener.listen("clock")
        clock.set_scenario(db, T0)
        assert clock.scenario(listener) == T0
        assert clock.scenario(listener) == T0
        assert listener.wait(5.0)


def test_a_listener_is_woken_once_for_what_was_said(dsn: str, db: Database) -> None:
    with connection.connect(dsn, stage="listener") as listener:
        listener.listen("clock", "progress")
        clock.set_scenario(db, T0)
        assert listener.wait(5.0)
        assert not listener.wait(0.01)
        stages.save_progress(db, "models", T0, {}, b"")
        assert listener.wait(5.0)
