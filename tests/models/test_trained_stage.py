"""The models stage with trained models in its store: whatever is refused, the live one goes on."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import msgspec
import pytest

from models.artefacts import libraries
from models.learned import sealed
from models.measures import Measures
from models.service import Follower
from models.training import Trained, bound, train
from records.clock import ScenarioClock
from records.levels import Level
from records.network import DetectorChoice, Network
from records.settings import Secret
from records.telemetry import Telemetry
from records.times import DAY, SECOND
from store import readings, registry, trained, warnings, watched
from store.connection import Database, connect
from store.readings import Commit
from store.trained import MOST_BYTES, Model, Origin
from tests.databases import as_stage
from tests.models.test_artefacts import ABOUT, GIVEN, signed
from tests.models.test_training import (
    CHOICE,
    DAYS,
    FIT_UNTIL,
    KEY,
    NETWORK,
    REGISTRY,
    START,
    valley,
)

NAME = "flood-forecast/lower-stage/1.65/14400"
RECIPE = "hoshyar model train flood-forecast --param target=lower-stage"
BEGIN = FIT_UNTIL - 8 * DAY


@pytest.fixture(scope="module")
def fitted() -> Trained:
    return train(REGISTRY, bound(REGISTRY, CHOICE), valley(), FIT_UNTIL, lambda *_: None)


@pytest.fixture(scope="module")
def good(fitted: Trained) -> bytes:
    return sealed(fitted.learned, fitted.recording, RECIPE, KEY)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    network = Network(
        lab=NETWORK.lab, station=NETWORK.station, device=NETWORK.device, series=NETWORK.series,
        detector=(DetectorChoice(name="stage-limit"),),
    )  # fmt: skip
    with connect(dsn, stage="test") as database:
        registry.enrol(database, network, ScenarioClock(BEGIN))
        yield database


def added(db: Database, artefact: bytes) -> Model:
    origin = Origin(series=("lower-stage",), from_at=0, until_at=FIT_UNTIL, as_of=FIT_UNTIL,
                    readings=1, recipe=RECIPE)  # fmt: skip
    return trained.add(db, NAME, "flood-forecast", {}, origin, artefact, "sara", BEGIN)


def live(db: Database, artefact: bytes) -> Model:
    model = added(db, artefact)
    trained.promote(db, model, "li", "", BEGIN)
    return model


def follow(dsn: str, db: Database, telemetry: Telemetry) -> Follower:
    """Store what came after the training, and let a stage follow it to its end."""
    rows = valley()
    rows = rows.take(rows.measured_at > BEGIN).by_arrival()
    commit = Commit(worker=0, received_at=int(rows.received_at.max()), decoder="t", rules="t",
                    readings=rows)  # fmt: skip
    readings.commit(db, commit)
    with connect(as_stage(dsn, "models"), stage="models") as stage:
        clock = ScenarioClock(START + DAYS * DAY)
        follower = Follower(
            stage, scenario=False, clock=clock, measures=Measures(telemetry), key=lambda: KEY
        )
        while follower.step():
            pass
        follower.save()
    return follower


def warned(db: Database) -> bool:
    """Whether the forecast reached orange."""
    said = [w for _, w in warnings.after(db, 0) if w.source == NAME]
    return any(w.level >= Level.ORANGE for w in said)


def flipped(good: bytes) -> bytes:
    changed = bytearray(good)
    changed[len(good) // 2] ^= 1
    return bytes(changed)


def unknown_type(_: bytes) -> bytes:
    from sklearn.linear_model import LinearRegression
    from skops import io as skops

    return signed({"part.skops": skops.dumps(LinearRegression().fit(GIVEN, GIVEN[:, 0]))})


def other_version(_: bytes) -> bytes:
    return signed({}, msgspec.structs.replace(
        ABOUT, libraries={**libraries(), "scikit-learn": "0.1"}
    ))  # fmt: skip


BAD: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a flipped byte": (flipped, "signature does not fit"),
    "an unknown type": (unknown_type, "LinearRegression"),
    "a pickle": (lambda _: pickle.dumps({"harmless": 1}), "a pickle, which is never opened"),
    "an oversized file": (lambda good: good + bytes(MOST_BYTES), f"at most {MOST_BYTES}"),
    "another version": (other_version, "scikit-learn 0.1"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_refused_leaves_the_live_model_at_work(
    what: str, dsn: str, db: Database, good: bytes
) -> None:
    make, reason = BAD[what]
    first = live(db, good)
    second = live(db, make(good))
    telemetry = Telemetry("models")
    follower = follow(dsn, db, telemetry)
    (complaint,) = follower.refused
    assert complaint.startswith(f"{second.label} is refused: ")
    assert reason in complaint
    assert complaint.endswith(f"; {first.label} goes on")
    assert "\n" not in complaint
    assert telemetry.registry.get_sample_value("hoshyar_models_refused") == 1
    assert warned(db)
    seen = watched.since(db, first.number, 0)
    assert seen is not None
    assert seen.scored > 1000


def test_the_stage_says_what_the_model_says_and_counts_it_once(
    dsn: str, db: Database, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.service._LOOK_S", 0.0)
    shadow, first = added(db, good), live(db, good)
    telemetry = Telemetry("models")
    follower = follow(dsn, db, telemetry)
    assert follower.refused == []
    assert warned(db)
    counts = [watched.since(db, model.number, 0) for model in (shadow, first)]
    assert counts[0] == counts[1]
    assert counts[0] is not None
    # A row an hour of the target, but the last one, which waits for its moment to close.
    hours = (START + DAYS * DAY - BEGIN) // (3600 * SECOND)
    assert hours - 3 <= counts[0].rows <= hours
    sample = telemetry.registry.get_sample_value
    assert sample("hoshyar_models_coverage", {"model": first.label}) == 1.0
    assert sample("hoshyar_models_drift", {"model": first.label}) is not None


def test_without_its_key_a_stage_goes_on_with_what_detectors_learn(
    dsn: str, db: Database, good: bytes
) -> None:
    model = live(db, good)
    with connect(as_stage(dsn, "models"), stage="models") as stage:
        follower = Follower(stage, scenario=False, clock=ScenarioClock(BEGIN))
    (complaint,) = follower.refused
    assert complaint.startswith(f"{model.label} is refused: there is no key")
    assert complaint.endswith("what the detector learns itself goes on")


def test_a_key_that_the_first_training_makes_is_known_to_a_stage_that_runs(
    dsn: str, db: Database, good: bytes
) -> None:
    key = Secret("")
    with connect(as_stage(dsn, "models"), stage="models") as stage:
        follower = Follower(stage, scenario=False, clock=ScenarioClock(BEGIN), key=lambda: key)
        follower.step()
        key = KEY
        live(db, good)
        follower.step()
    assert follower.refused == []
