"""The register of trained models: who let which of them warn, and how they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hoshyar.access import opened
from hoshyar.system import read_settings
from models import keys, learned, promotion, tenths
from records import times
from records.clock import WallClock
from records.errors import HoshyarError, InputError, SettingsError
from records.settings import Secret
from records.times import DAY
from store import jobs, trained, watched
from store.connection import Database
from store.trained import Model

Found = dict[str, Any]


def promote(data: Path | None, label: str, person: str, note: str, despite: Sequence[str]) -> Found:
    """Propose a version, or confirm what somebody else proposed: then it is live.

    despite  words of objections that this person overrules. Raises InputError with all others.
    """
    for word in set(despite) - promotion.OVERRULED:
        can = " and ".join(sorted(promotion.OVERRULED))
        raise InputError(f"--despite {word!r}: only {can} can be overruled")
    if not person.strip():
        raise InputError("--person: say who does it")
    settings, _ = read_settings(data)
    now_at = WallClock().now()
    with opened(data) as db, db.transaction():
        trained.take_turn(db)
        model = trained.find(db, label)
        if model.state == "live":
            raise InputError(f"{model.label} is live already")
        learned.opened(trained.artefact(db, model.number), keys.model_key(settings))
        live = trained.live(db, model.name)
        key = keys.model_key(settings)
        found = _objections(db, model, live if live and usable(db, live, key) else None, now_at)
        standing = [o for o in found if o.final or o.word not in despite]
        if standing:
            raise InputError("; ".join(_said(model, o) for o in standing))
        first = promotion.proposer(trained.steps(db, model.number))
        overruled = ", ".join(sorted(o.word for o in found))
        note = f"{note} (despite {overruled})".strip() if overruled else note
        if first is None:
            trained.say(db, model.number, "proposed", person, note, now_at)
        elif first.strip().casefold() == person.strip().casefold():
            raise InputError(f"{person} has proposed {model.label}: somebody else must confirm it")
        else:
            trained.promote(db, model, person, note, now_at)
        return about(trained.find(db, model.label))


def roll_back(data: Path | None, name: str, person: str, note: str) -> Found:
    """The version before the live one is live again; without one, the detector learns by itself."""
    now_at = WallClock().now()
    with opened(data) as db:
        before = trained.roll_back(db, name, person, note, now_at)
    return {"name": name, "live": before.label if before else None}


def retire(data: Path | None, label: str, person: str, note: str) -> Found:
    """A version in shadow is scored no more."""
    with opened(data) as db:
        model = trained.find(db, label)
        trained.retire(db, model, person, note, WallClock().now())
        return about(trained.find(db, model.label))


def listed(data: Path | None) -> list[Found]:
    """Every version with its last backtest, who did what, and what it was seen to do lately."""
    settings, _ = read_settings(data)
    key = keys.model_key(settings)
    now_at = WallClock().now()
    with opened(data) as db:
        return [
            {
                **about(model),
                "refused": _refused(trained.artefact(db, model.number), key),
                "trained_on": {
                    "from": times.text(model.origin.from_at),
                    "until": times.text(model.origin.until_at),
                    "as_of": times.text(model.origin.as_of),
                    "readings": model.origin.readings,
                    "series": list(model.origin.series),
                },
                "steps": [
                    {"at": times.text(s.at), "step": s.step, "person": s.person, "note": s.note}
                    for s in trained.steps(db, model.number)
                ],
                "backtest": next(
                    (b.result for b in reversed(trained.backtests(db, model.number))), None
                ),
                "last_days": _watch(db, model, now_at),
            }
            for model in trained.all(db)
        ]


def worked(data: Path | None) -> list[Found]:
    """Runs of training and evaluation, the newest first."""
    with opened(data) as db:
        return [
            {
                "number": job.number, "task": job.task, "model": job.model, "person": job.person,
                "began_at": times.text(job.began_at), "state": job.state, "share": job.share,
                "detail": job.detail,
            }
            for job in jobs.newest(db, WallClock().now())
        ]  # fmt: skip


def _objections(
    db: Database, model: Model, live: Model | None, now_at: int
) -> list[promotion.Objection]:
    seen = watched.since(db, model.number, 0)
    return promotion.objections(
        trained.backtests(db, model.number),
        trained.backtests(db, live.number) if live else None,
        seen.scored if seen else 0,
        trained.steps(db, model.number)[0].at,
        now_at,
    )


def _said(model: Model, objection: promotion.Objection) -> str:
    way = "" if objection.final else f" (`--despite {objection.word}` overrules it)"
    return f"{model.label}: {objection.reason}{way}"


def _watch(db: Database, model: Model, now_at: int) -> Found | None:
    seen = watched.since(db, model.number, now_at // DAY - tenths.WATCHED_DAYS)
    if seen is None:
        return None
    drift = tenths.drift(seen.scores)
    return {
        "days": tenths.WATCHED_DAYS,
        "rows": seen.rows,
        "coverage": seen.scored / seen.rows if seen.rows else None,
        "warned": seen.warned,
        "drift": drift,
        "drifted": drift is not None and drift > tenths.MUCH,
    }


def _refused(data: bytes, key: Secret) -> str | None:
    try:
        learned.opened(data, key)
    except HoshyarError as error:
        return str(error)
    return None


def usable(db: Database, model: Model, key: Secret) -> learned.Learned | None:
    """The model; None for one that is refused, as all are after an upgrade of a library."""
    try:
        return learned.opened(trained.artefact(db, model.number), key)
    except SettingsError:
        return None


def about(model: Model) -> Found:
    """What every command says of a version."""
    return {
        "name": model.name,
        "version": model.version,
        "label": model.label,
        "state": model.state,
        "detector": model.detector,
        "params": model.params,
    }
