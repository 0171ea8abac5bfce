"""`hoshyar why`: what every detector made of a station at a moment, from a real store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoshyar.cli import main
from models.engine import Engine
from records.clock import ScenarioClock
from records.network import DetectorChoice, Device, Lab, Network, Series, Station, Thresholds
from records.readings import ReadingBatch, concatenate
from records.times import HOUR, MINUTE, SECOND, text
from store import readings, registry, warnings
from store.connection import Database, connect
from store.readings import Commit

START = 1_700_000_000 * SECOND
Run = Callable[..., Any]

NETWORK = Network(
    lab=(Lab(id="lab"),),
    station=tuple(
        Station(id=name, lab="lab", lat=16.9 + 0.2 * n, lon=-99.9 + 0.2 * n)
        for n, name in enumerate(("bridge", "ford", "hill", "ridge"))
    ),
    device=tuple(Device(id=name, station=name) for name in ("bridge", "ford", "hill", "ridge")),
    series=(
        *(
            Series(
                id=f"{name}-stage",
                station=name,
                device=name,
                quantity="stage",
                unit="m",
                interval_s=60.0,
                late_after_s=300.0,
                thresholds=Thresholds(yellow=1.0, orange=2.0, red=3.0),
            )
            for name in ("bridge", "ford")
        ),
        *(
            Series(
                id=f"{name}-z",
                station=name,
                device=name,
                point="z",
                quantity="acceleration",
                unit="Gal",
                interval_s=0.032,
            )
            for name in ("bridge", "hill", "ridge")
        ),
        Series(
            id="ford-air", station="ford", device="ford", quantity="air_temperature", unit="Cel"
        ),
    ),
    detector=(DetectorChoice(name="stage-limit"), DetectorChoice(name="earthquake")),
)
NUMBER = registry.Registry.of(NETWORK).series_number


def rows(
    series: str, at: Sequence[int], value: Sequence[float], *, late: bool = False
) -> ReadingBatch:
    count = len(at)
    measured_at = np.array(at, np.int64)
    return ReadingBatch(
        series=np.full(count, NUMBER[series], np.int32),
        measured_at=measured_at,
        received_at=measured_at + SECOND,
        value=np.array(value, np.float64),
        flag=np.ones(count, np.uint8),
        checks=np.zeros(count, np.uint16),
        late=np.full(count, late),
    )


def flood(minutes: int = 120) -> list[ReadingBatch]:
    """The stage at the bridge rises to 2.4 m and falls again; the ford stays at 0.5 m."""
    at = [START + n * MINUTE for n in range(1, minutes)]
    rising = [2.4 * np.sin(np.pi * n / minutes) for n in range(1, minutes)]
    return [rows("bridge-stage", at, rising), rows("ford-stage", at[:60], [0.5] * 60)]


def shaking(*shaken: str, at_s: float = 90.0) -> list[ReadingBatch]:
    """Two minutes of three accelerometers, of which some shake from `at_s` on."""
    step = np.arange(round(120 * 31.25)) / 31.25
    random = np.random.default_rng(1)
    found = []
    for name, late_s in (("bridge", 0.0), ("hill", 3.0), ("ridge", 6.0)):
        since_s = step - at_s - late_s
        shock = np.where(since_s > 0, 5.0 * np.exp(-np.fmax(since_s, 0) / 8), 0.0)
        value = random.normal(0, 0.05, len(step))
        if name in shaken:
            value += shock * np.sin(30.0 * step)
        found.append(rows(f"{name}-z", (START + np.rint(step * SECOND)).tolist(), value.tolist()))
    return found


def store(db: Database, batches: Sequence[ReadingBatch]) -> None:
    """Commit minute by minute, and say what the engine of the live path says."""
    every = concatenate(batches).by_arrival()
    engine = Engine(registry.load(db), started_at=START)
    minute = every.received_at // MINUTE
    for one in np.unique(minute).tolist():
        part = every.take(minute == one)
        now_at = int(part.received_at.max())
        commit = Commit(worker=0, received_at=now_at, decoder="test", rules="test", readings=part)
        readings.commit(db, commit)
        warnings.append(db, engine.advance(part, now_at))


@pytest.fixture
def db(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("HOSHYAR_DSN", dsn)
    monkeypatch.setenv("HOSHYAR_HOME", str(tmp_path))
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK, ScenarioClock(START))
        yield database


@pytest.fixture
def why(db: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`hoshyar why STATION TIME`: what it printed, or its error text."""

    def ran(*arguments: str, fails: int = 0, plain: bool = False) -> Any:
        as_json = [] if fails or plain else ["--json"]
        monkeypatch.setattr("sys.argv", ["hoshyar", "why", *arguments, *as_json])
        code = main()
        said = capsys.readouterr()
        assert code == fails, said.err
        return said.err if fails else said.out if plain else json.loads(said.out)

    return ran


def stand(found: dict[str, Any], series: str) -> dict[str, Any]:
    stands: list[dict[str, Any]] = found["stands"]
    [one] = [s for s in stands if s["series"] == series]
    return one


def test_why_it_warned_is_what_was_told_with_its_limit(db: Database, why: Run) -> None:
    store(db, flood())
    found = why("bridge", text(START + 60 * MINUTE + SECOND))
    gauge = stand(found, "bridge-stage")
    assert (gauge["detector"], gauge["level"], gauge["next_level"]) == (
        "stage-limit", "orange", "red",
    )  # fmt: skip
    assert gauge["distance"] == pytest.approx(gauge["limit"] - gauge["score"])
    [told] = [t for t in found["told"] if t["source"] == "stage-limit/bridge-stage"]
    assert told["level"] == "orange"
    assert told in found["says"]
    assert found["exact"]


def test_why_it_did_not_warn_says_how_far_it_was_from_it(db: Database, why: Run) -> None:
    store(db, flood())
    gauge = stand(why("ford", text(START + 30 * MINUTE)), "ford-stage")
    assert gauge["level"] == "green"
    assert gauge["distance"] > 0
    assert gauge["because"].endswith("below the limit of yellow")


def test_nothing_that_came_later_is_told(db: Database, why: Run) -> None:
    store(db, flood())
    before = why("bridge", text(START + 10 * MINUTE))
    assert stand(before, "bridge-stage")["level"] == "green"
    assert before["told"] == []
    [last] = [one for one in before["inputs"] if one["series"] == "bridge-stage"]
    assert last["measured_at"] == text(START + 9 * MINUTE)


def test_a_silent_series_and_one_that_nobody_watches_are_said(db: Database, why: Run) -> None:
    store(db, flood())
    found = why("ford", text(START + 100 * MINUTE))
    assert stand(found, "ford-stage")["level"] == "grey"
    assert stand(found, "ford-stage")["because"].startswith("silent")
    assert stand(found, "ford-air")["because"] == "no detector looks at this series"


def test_late_readings_are_counted_as_kept_out(db: Database, why: Run) -> None:
    at = [START + n * MINUTE for n in range(30)]
    store(db, [rows("ford-stage", at, [0.5] * 30), rows("bridge-stage", at, [2.5] * 30, late=True)])
    found = why("bridge", text(START + 30 * MINUTE))
    [gauge] = [one for one in found["inputs"] if one["series"] == "bridge-stage"]
    assert (gauge["readings"], gauge["late"], gauge["kept_out"]) == (30, 30, 30)
    assert stand(found, "bridge-stage")["because"] == "no reading has reached it"


def test_an_association_says_what_held_it_back(db: Database, why: Run) -> None:
    store(db, shaking("bridge", "hill"))
    found = why("ridge", text(START + 100 * SECOND))
    [quake] = [one for one in found["says"] if one["source"].startswith("earthquake/")]
    assert quake["level"] == "yellow"
    assert quake["stations"] == ["bridge", "hill"]
    assert 0 < quake["score"] < quake["evidence"]["limit"]
    assert stand(found, "ridge-z")["level"] == "green"
    assert stand(why("hill", text(START + 100 * SECOND)), "hill-z")["level"] == "orange"


def test_fewer_hours_than_there_are_is_said_to_be_inexact(db: Database, why: Run) -> None:
    store(db, flood())
    found = why("bridge", text(START + 60 * MINUTE), "--hours", "0.25")
    assert not found["exact"]
    assert stand(found, "bridge-stage")["level"] == "orange"
    assert "computed from what arrived since" in why(
        "bridge", text(START + 60 * MINUTE), "--hours", "0.25", plain=True
    )


def test_what_is_not_there_is_one_line_and_an_exit_code(db: Database, why: Run) -> None:
    assert "there is no station 'moon' (there are: bridge, ford" in why("moon", "now", fails=2)
    assert "TIME" in why("bridge", "yesterday", fails=2)
    assert why("bridge", text(START - HOUR))["told"] == []
