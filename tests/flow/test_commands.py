"""Commands that talk to a database: devices, quarantine, alerts, status, and a notebook's line."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import hoshyar
from alerts import memory
from alerts.follower import Follower
from records import times
from records.clock import ScenarioClock
from records.errors import InputError, Reason, SettingsError
from records.levels import Hazard, Level
from records.readings import ReadingBatch, empty
from records.statements import HazardWarning, Phrase
from store import incidents, readings, registry, warnings
from store.connection import connect
from store.numbering import Unnumbered
from tests.databases import as_stage
from tests.flow.running import environment

NETWORK = """
[[lab]]
id = "valley"
[[station]]
id = "bridge"
name = "Old bridge (simulated)"
lab = "valley"
lat = 36.3
lon = 74.6
[[device]]
id = "gauge"
station = "bridge"
[[series]]
id = "bridge-stage"
station = "bridge"
device = "gauge"
quantity = "stage"
unit = "m"
"""
AT = times.parse("2026-03-01T00:00:00Z")


def command(
    dsn: str, *arguments: str | Path, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hoshyar", *map(str, arguments)],
        env={
            **environment(),
            "HOSHYAR_DSN": as_stage(dsn, "operator"),
            "HOSHYAR_HOME": "/nonexistent/hoshyar",
        },
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def answer(dsn: str, *arguments: str | Path) -> list[dict[str, object]]:
    done = command(dsn, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.fixture
def enrolled(dsn: str, tmp_path: Path) -> str:
    file = tmp_path / "network.toml"
    file.write_text(NETWORK)
    done = command(dsn, "device", "add", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "enrolled 1 devices with 1 series\n"
    return dsn


def store(dsn: str, count: int) -> None:
    with closing(connect(dsn, stage="test")) as db:
        known = registry.load(db)
        at = AT + np.arange(count, dtype=np.int64) * times.MINUTE
        rows = ReadingBatch(
            np.full(count, known.series_number["bridge-stage"], np.int32),
            at,
            at,
            np.arange(count) / 10,
            np.ones(count, np.uint8),
            np.zeros(count, np.uint8),
            np.zeros(count, np.bool_),
        )
        bad = readings.Quarantined(
            known.device_number["gauge"], "hoshyar/v1/x", b"{", Reason.BAD_TOPIC, "x", AT
        )
        readings.commit(db, readings.Commit(0, AT, "test", "test", rows, (), (bad,)))


def test_a_detector_that_nobody_can_run_is_not_enrolled(enrolled: str) -> None:
    more = json.dumps({"detector": [{"name": "mood"}]})
    done = command(enrolled, "device", "add", "-", given=more)
    assert done.returncode == 2
    assert done.stderr.startswith("hoshyar: -: there is no detector 'mood' ")
    with closing(connect(enrolled, stage="test")) as db:
        assert registry.load(db).network.detector == ()


def test_devices_are_added_beside_others_listed_and_revoked(enrolled: str) -> None:
    more = json.dumps({"device": [{"id": "spare", "station": "bridge", "simulated": True}]})
    done = command(enrolled, "device", "add", "-", given=more)
    assert (done.returncode, done.stderr) == (0, "")
    gauge = {"id": "gauge", "station": "bridge", "lab": "valley"}
    spare = gauge | {"id": "spare"}
    assert answer(enrolled, "device", "list") == [
        gauge | {"simulated": False, "best_effort": False, "revoked": False},
        spare | {"simulated": True, "best_effort": False, "revoked": False},
    ]
    assert command(enrolled, "device", "revoke", "gauge").returncode == 0
    assert [one["revoked"] for one in answer(enrolled, "device", "list")] == [True, False]
    done = command(enrolled, "device", "revoke", "nobody")
    assert (done.returncode, done.stderr) == (2, "hoshyar: there is no device 'nobody'\n")


@pytest.mark.promise("R1")
def test_a_device_without_numbers_is_listed_as_best_effort(enrolled: str) -> None:
    more = json.dumps({"device": [{"id": "spare", "station": "bridge", "simulated": True}]})
    assert command(enrolled, "device", "add", "-", given=more).returncode == 0
    with closing(connect(enrolled, stage="test")) as db:
        number = registry.load(db).device_number["spare"]
        heard = (Unnumbered(number, AT // times.HOUR * times.HOUR),)
        readings.commit(db, readings.Commit(0, AT, "t", "t", empty(), unnumbered=heard))
    assert [(one["id"], one["best_effort"]) for one in answer(enrolled, "device", "list")] == [
        ("gauge", False),
        ("spare", True),
    ]
    listed = command(enrolled, "device", "list").stdout.splitlines()
    assert [line.split(None, 2) for line in listed] == [
        ["gauge", "bridge"],
        ["spare", "bridge", "simulated, best effort"],
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"device": [{"id": "x"}]}', "`station` - at `$.device[0]`"),
        ('{"device": [{"id": "x", "station": "moon"}]}', "the station 'moon'"),
        ("{", "Input data was truncated"),
    ],
)
def test_a_description_that_is_wrong_changes_nothing(enrolled: str, text: str, said: str) -> None:
    done = command(enrolled, "device", "add", "-", given=text)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert len(answer(enrolled, "device", "list")) == 1


def test_quarantine_is_listed_with_its_reason(enrolled: str) -> None:
    store(enrolled, 1)
    (entry,) = answer(enrolled, "quarantine", "list")
    assert entry == {
        "number": entry["number"],
        "topic": "hoshyar/v1/x",
        "reason": "bad topic",
        "detail": "x",
        "bytes": 1,
        "received_at": "2026-03-01T00:00:00Z",
    }


def warning(level: Level, source: str = "stage-limit/bridge-stage") -> HazardWarning:
    return HazardWarning(
        source=source,
        detector="stage-limit",
        version="1",
        hazard=Hazard.RIVER_FLOOD,
        area="valley",
        level=level,
        stations=("bridge",),
        simulated=True,
        decided_at=AT,
        reason=Phrase("It rises at {station}.", {"station": "bridge"}),
    )


def alerts_hear(dsn: str, *said: HazardWarning) -> None:
    with closing(connect(dsn, stage="test")) as db:
        warnings.append(db, said)
        Follower(db, ScenarioClock(AT), scenario=False).step()


def test_an_incident_is_listed_and_acknowledged_as_on_the_desk(enrolled: str) -> None:
    alerts_hear(enrolled, warning(Level.ORANGE))
    (found,) = answer(enrolled, "alert", "list")
    alert = found["alert"]
    assert (found["level"], found["acknowledged_by"]) == ("orange", None)
    assert found["reason"] == "It rises at Old bridge."
    words = ("alert", "acknowledge", str(alert), "--person", "Amina")
    assert command(enrolled, *words, "--note", "seen").returncode == 0
    with closing(connect(enrolled, stage="test")) as db:
        ((_, action),) = incidents.actions_after(db, 0)
        Follower(db, ScenarioClock(AT), scenario=False).step()
    assert (action.alert, action.kind, action.person, action.note) == (
        alert,
        "acknowledge",
        "Amina",
        "seen",
    )
    (found,) = answer(enrolled, "alert", "list")
    assert found["acknowledged_by"] == "Amina"
    assert found["reason"] == "It rises at Old bridge.", "the reason of the level stays"
    for refused, why in ((words, "acknowledged already"), ((*words[:2], "other"), "no open alert")):
        done = command(enrolled, *refused[:3], "--person", "Bilal")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert why in done.stderr


def test_status_counts_the_silent_sources_that_the_desk_lists(enrolled: str) -> None:
    alerts_hear(enrolled, warning(Level.GREY), warning(Level.GREY, "robust-level/bridge-stage"))
    found = json.loads(command(enrolled, "status", "--json").stdout)
    assert (found["alerts_open"], found["unwatched"]) == (0, 2)
    with closing(connect(enrolled, stage="test")) as db:
        assert len(memory.unwatched(db)) == 2


def test_status_of_stages_elsewhere_goes_by_their_signs_of_life(enrolled: str) -> None:
    store(enrolled, 3)
    done = command(enrolled, "status", "--json")
    found = json.loads(done.stdout)
    assert (found["readings_stored"], found["quarantined"], found["addresses"]) == (3, 1, {})
    assert [s["name"] for s in found["stages"]] == ["devices"]
    assert command(enrolled, "status", "--stage", "ingest").returncode == 1


def test_migrating_again_does_nothing(dsn: str) -> None:
    done = command(dsn, "db", "migrate")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")


def test_a_notebook_opens_a_station_in_one_line(
    enrolled: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store(enrolled, 5)
    monkeypatch.setenv("HOSHYAR_DSN", enrolled)
    opened = hoshyar.open_dataset(
        station="bridge",
        quantities=["stage"],
        time=slice("2026-03-01T00:01:00Z", "2026-03-01T00:03:00Z"),
        data=tmp_path,
    )
    assert opened["stage"].values.tolist() == [0.1, 0.2, 0.3]
    with pytest.raises(InputError, match="bridge-stage"):
        hoshyar.open_waveform(
            series="bridge-stage", time=slice("2026-03-01T00:01:00Z", "2026-03-01T00:03:00Z")
        )
    monkeypatch.delenv("HOSHYAR_DSN")
    with pytest.raises(SettingsError, match="nothing runs in"):
        hoshyar.open_dataset(station="bridge", data=tmp_path)


FEED = """
[[feed]]
name = "farm"
topic = "farm/{device}/up"
format = "flat-json"
devices = { "G 1" = "gauge" }
time = { field = "ts", form = "epoch-ms" }
readings = [{ field = "data.cm", quantity = "stage", unit = "cm" }]
ignore = ["battery*"]

[[feed]]
name = "slope"
topic = "spBv1.0/valley/#"
format = "sparkplug-b"
device = "gauge"
readings = [{ field = "Level \\"1\\"", quantity = "stage" }]
"""


def test_feeds_are_imported_exported_as_they_were_and_removed(
    enrolled: str, tmp_path: Path
) -> None:
    file = tmp_path / "feeds.toml"
    file.write_text(FEED)
    assert command(enrolled, "feed", "import", file).stdout == "2 feeds read, 2 new or changed\n"
    whole = tomllib.loads(FEED)["feed"]
    assert answer(enrolled, "feed", "list") == whole
    exported = command(enrolled, "feed", "export").stdout
    assert tomllib.loads(exported)["feed"] == whole
    file.write_text(exported)
    assert command(enrolled, "feed", "import", file).stdout == "2 feeds read, 0 new or changed\n"
    assert command(enrolled, "feed", "access").stdout == (
        "user hoshyar-ingest\ntopic read farm/+/up\ntopic read spBv1.0/valley/#\n"
        "topic write spBv1.0/valley/NCMD/+\n"
    )
    assert command(enrolled, "feed", "remove", "slope").returncode == 0
    assert answer(enrolled, "feed", "list") == whole[:1]
    done = command(enrolled, "feed", "remove", "slope")
    assert (done.returncode, done.stderr) == (2, "hoshyar: there is no feed 'slope'\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('= "gauge" }', '= "gauge-9" }', "feed 'farm', device: 'gauge-9' is not enrolled"),
        ("farm/{device}/up", "spBv1.0/valley/{device}", "feed 'slope', topic: spBv1.0/valley/#"),
    ],
)
def test_a_file_of_feeds_that_does_not_fit_changes_nothing_and_says_where(
    enrolled: str, tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = tmp_path / "feeds.toml"
    file.write_text(FEED.replace(old, new, 1))
    done = command(enrolled, "feed", "import", file)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"hoshyar: {file}: {said}")
    assert answer(enrolled, "feed", "list") == []
