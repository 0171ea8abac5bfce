"""The long work of `hoshyar model`: training and judging on stored readings."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hoshyar.access import opened
from hoshyar.model_register import Found, about, usable
from hoshyar.system import read_settings
from models import backtest, keys, learned, training
from models.catalogue import detector_class
from models.detect import converted
from models.evaluation.spans import Rules, Span
from models.learned import Learned
from records import times
from records.clock import WallClock
from records.errors import InputError
from records.network import DetectorChoice
from records.readings import ReadingBatch
from records.settings import Secret
from records.table import Table
from records.times import DAY, SECOND
from store import asof, jobs, registry, trained
from store.connection import Database
from store.directory import Registry
from store.trained import Model

BUDGET_PER_YEAR = 12.0
_AHEAD_S = 7 * 86400.0


def train(
    data: Path | None,
    choice: DetectorChoice,
    texts: Mapping[str, str],
    window: tuple[str, str],
    as_of: str,
    person: str,
) -> Found:
    """Fit a detector on stored readings and keep the model in shadow. Raises InputError.

    choice  the detector with its series or stations; `texts` are its parameters as text
    window  from and until, RFC 3339; "" for as_of, which is now where it is ""
    """
    settings, _ = read_settings(data)
    now_at = WallClock().now()
    known_at = _moment(as_of, now_at)
    from_at, until_at = _moment(window[0], 0), _moment(window[1], known_at)
    params = converted(detector_class(choice.name), texts)
    with opened(data) as db:
        network = registry.load(db)
        choice = DetectorChoice(
            name=choice.name, series=choice.series, stations=choice.stations, params=params
        )
        binding = training.bound(network, choice)
        key = keys.made(settings)
        with _job(db, "train", choice.name, person) as say:
            say(0.0, "reading")
            ids = [one.id for one in binding.watched]
            rows = _read(db, network, ids, from_at, until_at, known_at)
            done = training.train(network, binding, rows, until_at, say)
            say(0.9, "sealing")
            recipe = learned.recipe(choice.name, params, ids, *map(times.text, (from_at, until_at)))
            model = trained.add(
                db, done.learned.name, choice.name, binding.detector.get_params(),
                trained.Origin(series=tuple(ids), from_at=from_at, until_at=until_at,
                               as_of=known_at, readings=len(rows), recipe=recipe),
                learned.sealed(done.learned, done.recording, recipe, key), person, now_at,
            )  # fmt: skip
    return about(model)


def evaluate(
    data: Path | None,
    label: str,
    window: tuple[str, str],
    as_of: str,
    person: str,
    budget_per_year: float = BUDGET_PER_YEAR,
    events: Path | None = None,
) -> Found:
    """Judge a version on readings after its training, beside nulls and the live version.

    events  CSV with begins_at, ends_at; without it the times at which the target was above the
            detector's threshold. Raises InputError, and ArtefactRefused for the version itself.
    """
    settings, _ = read_settings(data)
    now_at = WallClock().now()
    known_at = _moment(as_of, now_at)
    key = keys.model_key(settings)
    with opened(data) as db:
        network = registry.load(db)
        model = trained.find(db, label)
        live = trained.live(db, model.name)
        trained_until = max(m.origin.until_at for m in (model, live or model))
        first_at = _moment(window[0], trained_until)
        last_at = _moment(window[1], known_at)
        _need_unseen(first_at, [model, *([live] if live else [])])
        with _job(db, "evaluate", model.label, person) as say:
            say(0.0, "opening")
            one = learned.opened(trained.artefact(db, model.number), key)
            say(0.1, "reading")
            ids = [w.id for w in one.binding.watched]
            rows = _read(db, network, ids, model.origin.from_at, last_at, known_at)
            asked = _question(network, one, rows, first_at, last_at, budget_per_year, events)
            say(0.3, "scoring in order of arrival")
            return _judged(db, network, asked, model, one, live, key, person, now_at, say)


def evaluate_left_out(
    data: Path | None,
    label: str,
    window: tuple[str, str],
    as_of: str,
    person: str,
    budget_per_year: float = BUDGET_PER_YEAR,
    events: Path | None = None,
) -> Found:
    """How such a model does on each event after learning from all the rest; it is not kept.

    What is judged is the detector with its parameters, fitted anew for each event, over the whole
    time from the training's beginning. Raises InputError.
    """
    settings, _ = read_settings(data)
    known_at = _moment(as_of, WallClock().now())
    with opened(data) as db:
        network = registry.load(db)
        model = trained.find(db, label)
        first_at = _moment(window[0], model.origin.from_at)
        last_at = _moment(window[1], known_at)
        with _job(db, "evaluate", model.label, person) as say:
            one = learned.opened(trained.artefact(db, model.number), keys.model_key(settings))
            say(0.0, "reading")
            ids = [w.id for w in one.binding.watched]
            rows = _read(db, network, ids, first_at, last_at, known_at)
            asked = _question(network, one, rows, first_at, last_at, budget_per_year, events)
            say(0.1, f"fitting {len(asked.events)} times")
            recording = training.recorded(network, one.binding, rows)
            seen = backtest.left_out(one, recording, asked.events, 2 * asked.rules.ahead)
            result, _ = backtest.backtest(seen, asked)
    found = {"from": times.text(first_at), "until": times.text(last_at), **result}
    return {**about(model), "backtest": {"split": "leave-event-out", **found}}


def _judged(
    db: Database,
    network: Registry,
    asked: backtest.Question,
    model: Model,
    one: Learned,
    live: Model | None,
    key: Secret,
    person: str,
    now_at: int,
    say: training.Say,
) -> Found:
    run = uuid.uuid4()
    seen = backtest.arrived(one, network, asked.rows)
    result, judged = backtest.backtest(seen, asked)
    window = {"from": times.text(asked.first_at), "until": times.text(asked.last_at)}
    if live is not None and live.number != model.number:
        other = usable(db, live, key)
        if other is None:
            say(0.6, f"{live.label}, which is live, is refused and not compared")
        else:
            say(0.6, f"scoring {live.label}, which is live")
            theirs, theirs_judged = backtest.backtest(
                backtest.arrived(other, network, asked.rows), asked
            )
            trained.keep_backtest(db, run, live.number, {**window, **theirs}, person, now_at)
            less = backtest.compared(judged, theirs_judged, asked, seen.decided_at)
            result["less_live"] = {"live": live.label, **less}
    trained.keep_backtest(db, run, model.number, {**window, **result}, person, now_at)
    return {**about(model), "backtest": {**window, **result}}


def _question(
    network: Registry,
    one: Learned,
    rows: ReadingBatch,
    first_at: int,
    last_at: int,
    budget_per_year: float,
    events: Path | None,
) -> backtest.Question:
    params = one.detector.get_params()
    ahead = round((params.get("horizon_s") or _AHEAD_S) * SECOND)
    period = min(ahead, DAY)
    if events is not None:
        spans = spells = _events(events)
    elif params.get("threshold") is not None:
        recording = training.recorded(network, one.binding, rows)
        series = recording.series(recording.target(one.detector.target))
        spans = backtest.exceedances(one, *series, max(ahead, DAY))
        spells = backtest.exceedances(one, *series, 0)
    else:
        raise InputError(f"{one.detector.name} has no threshold: name what happened with --events")
    return backtest.Question(
        rows=rows,
        events=tuple(s for s in spans if first_at < s.begins_at <= last_at),
        past=tuple(s for s in spans if s.begins_at <= first_at),
        # A score that looks ahead is a chance.
        spells=tuple(spells) if "horizon_s" in params else None,
        # What is said in the last quarter of the horizon comes too late to be of use.
        rules=Rules(ahead=ahead, grace=-ahead // 4, period=period),
        budget_per_year=budget_per_year,
        first_at=first_at,
        last_at=last_at,
    )


def _events(path: Path) -> list[Span]:
    with Table(path, ("begins_at", "ends_at")) as table:
        begins, ends = table.columns["begins_at"], table.columns["ends_at"]
        return [Span("", times.parse(row[begins]), times.parse(row[ends])) for row in table]


def _need_unseen(first_at: int, models: Sequence[Model]) -> None:
    for model in models:
        if first_at < model.origin.until_at:
            raise InputError(
                f"{model.label} was trained on readings until"
                f" {times.text(model.origin.until_at)}: judge later ones"
            )


def _read(
    db: Database, known: Registry, ids: Sequence[str], from_at: int, until_at: int, as_of: int
) -> ReadingBatch:
    numbers = [known.series_number[one] for one in ids]
    return asof.between(db, numbers, from_at, until_at, as_of)


@contextmanager
def _job(db: Database, task: str, model: str, person: str) -> Iterator[training.Say]:
    """Progress for people and in the store; how it ended is kept whatever ends it."""
    number = jobs.begin(db, task, model, person, WallClock().now())
    reached = 0.0

    def say(share: float, detail: str) -> None:
        nonlocal reached
        reached = share
        print(f"hoshyar: {task}: {share:.0%} {detail}", file=sys.stderr)
        jobs.say(db, number, share, detail, WallClock().now())

    try:
        yield say
    except BaseException as error:
        text = str(error) or type(error).__name__
        jobs.say(db, number, reached, text, WallClock().now(), "failed")
        raise
    jobs.say(db, number, 1.0, "", WallClock().now(), "done")


def _moment(text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        return times.parse(text)
    except ValueError:
        raise InputError(f"{text!r} is no time: give it as 2026-01-31T00:00:00Z") from None
