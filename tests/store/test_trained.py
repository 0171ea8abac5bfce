"""Versions of trained models, their states, and who did what with them."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from records.errors import InputError, StoreUnavailable
from store import jobs, registry, trained, watched
from store.connection import Database, connect
from store.jobs import LOST_AFTER, Job
from store.trained import Model, Origin, Step
from tests.databases import as_stage, with_sessions

T0 = 1_700_000_000_000_000
NAME = "flood-forecast/bridge.stage/2.5/14400"
ORIGIN = Origin(
    series=("bridge.stage", "rain"),
    from_at=T0 - 1000,
    until_at=T0 - 10,
    as_of=T0 - 1,
    readings=4242,
    recipe="hoshyar model train flood-forecast",
)


def added(db: Database, artefact: bytes = b"model", name: str = NAME) -> Model:
    return trained.add(db, name, "flood-forecast", {"t": 2.5}, ORIGIN, artefact, "sara", T0)


def states(db: Database) -> list[str]:
    return [model.state for model in trained.all(db)]


def test_a_new_version_is_in_shadow_and_keeps_its_bytes(db: Database) -> None:
    first, second = added(db, b"\0one"), added(db, b"two")
    assert (first.version, second.version) == (1, 2)
    assert first == Model(
        number=first.number, name=NAME, version=1, state="shadow", detector="flood-forecast",
        params={"t": 2.5}, origin=ORIGIN,
    )  # fmt: skip
    assert trained.artefact(db, first.number) == b"\0one"
    assert trained.steps(db, first.number) == [Step(at=T0, step="trained", person="sara", note="")]
    assert trained.all(db) == trained.at_work(db) == [first, second]
    assert trained.live(db, NAME) is None


def test_of_an_artefact_that_is_too_large_no_more_is_read_than_shows_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "MOST_BYTES", 3)
    assert trained.artefact(db, added(db, b"12345").number) == b"1234"


def test_a_label_names_a_version_or_the_newest(db: Database) -> None:
    first, second = added(db), added(db)
    assert trained.find(db, NAME) == second
    assert trained.find(db, first.label) == first
    for label in ("other", f"{NAME}@3", f"{NAME}@x"):
        with pytest.raises(InputError, match=f"names there are: {NAME}"):
            trained.find(db, label)


def test_one_version_of_a_name_is_live_and_the_stage_is_woken(db: Database) -> None:
    first, second, other = added(db), added(db), added(db, name="plant-state/hall")
    before = registry.version(db)
    trained.promote(db, first, "li", "n = 12", T0 + 1)
    trained.promote(db, second, "li", "", T0 + 2)
    assert states(db) == ["retired", "live", "shadow"]
    assert trained.at_work(db) == [trained.find(db, second.label), other]
    assert registry.version(db) > before
    assert [s.step for s in trained.steps(db, first.number)] == ["trained", "promoted", "retired"]
    with pytest.raises(psycopg.errors.UniqueViolation):
        db.run("UPDATE model SET state = 'live' WHERE number = %s", (first.number,))


def test_one_step_back_and_a_second_one(db: Database) -> None:
    first, second, third = added(db), added(db), added(db)
    for at, model in enumerate((first, second, third), 1):
        trained.promote(db, model, "li", "", T0 + at)
    back = trained.roll_back(db, NAME, "sara", "false alarms", T0 + 5)
    assert back is not None
    assert back.number == second.number
    assert states(db) == ["retired", "live", "retired"]
    again = trained.roll_back(db, NAME, "sara", "", T0 + 6)
    assert again is not None
    assert again.number == first.number
    assert trained.roll_back(db, NAME, "sara", "", T0 + 7) is None
    assert states(db) == ["retired"] * 3
    with pytest.raises(InputError, match="no version"):
        trained.roll_back(db, NAME, "sara", "", T0 + 8)


def test_a_live_version_is_not_retired_by_the_way(db: Database) -> None:
    first, second = added(db), added(db)
    trained.promote(db, first, "li", "", T0)
    with pytest.raises(InputError, match="is live"):
        trained.retire(db, trained.find(db, first.label), "li", "", T0)
    trained.retire(db, second, "li", "of no use", T0)
    assert states(db) == ["live", "retired"]


def test_backtests_are_kept_with_their_run(db: Database) -> None:
    model, run = added(db), uuid.uuid4()
    trained.keep_backtest(db, run, model.number, {"csi": 0.5}, "sara", T0)
    (kept,) = trained.backtests(db, model.number)
    assert (kept.run, kept.result, kept.person, kept.at) == (run, {"csi": 0.5}, "sara", T0)


def test_a_job_says_how_far_it_is_and_one_that_died_is_lost(db: Database) -> None:
    number = jobs.begin(db, "train", NAME, "sara", T0)
    jobs.say(db, number, 0.5, "fitting\0", T0 + 1)
    assert jobs.newest(db, T0 + 2) == [
        Job(number=number, task="train", model=NAME, person="sara", began_at=T0, beat_at=T0 + 1,
            state="running", share=0.5, detail="fitting\ufffd")
    ]  # fmt: skip
    assert jobs.newest(db, T0 + 2 + LOST_AFTER)[0].state == "lost"
    jobs.say(db, number, 1.0, "", T0 + 3, "done")
    assert jobs.newest(db, T0 + 2 * LOST_AFTER)[0].state == "done"


def test_what_a_model_does_on_live_readings_adds_up_by_day(db: Database) -> None:
    model = added(db)
    watched.add(db, model.number, 19_000, 10, 8, 1, [8, 0])
    watched.add(db, model.number, 19_000, 5, 5, 0, [2, 3])
    watched.add(db, model.number, 19_001, 1, 0, 0, [0, 0])
    assert watched.since(db, model.number, 19_000) == watched.Watch(16, 13, 1, (10, 3))
    assert watched.since(db, model.number, 19_001) == watched.Watch(1, 0, 0, (0, 0))
    assert watched.since(db, model.number, 19_002) is None


@pytest.mark.promise("R9")
@with_sessions
def test_the_models_stage_can_read_models_and_let_none_warn(dsn: str, db: Database) -> None:
    model = added(db)
    with connect(as_stage(dsn, "models"), stage="models") as stage:
        assert trained.artefact(stage, model.number) == b"model"
        watched.add(stage, model.number, 19_000, 1, 1, 0, [1])
        for forbidden in (
            lambda: trained.promote(stage, model, "models", "", T0),
            lambda: added(stage),
            lambda: trained.keep_backtest(stage, uuid.uuid4(), model.number, {}, "models", T0),
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, StoreUnavailable)):
                forbidden()
    with connect(as_stage(dsn, "operator"), stage="cli") as people:
        trained.promote(people, model, "li", "", T0)
        assert trained.live(people, NAME) is not None
