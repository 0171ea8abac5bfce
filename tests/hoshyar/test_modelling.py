"""`hoshyar model`: from readings in the store to a model that two people let warn, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hoshyar import model_register
from hoshyar.cli import main
from models import promotion
from records.clock import ScenarioClock
from records.errors import InputError
from records.times import DAY, text
from store import readings, registry, trained, watched
from store.connection import Database, connect
from store.readings import Commit
from tests.flow.gauge import until
from tests.models.test_training import DAYS, FIT_UNTIL, NETWORK, START, valley

NAME = "flood-forecast/lower-stage/1.65/14400"
Run = Callable[..., Any]
# Somebody waits for their turn at the models.
WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def data(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with half a year of two gauges; `lower-stage` is the target."""
    monkeypatch.setenv("HOSHYAR_DSN", dsn)
    monkeypatch.setenv("HOSHYAR_HOME", str(tmp_path))
    with connect(dsn, stage="test") as db:
        registry.enrol(db, NETWORK, ScenarioClock(START))
        commit = Commit(worker=0, received_at=START + DAYS * DAY, decoder="test", rules="test",
                        readings=valley())  # fmt: skip
        readings.commit(db, commit)
    return tmp_path


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`hoshyar model ...` with --json: what it printed, or its error text."""

    def ran(*arguments: str, fails: int = 0) -> Any:
        given = ["hoshyar", "model", *arguments, *(["--json"] if not fails else [])]
        monkeypatch.setattr("sys.argv", given)
        code = main()
        said = capsys.readouterr()
        assert code == fails, said.err
        return said.err if fails else json.loads(said.out)

    return ran


def train(run: Run, trees: int = 10, until: int = FIT_UNTIL) -> Any:
    params = {"target": "lower-stage", "threshold": "165", "horizon_s": "14400", "trees": trees}
    given = [word for k, v in params.items() for word in ("--param", f"{k}={v}")]
    window = ("--from", text(START), "--until", text(until))
    stations = ("--station", "upper", "--station", "lower")
    return run("train", "flood-forecast", *given, *stations, *window, "--person", "sara")


def shadow(dsn: str, label: str) -> None:
    """As if it had been scored live for two days."""
    with connect(dsn, stage="test") as db:
        model = trained.find(db, label)
        watched.add(db, model.number, START // DAY, 100, 100, 1, [10] * 10)
        earlier = "UPDATE model_step SET at = at - interval '2 days' WHERE model = %s"
        db.run(earlier, (model.number,))


def test_from_readings_to_a_model_that_warns_and_back(run: Run, dsn: str, data: Path) -> None:
    first = train(run)
    assert (first["label"], first["state"]) == (f"{NAME}@1", "shadow")
    assert (data / "model.key").stat().st_mode & 0o777 == 0o600
    assert "no backtest" in run("promote", NAME, "--person", "li", fails=2)

    judged = run("evaluate", NAME, "--budget", "20")["backtest"]
    assert judged["events"] >= 5
    assert set(judged["nulls"]) == {"always_on", "time_of_day", "persistence"}
    assert judged["at_budget"]["csi"][0] > judged["nulls"]["time_of_day"]["csi"][0]

    said = run("promote", NAME, "--person", "li", fails=2)
    assert "--despite shadow" in said
    shadow(dsn, NAME)
    despite = ("--despite", "few-events")
    assert run("promote", NAME, "--person", "li", *despite)["state"] == "shadow"
    for same_person in ("li", " Li"):
        assert "somebody else" in run("promote", NAME, "--person", same_person, *despite, fails=2)
    assert "say who" in run("promote", NAME, "--person", " ", *despite, fails=2)
    said = run("promote", NAME, "--person", "sara", "--despite", "all", fails=2)
    assert "only few-events and shadow can be overruled" in said
    assert run("promote", NAME, "--person", "sara", *despite)["state"] == "live"

    same = train(run)
    run("evaluate", same["label"], "--budget", "20")
    shadow(dsn, same["label"])
    said = run("promote", same["label"], "--person", "li", "--despite", "few-events", fails=2)
    assert "not better than the live version" in said
    with connect(dsn, stage="test") as db:
        # A person of the database makes it live all the same: one command goes back.
        trained.promote(db, trained.find(db, same["label"]), "dba", "", START)
    assert run("rollback", NAME, "--person", "li")["live"] == f"{NAME}@1"
    assert run("rollback", NAME, "--person", "li")["live"] is None

    found = run("list")
    assert [one["state"] for one in found] == ["retired", "retired"]
    assert [step["step"] for step in found[0]["steps"]] == [
        "trained", "proposed", "promoted", "retired", "restored", "retired",
    ]  # fmt: skip
    assert found[0]["trained_on"]["until"] == text(FIT_UNTIL)
    assert found[0]["trained_on"]["readings"] == 2 * 100 * 24
    assert found[0]["refused"] is None
    assert [job["state"] for job in run("list", "--jobs")] == ["done"] * 4


def test_a_model_is_judged_only_on_what_it_has_not_seen(run: Run) -> None:
    label = train(run)["label"]
    said = run("evaluate", label, "--from", text(FIT_UNTIL - DAY), fails=2)
    assert "was trained on readings until" in said
    assert run("list", "--jobs")[0]["task"] == "train"


def test_a_score_that_is_no_chance_is_not_held_to_what_happened(run: Run, tmp_path: Path) -> None:
    stations = ("--station", "upper", "--station", "lower")
    window = ("--from", text(START), "--until", text(FIT_UNTIL))
    label = run("train", "plant-state", *stations, *window, "--person", "sara")["label"]
    events = tmp_path / "events.csv"
    events.write_text(
        f"\ufeffbegins_at,ends_at\n{text(FIT_UNTIL + DAY)},{text(FIT_UNTIL + 2 * DAY)}\n"
    )
    judged = run("evaluate", label, "--events", str(events))["backtest"]
    assert judged["events"] == 1
    assert "brier_skill" not in judged
    events.write_text("from,to\n")
    said = run("evaluate", label, "--events", str(events), fails=2)
    assert "has no column 'begins_at' in its first line (there is: 'from', 'to')" in said


def test_each_event_can_be_judged_by_what_the_rest_teaches(run: Run) -> None:
    label = train(run)["label"]
    found = run("evaluate", label, "--leave-event-out", "--budget", "20")["backtest"]
    held_back = run("evaluate", label, "--budget", "20")["backtest"]
    assert found["split"] == "leave-event-out"
    assert found["events"] > held_back["events"]
    assert found["at_budget"]["csi"][0] > found["nulls"]["time_of_day"]["csi"][0]
    assert found["scored"] > 0.9 * found["rows"] > 0.9 * DAYS * 23
    assert [one["backtest"]["from"] for one in run("list")] == [held_back["from"]]


def test_after_an_upgrade_the_live_one_is_refused_and_a_new_one_takes_its_place(
    run: Run, dsn: str
) -> None:
    old = train(run)["label"]
    with connect(dsn, stage="test") as db:
        trained.promote(db, trained.find(db, old), "dba", "", START)
        flip(db, old)
    new = train(run)["label"]
    assert "less_live" not in run("evaluate", new, "--budget", "20")["backtest"]
    despite = ("--despite", "few-events", "--despite", "shadow")
    run("promote", new, "--person", "li", *despite)
    assert run("promote", new, "--person", "sara", *despite)["state"] == "live"


def test_who_confirms_sees_what_was_done_while_they_waited(run: Run, dsn: str, data: Path) -> None:
    """Somebody retires a version at the moment at which somebody else confirms it."""
    label = train(run)["label"]
    run("evaluate", NAME, "--budget", "20")
    despite = ["few-events", "shadow"]
    model_register.promote(data, label, "li", "", despite)
    with connect(dsn, stage="test") as db, ThreadPoolExecutor(1) as pool:
        with db.transaction():
            trained.retire(db, trained.find(db, label), "dba", "", START)
            confirmed = pool.submit(model_register.promote, data, label, "sara", "", despite)
            until(lambda: bool(db.run(WAITS)), "the one who confirms")
        assert confirmed.result(30)["state"] == "retired"
        assert trained.live(db, NAME) is None


def test_what_was_made_live_meanwhile_is_not_retired(run: Run, dsn: str) -> None:
    label = train(run)["label"]
    with connect(dsn, stage="test") as db:
        seen = trained.find(db, label)
        trained.promote(db, seen, "dba", "", START)
        with pytest.raises(InputError, match="is live"):
            trained.retire(db, seen, "li", "", START)


def test_what_fails_says_so_in_one_line_and_in_its_job(run: Run) -> None:
    params = ("--param", "target=lower-stage", "--param", "threshold=165")
    stations = ("--station", "upper", "--station", "lower")
    window = ("--from", text(START), "--until", text(START + DAY))
    said = run("train", "flood-forecast", *params, *stations, *window, fails=2)
    assert said.splitlines()[-1].startswith("hoshyar: 48 readings are too few")
    (job,) = run("list", "--jobs")
    assert (job["state"], job["detail"].startswith("48 readings")) == ("failed", True)
    assert "is no time" in run("train", "flood-forecast", "--until", "soon", fails=2)
    assert "no model" in run("evaluate", "other", fails=2)


def test_a_changed_artefact_is_listed_as_refused_and_is_not_promoted(run: Run, dsn: str) -> None:
    label = train(run)["label"]
    with connect(dsn, stage="test") as db:
        flip(db, label)
    assert "signature does not fit" in run("list")[0]["refused"]
    assert "signature does not fit" in run("promote", label, "--person", "li", fails=2)
    assert "signature does not fit" in run("evaluate", label, fails=2)


def flip(db: Database, label: str) -> None:
    db.run(
        "UPDATE model SET artefact = set_byte(artefact, 5000, get_byte(artefact, 5000) # 1)"
        " WHERE number = %s",
        (trained.find(db, label).number,),
    )


def test_objections_are_named() -> None:
    found = promotion.objections([], None, 0, 0, 0)
    assert [(o.word, o.final) for o in found] == [("backtest", True)]
