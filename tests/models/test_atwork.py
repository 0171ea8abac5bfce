"""Trained models in the live engine: live ones take the place of `fit`, a shadow is silent."""

from __future__ import annotations

import numpy as np
import pytest

from models.atwork import AtWork
from models.engine import Engine
from models.learned import Seen
from models.tenths import Tenths, drift
from models.training import Trained, bound, train
from records.levels import Level
from records.network import DetectorChoice, Network
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import DAY, HOUR
from store.directory import Registry
from tests.models.test_training import CHOICE, FIT_UNTIL, NETWORK, REGISTRY, valley

NAME = "flood-forecast/lower-stage/1.65/14400"
# Limits of another detector, so that a shadow has something to leave alone.
OTHER = DetectorChoice(name="rate-of-rise")


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(REGISTRY, bound(REGISTRY, CHOICE), valley(), FIT_UNTIL, lambda *_: None)


@pytest.fixture(scope="module")
def later() -> ReadingBatch:
    rows = valley()
    return rows.take(rows.measured_at > FIT_UNTIL - 8 * DAY).by_arrival()


def network(*choices: DetectorChoice) -> Registry:
    return Registry.of(
        Network(lab=NETWORK.lab, station=NETWORK.station, device=NETWORK.device,
                series=NETWORK.series, detector=choices or (OTHER,))
    )  # fmt: skip


def engine(registry: Registry, *models: AtWork) -> Engine:
    return Engine(registry, started_at=FIT_UNTIL - 8 * DAY, models=models)


def run(running: Engine, rows: ReadingBatch, pieces: int = 1) -> list[HazardWarning]:
    said = []
    for part in np.array_split(np.arange(len(rows)), pieces):
        piece = rows.take(part)
        said += running.advance(piece, int(piece.received_at.max()))
    return said


def of(said: list[HazardWarning], detector: str) -> list[tuple[int, Level, float | None]]:
    return [(w.decided_at, w.level, w.score) for w in said if w.detector == detector]


def test_a_live_model_warns_without_being_chosen(trained: Trained, later: ReadingBatch) -> None:
    said = run(engine(network(), AtWork(3, "m@1", True, trained.learned)), later)
    own = [w for w in said if w.detector == "flood-forecast"]
    assert {w.source for w in own} == {NAME}
    assert max(w.level for w in own) >= Level.ORANGE


def test_a_live_model_takes_the_place_of_what_was_chosen(
    trained: Trained, later: ReadingBatch
) -> None:
    live = AtWork(3, "m@1", True, trained.learned)
    alone = run(engine(network(OTHER), live), later)
    instead = run(engine(network(OTHER, CHOICE), live), later)
    assert instead == alone
    # By itself the detector has not seen enough here to be fitted.
    assert of(run(engine(network(OTHER, CHOICE)), later), "flood-forecast") == []


def test_a_shadow_is_counted_and_changes_nothing_that_is_said(
    trained: Trained, later: ReadingBatch
) -> None:
    plain = engine(network())
    with_shadow = engine(network(), AtWork(7, "m@2", False, trained.learned))
    assert run(with_shadow, later) == run(plain, later)
    assert plain.seen() == []
    found = with_shadow.seen()
    assert {one.model for one in found} == {7}
    target = later.series == REGISTRY.series_number["lower-stage"]
    assert sum(one.rows for one in found) == pytest.approx(target.sum(), abs=1)
    assert sum(one.scored for one in found) > 0.8 * target.sum()
    assert sum(sum(one.scores) for one in found) == sum(one.scored for one in found)
    assert sum(one.warned for one in found) > 0
    assert with_shadow.seen() == []


def test_counts_and_warnings_do_not_depend_on_how_rows_were_cut(
    trained: Trained, later: ReadingBatch
) -> None:
    models = [AtWork(1, "m@1", True, trained.learned), AtWork(2, "m@2", False, trained.learned)]
    whole, parts = engine(network(), *models), engine(network(), *models)
    assert run(whole, later) == run(parts, later, pieces=23)
    assert totals(whole.seen()) == totals(parts.seen())


def totals(found: list[Seen]) -> dict[tuple[int, int], list[int]]:
    kept: dict[tuple[int, int], list[int]] = {}
    for one in found:
        sums = kept.setdefault((one.model, one.day), [0] * 13)
        for place, value in enumerate((one.rows, one.scored, one.warned, *one.scores)):
            sums[place] += value
    # Which of several equal tenths a score counts to may differ; the sum of them may not.
    return {key: sums[:3] for key, sums in kept.items()}


def test_a_snapshot_resumes_with_its_models(trained: Trained, later: ReadingBatch) -> None:
    models = [AtWork(1, "m@1", True, trained.learned), AtWork(2, "m@2", False, trained.learned)]
    half = len(later) // 2
    first, second = later.take(slice(half)), later.take(slice(half, None))
    before = engine(network(), *models)
    run(before, first)
    again = engine(network(), *models)
    assert again.load(before.save()) == []
    assert again.save() == before.save()
    assert run(again, second) == run(before, second)
    assert again.save() == before.save()


def test_who_is_promoted_goes_on_from_its_shadow(trained: Trained, later: ReadingBatch) -> None:
    """No hour is blind, and scores are those of a model that had been live all the time."""
    one, two = trained.learned, trained.learned
    half = len(later) // 2
    first, second = later.take(slice(half)), later.take(slice(half, None))
    before = engine(network(), AtWork(1, "m@1", True, one), AtWork(2, "m@2", False, two))
    run(before, first)
    after = engine(network(), AtWork(2, "m@2", True, two))
    lost = after.load(before.save())
    assert lost == []
    always = engine(network(), AtWork(2, "m@2", True, two))
    run(always, first)
    assert run(after, second) == run(always, second)


def test_a_step_back_keeps_the_history(trained: Trained, later: ReadingBatch) -> None:
    half = len(later) // 2
    first, second = later.take(slice(half)), later.take(slice(half, None))
    before = engine(network(), AtWork(2, "m@2", True, trained.learned))
    run(before, first)
    after = engine(network(), AtWork(1, "m@1", True, trained.learned))
    assert after.load(before.save()) == []
    run(after, second)
    target = second.series == REGISTRY.series_number["lower-stage"]
    assert sum(one.scored for one in after.seen()) > 0.95 * target.sum()


def test_without_any_model_the_detector_begins_afresh_and_says_that_it_is_blind(
    trained: Trained, later: ReadingBatch
) -> None:
    before = engine(network(OTHER, CHOICE), AtWork(2, "m@2", True, trained.learned))
    warned = next(
        w.decided_at for w in run(before, later)
        if w.detector == "flood-forecast" and w.level >= Level.ORANGE
    )  # fmt: skip
    before = engine(network(OTHER, CHOICE), AtWork(2, "m@2", True, trained.learned))
    run(before, later.take(later.received_at <= warned))
    after = engine(network(OTHER, CHOICE))
    (lost,) = after.load(before.save())
    assert (lost.source, lost.level) == (NAME, Level.GREY)


def test_tenths_notice_that_scores_have_moved() -> None:
    rng = np.random.default_rng(0)
    trained_on = rng.normal(size=5000)
    tenths = Tenths.of(np.r_[trained_on, np.nan])
    same, moved = (tenths.count(rng.normal(loc, 1, 3000)).tolist() for loc in (0.0, 1.0))
    assert sum(same) == 3000
    unmoved, found = drift(same), drift(moved)
    assert unmoved is not None
    assert found is not None
    assert unmoved < 0.02
    assert found > 0.25
    assert drift([10] * 10) is None
    many_alike = Tenths.of(np.r_[np.zeros(800), np.ones(200)])
    counts = many_alike.count(np.r_[np.zeros(800), np.ones(200)])
    alike = drift(counts.tolist())
    assert alike is not None
    assert alike < 0.1
    with pytest.raises(ValueError, match="no row"):
        Tenths.of(np.full(3, np.nan))


def test_times_are_days_of_utc(trained: Trained, later: ReadingBatch) -> None:
    shadow = engine(network(), AtWork(7, "m@2", False, trained.learned))
    run(shadow, later.take(later.measured_at <= FIT_UNTIL - 6 * DAY - HOUR))
    assert {one.day for one in shadow.seen()} == {FIT_UNTIL // DAY - 8, FIT_UNTIL // DAY - 7}
