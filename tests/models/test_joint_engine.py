"""Joint detectors behind the engine: the same scores as `detect`, and silence clears nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import binding, joint_checks
from models.binding import bind
from models.detect import joint_table
from models.detectors.flood_forecast import FloodForecast
from models.engine import Engine
from models.joint import Recording
from models.joint_sources import FEW, UNSEEN
from models.runner import Runner
from models.series_file import Column, SeriesFile
from models.sources import SILENT
from records.errors import InputError
from records.levels import Flag, Level
from records.network import DetectorChoice, Device, Lab, Network, Series, Station
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import HOUR, SECOND, text
from store.directory import Registry

MANY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SPAN = slice(0, 3 * 760)
GIVEN = joint_checks.recording(seed=6).take(SPAN)
FIT_UNTIL = text(int(GIVEN.measured_at[3 * 600]))
PARAMS: dict[str, Any] = {
    "target": "down",
    "threshold": 160.0,
    "horizon_s": 10800.0,
    "fit_until": FIT_UNTIL,
    "trees": 10,
}
START = int(GIVEN.measured_at[0]) - HOUR


def network(*choices: DetectorChoice, simulated: str = "") -> Network:
    """The stage below in centimetres, the one above in metres, and rain; a device each."""
    units = {"down": ("stage", "cm"), "rain": ("rain", "mm"), "up": ("stage", "m")}
    return Network(
        lab=(Lab(id="lab"),),
        station=tuple(Station(id=f"{n}-place", lab="lab", lat=36, lon=74) for n in units),
        device=tuple(Device(id=n, station=f"{n}-place", simulated=n == simulated) for n in units),
        series=tuple(
            Series(
                id=n,
                station=f"{n}-place",
                device=n,
                quantity=quantity,
                unit=unit,
                interval_s=3600.0,
                late_after_s=7200.0,
            )
            for n, (quantity, unit) in units.items()
        ),
        detector=choices or (DetectorChoice(name="flood-forecast", params=PARAMS),),
    )


REGISTRY = Registry.of(network())


def batch(recording: Recording, received_at: NDArray[np.int64]) -> ReadingBatch:
    """What arrives, values in the units of the registry."""
    count = len(recording.place)
    numbers = np.array([REGISTRY.series_number[w.id] for w in recording.watched], np.int32)
    factor = np.array([100.0 if w.id == "down" else 1.0 for w in recording.watched])
    return ReadingBatch(
        numbers[recording.place],
        recording.measured_at,
        received_at,
        recording.value * factor[recording.place],
        np.full(count, Flag.GOOD, np.uint8),
        np.zeros(count, np.uint16),
        np.zeros(count, np.bool_),
    )


ARRIVALS = batch(GIVEN, GIVEN.measured_at)


def scores_of(cuts: list[float], arrivals: ReadingBatch) -> list[tuple[int, str, str]]:
    """(time, score, level) of each moment that an engine judged, resumed after each cut."""
    judged: list[tuple[int, str, str]] = []
    advance = Runner.judge

    def watched(self: Runner, through_at: int) -> Any:
        times, outcome = advance(self, through_at)
        for at, score, level in zip(
            times.tolist(), outcome.score.tolist(), outcome.level.tolist(), strict=True
        ):
            judged.append((at, "" if score != score else repr(score), Level(level).word))
        return times, outcome

    first, last = START, int(arrivals.received_at.max()) + HOUR
    engine = Engine(REGISTRY, started_at=START)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "judge", watched)
        for now_at in sorted({first + int(c * (last - first)) for c in cuts} | {last}):
            due = (arrivals.received_at > first) & (arrivals.received_at <= now_at)
            chunk = arrivals.take(due)
            shuffled = np.random.default_rng(len(chunk)).permutation(len(chunk))
            engine.advance(chunk.take(shuffled), now_at)
            resumed = Engine(REGISTRY, started_at=last)
            assert resumed.load(engine.save()) == []
            assert resumed.save() == engine.save()
            engine, first = resumed, now_at
    return judged


def detected() -> list[tuple[int, str, str]]:
    """The same readings as `detect` scores them."""
    factors = {"down": 0.01, "rain": 1.0, "up": 1.0}
    columns = tuple(Column(w.id, w, factors[w.id], 0.0) for w in GIVEN.watched)
    metres = ARRIVALS.value * np.array([factors[w.id] for w in GIVEN.watched])[GIVEN.place]
    written_at = tuple(map(text, GIVEN.measured_at.tolist()))
    file = SeriesFile(columns, GIVEN.place, GIVEN.measured_at, written_at, metres)
    times = np.unique(GIVEN.measured_at).tolist()
    table = joint_table(FloodForecast(**PARAMS), file)
    return [(at, row[2], row[4]) for at, row in zip(times, table, strict=True)]


DETECTED = detected()


def test_the_recording_of_the_properties_warns() -> None:
    assert {level for _, _, level in DETECTED} >= {"green", "yellow", "orange"}
    assert sum(score != "" for _, score, _ in DETECTED) > 100


@pytest.mark.promise("R4")
@MANY
@given(cuts=st.lists(st.floats(0, 1), max_size=4))
def test_live_replay_and_detect_give_the_same_scores_to_the_last_bit(cuts: list[float]) -> None:
    assert scores_of(cuts, ARRIVALS) == DETECTED


@pytest.mark.promise("R4")
@MANY
@given(seed=st.integers(0, 1000), cuts=st.lists(st.floats(0, 1), max_size=4))
def test_messages_of_one_moment_may_come_apart(seed: int, cuts: list[float]) -> None:
    """Each device sends its value of a moment a few seconds sooner or later."""
    late = np.random.default_rng(seed).integers(0, 15 * SECOND, len(ARRIVALS))
    later = batch(GIVEN, GIVEN.measured_at + late)
    assert scores_of(cuts, later) == DETECTED


@pytest.mark.promise("R4")
@MANY
@given(seed=st.integers(0, 1000), cuts=st.lists(st.floats(0, 1), max_size=4))
def test_any_batches_of_disordered_arrivals_give_the_same(seed: int, cuts: list[float]) -> None:
    random = np.random.default_rng(seed)
    late = random.choice([0, 5, 30, 7000], len(ARRIVALS)) * SECOND
    other = batch(GIVEN, GIVEN.measured_at + late)
    assert scores_of(cuts, other) == scores_of([], other)


def said(silent: dict[str, tuple[int, int]], until: int = 760) -> list[HazardWarning]:
    """Warnings where series are silent in these ranges of rows."""
    kept = np.ones(len(ARRIVALS), np.bool_)
    hour = np.arange(len(ARRIVALS)) // 3
    for name, (first, end) in silent.items():
        place = [w.id for w in GIVEN.watched].index(name)
        kept &= ~((GIVEN.place == place) & (hour >= first) & (hour < end))
    kept &= hour < until
    engine = Engine(REGISTRY, started_at=START)
    return engine.advance(ARRIVALS.take(kept), int(ARRIVALS.measured_at[3 * until - 1]))


def hour_of(warning: HazardWarning) -> int:
    return int(np.searchsorted(np.unique(GIVEN.measured_at), warning.decided_at, side="right")) - 1


WHOLE = said({})
# The first orange, and the end of it.
RISES = next(i for i, w in enumerate(WHOLE) if w.level >= Level.ORANGE)
FALLS = next(i for i, w in enumerate(WHOLE) if i > RISES and w.level < Level.ORANGE)


def test_a_warning_of_a_joint_detector_says_everything_that_people_need() -> None:
    first = WHOLE[RISES]
    assert (first.source, first.area) == ("flood-forecast/down/1.6/10800", "lab")
    assert (first.stations, first.simulated) == (("down-place",), False)
    assert first.reason.values["threshold"] == 1.6
    assert first.reason.values["unit"] == "m"
    assert first.decided_at in GIVEN.measured_at


@pytest.mark.promise("R5")
def test_an_input_that_falls_silent_in_a_warning_does_not_end_it() -> None:
    rise, fall = hour_of(WHOLE[RISES]), hour_of(WHOLE[FALLS])
    end = fall + 40
    quiet = said({"up": (rise + 1, end)}, until=end)
    after = [w for w in quiet if hour_of(w) > rise + 3]
    assert all(w.level == Level.GREY or w.level >= WHOLE[RISES].level for w in after)
    assert UNSEEN in {w.reason.text for w in after}
    assert quiet[-1].level == Level.GREY


@pytest.mark.promise("R5")
def test_it_is_over_once_all_inputs_are_seen_again() -> None:
    rise, fall = hour_of(WHOLE[RISES]), hour_of(WHOLE[FALLS])
    quiet = said({"up": (rise + 1, fall + 40)}, until=fall + 80)
    back = [w for w in quiet if hour_of(w) >= fall + 40]
    assert back[0].level > Level.GREY
    assert hour_of(back[0]) == fall + 40


@pytest.mark.promise("R5")
@pytest.mark.parametrize(
    ("silent", "why"), [(("down",), SILENT), (("rain", "up"), FEW), (("up",), None)]
)
def test_without_its_target_or_most_inputs_it_is_blind(
    silent: tuple[str, ...], why: str | None
) -> None:
    rise = hour_of(WHOLE[RISES])
    quiet = said(dict.fromkeys(silent, (rise - 25, rise - 2)), until=rise - 2)
    while_silent = [(w.level, w.reason.text) for w in quiet if hour_of(w) >= rise - 25]
    assert while_silent == ([(Level.GREY, why)] if why else [])


def test_real_and_simulated_series_are_not_judged_together() -> None:
    with pytest.raises(InputError, match="real and simulated"):
        bind(network(simulated="up"))


def test_two_thresholds_of_one_target_are_two_sources_but_not_the_same_twice() -> None:
    one = DetectorChoice(name="flood-forecast", params=PARAMS)
    other = DetectorChoice(name="flood-forecast", params={**PARAMS, "threshold": 250.0})
    names = [binding.joint_source(b.detector, b.watched) for b in bind(network(one, other))]  # type: ignore[arg-type]
    assert names == ["flood-forecast/down/1.6/10800", "flood-forecast/down/2.5/10800"]
    with pytest.raises(InputError, match="chosen twice"):
        bind(network(one, one))


@pytest.mark.parametrize(
    ("params", "series", "problem"),
    [
        ({}, (), "needs the parameters target and threshold"),
        ({"target": "down"}, (), "needs the parameters target and threshold"),
        ({**PARAMS, "target": "sea"}, (), "'sea' is not among the series"),
        (PARAMS, ("up", "rain"), "'down' is not among the series .there are: rain, up."),
    ],
)
def test_a_choice_that_can_not_be_run_is_refused_at_the_start(
    params: dict[str, Any], series: tuple[str, ...], problem: str
) -> None:
    choice = DetectorChoice(name="flood-forecast", params=params, series=series)
    with pytest.raises(InputError, match=problem):
        bind(network(choice))
