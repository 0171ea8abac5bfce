from __future__ import annotations

from typing import Any

import msgspec
import pytest

from records.errors import BadMessage, InputError
from records.network import Network, Series

PLACE = {"id": "hut", "lab": "gilgit", "lat": 36.0, "lon": 74.0}
SERIES = {"id": "hut-stage", "station": "hut", "device": "d1", "quantity": "stage", "unit": "m"}


def described(**changes: Any) -> dict[str, Any]:
    network: dict[str, Any] = {
        "lab": [{"id": "gilgit"}],
        "station": [PLACE],
        "device": [{"id": "d1", "station": "hut"}],
        "series": [SERIES],
    }
    return network | changes


def test_a_network_survives_json() -> None:
    network = msgspec.convert(described(), Network)
    assert msgspec.json.decode(msgspec.json.encode(network), type=Network) == network


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"station": [PLACE | {"lab": "nowhere"}]}, "'nowhere'"),
        ({"station": [PLACE | {"area": "moon"}]}, "'moon'"),
        ({"series": [SERIES | {"device": "d2"}]}, "'d2'"),
        ({"series": [SERIES | {"quantity": "mood"}]}, "'mood'"),
        ({"series": [SERIES, SERIES]}, "twice"),
    ],
)
def test_what_is_not_described_is_named(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        msgspec.convert(described(**changes), Network)


def test_a_series_unit_must_measure_its_quantity() -> None:
    with pytest.raises(BadMessage, match="wrong unit"):
        msgspec.convert(described(series=[SERIES | {"unit": "Cel"}]), Network)


@pytest.mark.parametrize("name", ["", "Hut", "hut one", "-hut", "h" * 64, "hut\n"])
def test_ids_are_slugs(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(described(station=[PLACE | {"id": name}]), Network)


def test_a_series_is_blind_after_three_intervals_or_its_lateness() -> None:
    series = msgspec.convert(SERIES | {"interval_s": 900.0}, Series)
    assert series.blind_after_s() == 2700.0
    assert msgspec.convert(SERIES | {"interval_s": 1.0}, Series).blind_after_s() == 600.0
