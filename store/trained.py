"""Trained models: versions under a name, their states and backtests, and who did what with them.

A name is the place that a model fills; at most one of its versions is live. Every change of state
is a row in `model_step`, and wakes the models stage as a change of the registry does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import msgspec

from records.errors import InputError
from records.network import Record
from records.times import from_datetime, to_datetime
from store.connection import Database

State = Literal["shadow", "live", "retired"]
MOST_BYTES = 64_000_000
# Any fixed number: who changes models takes turns.
_TURN = 0x6D6F6465


class Origin(Record, frozen=True):
    """What a model was trained on: readings measured from `from_at` until `until_at` (us)."""

    series: tuple[str, ...]
    from_at: int
    until_at: int
    as_of: int
    readings: int
    recipe: str


class Model(Record, frozen=True):
    """One version, without its artefact."""

    number: int
    name: str
    version: int
    state: State
    detector: str
    params: dict[str, Any]
    origin: Origin

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


class Step(Record, frozen=True):
    at: int
    step: str
    person: str
    note: str


class Backtest(Record, frozen=True):
    """One result; those of one `run` rest on the same readings, events and budget."""

    run: UUID
    at: int
    person: str
    result: dict[str, Any]


_COLUMNS = (
    "number, name, version, state, detector, params::text, series, from_at, until_at, as_of,"
    " readings, recipe"
)


def add(
    db: Database,
    name: str,
    detector: str,
    params: Mapping[str, Any],
    origin: Origin,
    artefact: bytes,
    person: str,
    now_at: int,
) -> Model:
    """A new version under this name, in shadow."""
    with db.transaction():
        take_turn(db)
        ((number,),) = db.run(
            "INSERT INTO model (name, version, detector, params, series, from_at, until_at, as_of,"
            " readings, recipe, artefact) VALUES (%s, (SELECT coalesce(max(version), 0) + 1 FROM"
            " model WHERE name = %s), %s, %s::json, %s, %s, %s, %s, %s, %s, %s) RETURNING number",
            (name, name, detector, msgspec.json.encode(params).decode(), list(origin.series),
             to_datetime(origin.from_at), to_datetime(origin.until_at), to_datetime(origin.as_of),
             origin.readings, origin.recipe, artefact),
        )  # fmt: skip
        say(db, number, "trained", person, "", now_at)
    return _models(db, "number = %s", number)[0]


def all(db: Database) -> list[Model]:  # noqa: A001 - read as trained.all
    """Every version, by name and version."""
    return _models(db, "%s", True)


def at_work(db: Database) -> list[Model]:
    """The live versions and those in shadow, by name and version."""
    return _models(db, "state <> %s", "retired")


def find(db: Database, label: str) -> Model:
    """`NAME@VERSION`, or the newest version of `NAME`. Raises InputError where there is none."""
    name, _, version = label.partition("@")
    found = _models(db, "name = %s", name)
    if version:
        found = [model for model in found if str(model.version) == version]
    if not found:
        known = ", ".join(sorted({model.name for model in all(db)})) or "none"
        raise InputError(f"there is no model {label!r} (names there are: {known})")
    return found[-1]


def live(db: Database, name: str) -> Model | None:
    """The version that warns now."""
    found = _models(db, "state = 'live' AND name = %s", name)
    return found[0] if found else None


def promoted_before(db: Database, model: Model) -> list[Model]:
    """Versions that were promoted before this one was, the last first: where a step back goes."""
    rows = db.run(
        "SELECT model FROM (SELECT s.model, max(s.number) AS last FROM model_step s"
        " JOIN model m ON m.number = s.model WHERE m.name = %s AND m.number <> %s"
        " AND s.step = 'promoted' AND s.number < (SELECT max(number) FROM model_step"
        " WHERE model = %s AND step = 'promoted') GROUP BY s.model) earlier ORDER BY last DESC",
        (model.name, model.number, model.number),
    )
    return [_models(db, "number = %s", number)[0] for (number,) in rows]


def artefact(db: Database, number: int) -> bytes:
    """The bytes that `add` was given; of more than MOST_BYTES one more, so that it is seen."""
    ((found,),) = db.run(
        "SELECT substring(artefact FOR %s) FROM model WHERE number = %s", (MOST_BYTES + 1, number)
    )
    return bytes(found)


def steps(db: Database, number: int) -> list[Step]:
    """What people did with a version, oldest first."""
    rows = db.run(
        "SELECT at, step, person, note FROM model_step WHERE model = %s ORDER BY number", (number,)
    )
    return [Step(at=from_datetime(r[0]), step=r[1], person=r[2], note=r[3]) for r in rows]


def say(db: Database, number: int, step: str, person: str, note: str, now_at: int) -> None:
    """Append a step, without a change of state."""
    db.run(
        "INSERT INTO model_step (model, at, step, person, note) VALUES (%s, %s, %s, %s, %s)",
        (number, to_datetime(now_at), step, person, note),
    )


def promote(db: Database, model: Model, person: str, note: str, now_at: int) -> None:
    """Let this version warn in place of the live one, which retires."""
    with db.transaction():
        take_turn(db)
        now_live = live(db, model.name)
        if now_live is not None:
            _turn(db, now_live, "retired", "retired", person, f"for {model.label}", now_at)
        _turn(db, model, "live", "promoted", person, note, now_at)


def roll_back(db: Database, name: str, person: str, note: str, now_at: int) -> Model | None:
    """The version that was live before the live one is live again; None where there was none.

    Raises InputError where no version is live.
    """
    with db.transaction():
        take_turn(db)
        now_live = live(db, name)
        if now_live is None:
            raise InputError(f"no version of {name!r} is live")
        before = next(iter(promoted_before(db, now_live)), None)
        _turn(db, now_live, "retired", "retired", person, note, now_at)
        if before is not None:
            _turn(db, before, "live", "restored", person, note, now_at)
    return before


def retire(db: Database, model: Model, person: str, note: str, now_at: int) -> None:
    """A version in shadow is scored no more. Raises InputError for a live one."""
    with db.transaction():
        take_turn(db)
        now_live = live(db, model.name)
        if now_live is not None and now_live.number == model.number:
            raise InputError(f"{model.label} is live: roll it back, or promote another version")
        _turn(db, model, "retired", "retired", person, note, now_at)


def keep_backtest(
    db: Database, run: UUID, number: int, result: Mapping[str, Any], person: str, now_at: int
) -> None:
    db.run(
        "INSERT INTO backtest (run, model, at, person, result) VALUES (%s, %s, %s, %s, %s::json)",
        (run, number, to_datetime(now_at), person, msgspec.json.encode(result).decode()),
    )


def backtests(db: Database, number: int) -> list[Backtest]:
    """Results of one version, oldest first."""
    rows = db.run(
        "SELECT run, at, person, result::text FROM backtest WHERE model = %s ORDER BY number",
        (number,),
    )
    return [
        Backtest(run=run, at=from_datetime(at), person=person, result=msgspec.json.decode(result))
        for run, at, person, result in rows
    ]


def _turn(
    db: Database, model: Model, state: State, step: str, person: str, note: str, now_at: int
) -> None:
    db.run("UPDATE model SET state = %s WHERE number = %s", (state, model.number))
    say(db, model.number, step, person, note, now_at)
    # The models stage reads the registry again, and the models with it.
    db.run("UPDATE registry SET version = version + 1")
    db.run("NOTIFY registry")


def take_turn(db: Database) -> None:
    """Nobody else changes the state of a model until this transaction ends."""
    db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))


def _models(db: Database, which: str, value: Any) -> list[Model]:
    rows = db.run(f"SELECT {_COLUMNS} FROM model WHERE {which} ORDER BY name, version", (value,))
    return [
        Model(
            number=number,
            name=name,
            version=version,
            state=state,
            detector=detector,
            params=msgspec.json.decode(params),
            origin=Origin(
                series=tuple(series),
                from_at=from_datetime(from_at),
                until_at=from_datetime(until_at),
                as_of=from_datetime(as_of),
                readings=readings,
                recipe=recipe,
            ),
        )
        for number, name, version, state, detector, params, series, from_at, until_at, as_of,
            readings, recipe in rows
    ]  # fmt: skip
