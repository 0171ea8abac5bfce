"""`hoshyar quality`: an operator's rules apply from the moment they are imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoshyar.quality import import_rules, show
from records.clock import ScenarioClock
from records.errors import InputError
from records.network import Device, Lab, Network, Series, Station
from store import registry
from store.connection import connect

OWN = """
version = "valley-1"
[quantity.stage]
spike = { suspect = 2 }
[series."s"]
spike = { suspect = 30 }
"""


@pytest.fixture
def data(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSHYAR_DSN", dsn)
    network = Network(
        lab=(Lab(id="lab"),),
        station=(Station(id="here", lab="lab", lat=36, lon=74),),
        device=(Device(id="one", station="here"),),
        series=(Series(id="s", station="here", device="one", quantity="stage", unit="cm"),),
    )
    with connect(dsn, stage="test") as db:
        registry.enrol(db, network, ScenarioClock(0))
    return tmp_path


def test_what_is_shown_can_be_changed_and_imported(data: Path, dsn: str) -> None:
    shown = show(data, "", "")
    assert shown["version"] == "qartod-4"
    shown["version"] = "mine"
    file = data / "mine.json"
    file.write_text(json.dumps(shown))
    assert import_rules(file, data) == "mine applies from now on"
    assert import_rules(file, data) == "mine applies already"
    assert show(data, "", "") == shown
    with connect(dsn, stage="test") as db:
        assert registry.load(db).rules.version == "mine"
    assert show(data, "qartod-4", "")["version"] == "qartod-4"


def test_of_a_series_all_its_tests_are_shown_in_its_unit(data: Path) -> None:
    (data / "own.toml").write_text(OWN)
    import_rules(data / "own.toml", data)
    assert show(data, "", "s") == {
        "version": "valley-1",
        "series": "s",
        "unit": "cm",
        "gross_range": {"fail": [-2000, 600000], "suspect": None},
        "spike": {"suspect": 30, "fail": None, "method": "average"},
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[series.x]\n", "the series 'x', which is not enrolled"),
        ("[station.x.stage]\n", "the station 'x', which is not enrolled"),
        (
            "[every]\nneighbour = { series = ['y'], suspect = 1, within_s = 9 }\n",
            "'s' has the neighbour 'y', which is not enrolled",
        ),
    ],
)
def test_rules_for_what_is_not_enrolled_are_refused(data: Path, more: str, said: str) -> None:
    (data / "own.toml").write_text(f'version = "1"\n{more}')
    with pytest.raises(InputError, match=said):
        import_rules(data / "own.toml", data)


def test_a_version_has_one_content(data: Path) -> None:
    for content in (OWN, OWN.replace("valley-1", "valley-2"), OWN.replace("30", "40")):
        (data / "own.toml").write_text(content)
        if "40" in content:
            with pytest.raises(InputError, match="version 'valley-1' is taken"):
                import_rules(data / "own.toml", data)
        else:
            import_rules(data / "own.toml", data)
