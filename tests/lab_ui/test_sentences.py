"""Reasons in the reader's language: stations by name, values apart from the direction."""

from __future__ import annotations

import pytest

from lab_ui.sentences import sentence
from records.network import Network
from records.statements import Phrase
from store.registry import Registry

FALLEN = "The lake at {lake} has fallen by {drop} m and goes on falling."


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "The lake at Lake has fallen by 1.2 m and goes on falling."),
        ("zh", "Lake的湖水位已下降 1.2 m，并继续下降。"),
        (
            "ur",
            "\u2068Lake\u2069 پر جھیل \u2066\u20661.2\u2069 m\u2069 گر چکی ہے اور مسلسل گر رہی ہے۔",
        ),
    ],
)
def test_a_station_is_named_and_a_value_keeps_its_direction(
    network: Network, language: str, told: str
) -> None:
    said = Phrase(text=FALLEN, values={"lake": "lake", "drop": 1.2})
    assert sentence(said, Registry.of(network), language) == told


def test_several_stations_are_each_named(network: Network) -> None:
    said = Phrase(text="{stations}", values={"stations": "lake, bridge"})
    assert sentence(said, Registry.of(network), "en") == "Lake, Bridge"


def test_a_quantity_among_the_values_is_translated(network: Network) -> None:
    said = Phrase(text="{quantity} {value:.2f}", values={"quantity": "sea level", "value": -0.5})
    registry = Registry.of(network)
    assert sentence(said, registry, "zh") == "海平面 -0.50"
    assert sentence(said, registry, "ur") == "\u2068سطح سمندر\u2069 \u2066-0.50\u2069"
