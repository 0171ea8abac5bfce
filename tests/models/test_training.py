"""A model is trained, sealed, opened and judged on readings it had not seen."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.artefacts import seal, unseal
from models.backtest import Question, arrived, backtest, exceedances
from models.evaluation.spans import Rules
from models.joint import Joint
from models.learned import Learned, opened, recipe, sealed
from models.runner import Runner
from models.training import Trained, bound, recorded, train
from records.errors import ArtefactRefused, InputError
from records.network import DetectorChoice, Device, Lab, Network, Series, Station
from records.readings import ReadingBatch, concatenate
from records.settings import Secret
from records.times import DAY, HOUR
from store.directory import Registry

KEY = Secret("k" * 43)
START = 18_000 * DAY
DAYS = 160
FIT_UNTIL = START + 100 * DAY
RULES = Rules(ahead=4 * HOUR, grace=-HOUR, period=4 * HOUR, block=10 * DAY)
NETWORK = Network(
    lab=(Lab(id="lab"),),
    station=tuple(Station(id=n, lab="lab", lat=36, lon=74) for n in ("upper", "lower")),
    device=tuple(Device(id=n, station=n, simulated=True) for n in ("upper", "lower")),
    series=tuple(
        Series(id=f"{n}-stage", station=n, device=n, quantity="stage", unit=unit, interval_s=3600)
        for n, unit in (("upper", "m"), ("lower", "cm"))
    ),
)
REGISTRY = Registry.of(NETWORK)
CHOICE = DetectorChoice(
    name="flood-forecast",
    stations=("upper", "lower"),
    params={"target": "lower-stage", "threshold": 165.0, "horizon_s": 14400.0, "trees": 20},
)


def valley(seed: int = 1) -> ReadingBatch:
    """Hourly stages; a wave takes three hours from the upper to the lower gauge. Lower in cm."""
    rng = np.random.default_rng(seed)
    hours = DAYS * 24
    rain = np.zeros(hours)
    rain[rng.choice(hours, DAYS // 4, replace=False)] = rng.gamma(2.0, 1.0, DAYS // 4)
    shape = np.exp(-np.arange(48) / 8.0)
    upper = 1.0 + 0.5 * np.convolve(rain, shape)[:hours] + 0.01 * rng.normal(size=hours)
    lower = 100 + 80 * np.r_[np.zeros(3), (upper - 1)[:-3]] + rng.normal(size=hours)
    at = START + np.arange(hours) * HOUR
    parts = [
        ReadingBatch(
            np.full(hours, REGISTRY.series_number[name], np.int32), at, at + HOUR // 60, value,
            np.ones(hours, np.uint8), np.zeros(hours, np.uint16), np.zeros(hours, np.bool_),
        )
        for name, value in (("upper-stage", upper), ("lower-stage", lower))
    ]  # fmt: skip
    return concatenate(parts)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(REGISTRY, bound(REGISTRY, CHOICE), valley(), FIT_UNTIL, lambda *_: None)


@pytest.fixture(scope="module")
def artefact(trained: Trained) -> bytes:
    return sealed(trained.learned, trained.recording, "hoshyar model train x", KEY)


def test_a_model_that_was_opened_gives_the_same_scores(trained: Trained, artefact: bytes) -> None:
    learned = opened(artefact, KEY)
    assert learned.name == trained.learned.name == "flood-forecast/lower-stage/1.65/14400"
    assert learned.binding.watched == trained.learned.binding.watched
    assert learned.tenths == trained.learned.tenths
    recording = recorded(REGISTRY, learned.binding, valley())

    def scores(model: Learned | None) -> NDArray[np.float64]:
        detector = trained.learned.detector
        if model is None:
            params = {**detector.get_params(), "fit_until": "2019-07-23T00:00:00Z"}
            runner = Runner(type(detector)(**params), learned.binding.watched)
        else:
            runner = Runner(model.detector, model.binding.watched, model.model)
        runner.add(recording.place, recording.measured_at, recording.value)
        times, outcome = runner.judge(int(recording.measured_at[-1]))
        return outcome.score[times > FIT_UNTIL]

    given, again = scores(trained.learned), scores(learned)
    assert np.array_equal(given, again, equal_nan=True)
    assert np.isfinite(given).mean() > 0.9


def test_what_scores_otherwise_than_where_it_was_trained_is_refused(
    trained: Trained, artefact: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(trained.learned.detector)
    judge = kind.judge

    def shifted(self: Joint, *given: object) -> object:
        judged = judge(self, *given)  # type: ignore[arg-type]
        return type(judged)(judged.score + 1e-3)

    monkeypatch.setattr(kind, "judge", shifted)
    with pytest.raises(ArtefactRefused, match=r"other scores.*train it again with `hoshyar model"):
        opened(artefact, KEY)


@pytest.mark.parametrize("part", ["golden-score", "part-0"])
def test_a_signed_model_that_lacks_a_part_is_refused(artefact: bytes, part: str) -> None:
    about, parts = unseal(artefact, KEY)
    del parts[part]
    with pytest.raises(ArtefactRefused, match=r"train it again with `hoshyar model train x`|built"):
        opened(seal(about, parts, KEY), KEY)


def test_a_model_of_another_version_of_its_detector_is_refused(
    trained: Trained, artefact: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(trained.learned.detector), "version", "next")
    with pytest.raises(ArtefactRefused, match=r"version .* of flood-forecast .*train it again"):
        opened(artefact, KEY)


def test_too_little_to_learn_from_and_nothing_to_learn_are_said() -> None:
    with pytest.raises(InputError, match="too few for flood-forecast"):
        train(REGISTRY, bound(REGISTRY, CHOICE), valley(), START + DAY, lambda *_: None)
    with pytest.raises(InputError, match="stage-limit is no detector of several series"):
        bound(REGISTRY, DetectorChoice(name="stage-limit"))


def question(trained: Trained, **changed: object) -> Question:
    rows = valley()
    recording = recorded(REGISTRY, trained.learned.binding, rows)
    at, value = recording.series(recording.target("lower-stage"))
    spans = exceedances(trained.learned, at, value, DAY)
    given = {
        "rows": rows,
        "events": tuple(s for s in spans if s.begins_at > FIT_UNTIL),
        "past": tuple(s for s in spans if s.begins_at <= FIT_UNTIL),
        "spells": tuple(exceedances(trained.learned, at, value, 0)),
        "rules": RULES,
        "budget_per_year": 12.0,
        "first_at": FIT_UNTIL,
        "last_at": START + DAYS * DAY,
        **changed,
    }
    return Question(**given)  # type: ignore[arg-type]


def test_a_backtest_stands_beside_its_nulls(trained: Trained) -> None:
    # Twelve a year are less than two false alarms in these 60 days: too few to set a limit by.
    asked = question(trained, budget_per_year=24.0)
    seen = arrived(trained.learned, REGISTRY, asked.rows)
    result, _ = backtest(seen, asked)
    msgspec.json.encode(result)
    assert result["events"] == len(asked.events) >= 5
    assert result["station_years"] == pytest.approx(60 / 365.25, rel=0.02)
    at_budget = result["at_budget"]
    assert at_budget["false"] <= 24.0 * result["station_years"]
    for null in ("always_on", "time_of_day", "persistence"):
        assert at_budget["csi"][0] > result["nulls"][null]["csi"][0]
    assert result["nulls"]["always_on"]["pod"][0] == 1.0
    assert result["brier_skill"]["persistence"][0] > 0.2
    assert result["precision_recall_area"] > result["precision_recall_area_of_chance"]
    assert 0 < at_budget["lead_s"][2] <= 4 * 3600


def test_a_reading_that_arrived_too_late_to_warn_is_not_seen(trained: Trained) -> None:
    asked = question(trained)
    rows = asked.rows
    upper = rows.series == REGISTRY.series_number["upper-stage"]
    delayed = ReadingBatch(
        rows.series, rows.measured_at, np.where(upper, rows.received_at + 6 * HOUR,
        rows.received_at), rows.value, rows.flag, rows.checks, upper,
    )  # fmt: skip
    whole = arrived(trained.learned, REGISTRY, rows)
    without = arrived(trained.learned, REGISTRY, delayed)
    only = arrived(trained.learned, REGISTRY, rows.take(~upper))
    assert np.array_equal(without.score, only.score, equal_nan=True)
    assert not np.array_equal(whole.score, without.score, equal_nan=True)


def test_decisions_are_made_when_readings_arrive(trained: Trained) -> None:
    rows = question(trained).rows
    slow = ReadingBatch(
        rows.series, rows.measured_at, rows.received_at + 2 * HOUR, rows.value, rows.flag,
        rows.checks, rows.late,
    )  # fmt: skip
    soon, later = (arrived(trained.learned, REGISTRY, one) for one in (rows, slow))
    assert np.array_equal(soon.score, later.score, equal_nan=True)
    assert np.array_equal(later.decided_at - soon.decided_at, np.full(len(soon.score), 2 * HOUR))


def test_the_recipe_is_a_command() -> None:
    said = recipe(
        "flood-forecast", {"target": "a b", "threshold": 2.5}, ("x",), "2020-01-01", "now"
    )
    assert said == (
        "hoshyar model train flood-forecast --series x --param 'target=a b' --param threshold=2.5"
        " --from 2020-01-01 --until now"
    )
