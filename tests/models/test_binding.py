"""Which detector looks at which series."""

from __future__ import annotations

import pytest

from models.binding import bind
from models.catalogue import catalogue, describe
from records.errors import InputError, SettingsError
from records.network import DetectorChoice, Device, Lab, Network, Series, Station, Thresholds

LIMITS = Thresholds(yellow=1.0)


def network(*choices: DetectorChoice) -> Network:
    series = [
        ("a-stage", "a", "stage", LIMITS),
        ("b-stage", "b", "stage", Thresholds()),
        ("b-rain", "b", "rain", LIMITS),
    ]
    return Network(
        lab=(Lab(id="lab"),),
        station=tuple(Station(id=n, lab="lab", lat=36, lon=74) for n in ("a", "b")),
        device=tuple(Device(id=f"{n}-device", station=n) for n in ("a", "b")),
        series=tuple(
            Series(
                id=name,
                station=station,
                device=f"{station}-device",
                quantity=quantity,
                unit={"stage": "m", "rain": "mm"}[quantity],
                thresholds=thresholds,
            )
            for name, station, quantity, thresholds in series
        ),
        detector=choices,
    )


def bound(*choices: DetectorChoice) -> dict[str, list[str]]:
    return {b.detector.name: [w.id for w in b.watched] for b in bind(network(*choices))}


def test_without_choices_every_shipped_detector_takes_what_fits() -> None:
    found = bound()
    assert found["stage-limit"] == ["a-stage"]
    assert found["rate-of-rise"] == ["a-stage", "b-stage"]
    assert found["rain-threshold"] == ["b-rain"]
    experimental = {name for name, kind in catalogue().items() if kind.experimental}
    assert not experimental & found.keys()
    assert not {name for name, kind in catalogue().items() if not kind.quantities} & found.keys()


def test_choices_replace_the_default() -> None:
    assert bound(DetectorChoice(name="rate-of-rise", stations=("b",))) == {
        "rate-of-rise": ["b-stage"]
    }


def test_parameters_of_a_choice_reach_the_detector() -> None:
    (binding,) = bind(
        network(DetectorChoice(name="stage-limit", series=("b-stage",), params={"red": 3.0}))
    )
    assert binding.detector.get_params()["red"] == 3.0


def test_choices_with_the_same_parameters_share_a_bank() -> None:
    one = DetectorChoice(name="rate-of-rise", series=("b-stage",))
    other = DetectorChoice(name="rate-of-rise", series=("a-stage",))
    assert bound(one, other) == {"rate-of-rise": ["a-stage", "b-stage"]}


@pytest.mark.parametrize(
    ("choices", "error", "said"),
    [
        ([DetectorChoice(name="oracle")], SettingsError, "there is no detector 'oracle'"),
        (
            [DetectorChoice(name="stage-limit", params={"purple": 1})],
            SettingsError,
            "stage-limit has no parameter 'purple'",
        ),
        (
            [DetectorChoice(name="stage-limit", params={"needed": 5})],
            SettingsError,
            "stage-limit: needed must be from 1 to of",
        ),
        (
            [DetectorChoice(name="stage-limit", series=("c-stage",))],
            InputError,
            "names the unknown series 'c-stage'",
        ),
        (
            [DetectorChoice(name="stage-limit", stations=("c",))],
            InputError,
            "names the unknown station 'c'",
        ),
        (
            [DetectorChoice(name="stage-limit", series=("b-rain",))],
            InputError,
            "can't take the series 'b-rain'",
        ),
        (
            [
                DetectorChoice(name="rate-of-rise"),
                DetectorChoice(name="rate-of-rise", params={"budget_per_year": 2.0}),
            ],
            InputError,
            "chosen twice for series 'a-stage'",
        ),
    ],
)
def test_a_choice_that_makes_no_sense_is_one_clear_line(
    choices: list[DetectorChoice], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        bind(network(*choices))


def test_every_detector_is_described() -> None:
    for entry in describe():
        assert entry.keys() == {
            "name",
            "hazard",
            "quantities",
            "params",
            "cold_start_s",
            "experimental",
            "card",
        }
        assert isinstance(entry["cold_start_s"], float)
    assert [entry["name"] for entry in describe()] == list(catalogue())
